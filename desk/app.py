"""The desk as an ASGI application."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from client.errors import ClientError
from desk import api_docs, many_homes, one_home, pages, pass_on, static_files, the_model
from desk.jobs import Jobs
from desk.pages import Desk, show_http_error, show_service_error
from desk.security import SecurityHeaders
from desk.service import Service
from desk.settings import Settings
from desk.static_files import StaticFiles

PAGES = (one_home, many_homes, the_model, api_docs)
"""Each module serves one page: its ``ROUTES``, with a template of the same name."""


def healthy(request: Request) -> Response:
    """Answer that the desk runs; whether the service does is another question."""
    return PlainTextResponse("ready\n")


@asynccontextmanager
async def keep_files(app: Starlette) -> AsyncIterator[None]:
    """Keep the files that people bring for as long as the desk runs."""
    app.state.jobs = Jobs(app.state.desk.settings.service_url)
    try:
        yield
    finally:
        app.state.jobs.close()


def create(settings: Settings) -> Starlette:
    """Return the desk for these settings. Raises WrongAddress for a service that cannot be at its address."""
    static = StaticFiles.find()
    app = Starlette(
        routes=[
            *(route for page in PAGES for route in page.ROUTES),
            *pass_on.ROUTES,
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
        lifespan=keep_files,
    )
    app.state.desk = Desk(settings, Service(settings.service_url), static, pages.templates(static))
    return app
