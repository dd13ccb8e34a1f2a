"""What all pages share: the templates, what every one of them shows, and the pages of errors."""

from __future__ import annotations

from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from client.errors import ClientError, NotAllowed, ServiceBusy, ServiceTimedOut, TooLarge
from desk.served import is_standin, newest
from desk.service import Service
from desk.settings import Settings
from desk.static_files import StaticFiles
from desk.wording import FILTERS

NAVIGATION = (("/", "One home"), ("/homes", "Many homes"), ("/model", "The model"), ("/docs", "For programs"))
"""Address and name of each page in the header, in their order."""

WORDS = {
    404: ("There is no such page", "The address may be mistyped, or an old one."),
    411: ("The file came without its length", "Choose it again on the page for many homes."),
    405: ("That cannot be sent here", "Go back to the page you came from and use its form."),
    500: ("The desk failed", "This is a fault of the desk, not of what you entered. Try again in a minute."),
}


@dataclass(frozen=True)
class Desk:
    """Hold what every page works with."""

    settings: Settings
    service: Service
    static: StaticFiles
    templates: Environment


def templates(static: StaticFiles) -> Environment:
    """Return the templates: everything that they show is escaped, and a name that is not given is an error."""
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(FILTERS)
    environment.globals.update(static=static.url, navigation=NAVIGATION)
    return environment


def desk_of(request: Request) -> Desk:
    """Return the desk that a request came to."""
    desk: Desk = request.app.state.desk
    return desk


def render(request: Request, template: str, status: int = 200, price_model: str = "", **shown: Any) -> Response:
    """Return a page. ``price_model`` names the model that answered: made-up prices are then said to be so, loudly.

    Before anything was asked, the card of what serves says it, where it can be read.
    """
    desk = desk_of(request)
    served = None if price_model else newest(desk.settings.served)
    standin = is_standin(price_model or (served.price_model if served else ""))
    page = desk.templates.get_template(template)
    return HTMLResponse(page.render(path=request.url.path, standin=standin, **shown), status)


def show_http_error(request: Request, error: Exception) -> Response:
    """Return the page for an address or a way of asking that is not there, and for the desk's own failures."""
    status = error.status_code if isinstance(error, HTTPException) else 500
    usual = HTTPStatus(status).phrase, "Go back and try again."
    title, advice = WORDS.get(status, usual)
    page = render(request, "error.html", status, title=title, advice=advice, detail="", again="")
    page.headers.update((error.headers or {}) if isinstance(error, HTTPException) else {})
    return page


def show_service_error(request: Request, error: Exception) -> Response:
    """Return the page for a question that the service did not answer, with what to do and a link to ask again."""
    assert isinstance(error, ClientError)
    status, title, advice = in_words(error)
    again = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    again = again if request.method == "GET" else ""
    page = render(request, "error.html", status, title=title, advice=advice, detail=str(error), again=again)
    if error.passing:
        page.headers["Retry-After"] = "5"
    return page


def in_words(error: ClientError) -> tuple[int, str, str]:
    """Return a status, a title and advice for an agent, where the client's own words are for programmers."""
    if isinstance(error, NotAllowed):
        return 403, "The service does not accept this key", "Ask whoever runs the service for a valid key."
    if isinstance(error, TooLarge):
        return 413, "That is too much at once", "Send fewer homes at a time."
    if isinstance(error, (ServiceBusy, ServiceTimedOut)):
        return 503, "The service is busy", "Your entries are kept in this address. Try again in a few seconds."
    return 503, "The valuation service is away", "Your entries are kept in this address. Try again in a minute."
