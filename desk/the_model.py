"""The model: what serves and since when, how good it is, where not to trust it, and which versions there are."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from client.errors import ClientError
from desk.card_facts import OLD_DAYS, CardFacts, read_facts
from desk.pages import Desk, desk_of, render
from desk.served import versions
from preprocessing.columns import EXAMPLE_HOME, LABELS

MODEL = "house_price"
MOST_VERSIONS = 10


@dataclass(frozen=True)
class Version:
    """Hold a version that can be read: its number, what its card says, since when it is there, whether it answers."""

    number: int
    facts: CardFacts
    since: datetime | None
    answers: bool


@dataclass(frozen=True)
class Refusal:
    """Hold a version that was not let in, and why."""

    number: int
    reason: str


def show(request: Request) -> Response:
    """Show the model that answers at this moment, by its card."""
    desk = desk_of(request)
    name, away = who_answers(desk, request)
    found = known_versions(desk.settings.served, name)
    serving = next((version for version in found if version.answers), None)
    today = date.today()
    facts = serving.facts if serving else None
    old = facts.days_old(today) if facts else 0
    return render(
        request,
        "the_model.html",
        price_model=name,
        name=name,
        away=away,
        serving=serving,
        facts=facts,
        old_years=old / 365.25 if old > OLD_DAYS else 0,
        others=[version for version in found if not version.answers],
        refusals=refused(desk.settings.served),
        readable=bool(found),
        labels=LABELS,
    )


def who_answers(desk: Desk, request: Request) -> tuple[str, str]:
    """Return the name of the model that values homes now, or why none does."""
    try:
        (valuation,) = desk.service.client(MODEL, request).value(EXAMPLE_HOME)
    except ClientError as error:
        return "", str(error)
    return valuation.price_model, ""


def known_versions(served: Path, answering: str) -> list[Version]:
    """Return the versions in the served folder, the newest first.

    Of two cards with one name the newer one answers. Without an answer the newest one counts as the one that serves.
    """
    found: list[Version] = []
    for version in versions(served)[:MOST_VERSIONS]:
        facts = read_facts(version.card)
        taken = any(other.answers for other in found)
        answers = not taken and (facts.price_model == answering if answering else not found)
        found.append(Version(version.number, facts, _since(served, version.number), answers))
    return found


def refused(served: Path) -> list[Refusal]:
    """Return what the door has refused, the newest first; nothing where its record cannot be read."""
    try:
        record: Any = json.loads((served / "door.json").read_bytes())
        verdicts = {int(number): verdict for number, verdict in record["verdicts"].items()}
        found = [Refusal(number, str(one["reason"])) for number, one in verdicts.items() if one["state"] == "refused"]
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return []
    return sorted(found, key=lambda refusal: -refusal.number)


def _since(served: Path, number: int) -> datetime | None:
    """Return when a version was let in: its folder appears at that moment, and never changes."""
    try:
        return datetime.fromtimestamp((served / "models" / "price_model" / str(number)).stat().st_mtime).astimezone()
    except OSError:
        return None


ROUTES = (Route("/model", show),)
