"""The desk as an ASGI application."""

from __future__ import annotations

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from client.errors import ClientError
from desk import one_home, pages, static_files
from desk.pages import Desk, show_http_error, show_service_error
from desk.security import SecurityHeaders
from desk.service import Service
from desk.settings import Settings
from desk.static_files import StaticFiles

PAGES = (one_home,)
"""Each module serves one page: its ``ROUTES``, with a template of the same name."""


def healthy(request: Request) -> Response:
    """Answer that the desk runs; whether the service does is another question."""
    return PlainTextResponse("ready\n")


def create(settings: Settings) -> Starlette:
    """Return the desk for these settings. Raises WrongAddress for a service that cannot be at its address."""
    static = StaticFiles.find()
    app = Starlette(
        routes=[
            *(route for page in PAGES for route in page.ROUTES),
            *static_files.ROUTES,
            Route("/ready", healthy),
        ],
        middleware=[
            Middleware(SecurityHeaders, tiles_origin=settings.tiles_origin),
            Middleware(GZipMiddleware, minimum_size=1_000),
        ],
        exception_handlers={
            404: show_http_error,
            405: show_http_error,
            500: show_http_error,
            ClientError: show_service_error,
        },
    )
    app.state.desk = Desk(settings, Service(settings.service_url), static, pages.templates(static))
    return app
