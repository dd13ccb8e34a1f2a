"""For those who call the service by program: its description, and a page to read and try it on."""

from __future__ import annotations

from pathlib import Path

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import Route

from desk.pages import render

DESCRIPTION = Path(__file__).resolve().parent.parent / "docs" / "openapi.yaml"
"""Written by ``make openapi``; it names all paths without a host, so that the page asks where it came from."""


def show(request: Request) -> Response:
    """Show the page to try it on."""
    return render(request, "api_docs.html")


def send_description(request: Request) -> Response:
    """Send the description as it is."""
    if not DESCRIPTION.is_file():
        raise HTTPException(404)
    return FileResponse(DESCRIPTION, media_type="application/yaml", headers={"Cache-Control": "no-cache"})


ROUTES = (Route("/docs", show), Route("/docs/openapi.yaml", send_description))
