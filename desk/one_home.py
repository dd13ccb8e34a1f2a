"""One home: the form, and the answer under an address that can be sent."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from desk.pages import render


def show(request: Request) -> Response:
    """Show the form, and the answer where the address describes a home."""
    return render(request, "one_home.html")


ROUTES = (Route("/", show),)
