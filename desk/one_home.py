"""One home: the form, and the answer under an address that can be sent, kept and printed."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from client.errors import HomeRefused, WrongColumns
from desk import asking, drawing, fields, form
from desk.asking import Answer
from desk.form import Form
from desk.pages import desk_of, render
from desk.wording import number, plain
from preprocessing.columns import EXAMPLE_HOME, HOME_COLUMN_NAMES, LABELS

ANALYSIS, VALUATION = "market_analysis", "house_price_minimal"
REMEMBERED = ("was", "by")
"""What a sent address says of the answer that it was sent with: its price, and the model's name."""
YEAR = "yr_built"
GRID = ("sqft_living", "sqft_lot", "bedrooms", "bathrooms", YEAR, "grade", "condition")
"""What the table of comparables shows of each sale, beside what it cost."""


@dataclass(frozen=True)
class Remembered:
    """Hold what a sent address says of the answer that it was sent with."""

    price: float
    price_model: str

    @classmethod
    def read(cls, request: Request) -> Remembered | None:
        """Return what the address says; None where it says nothing, or nothing that can be."""
        price, model = (request.query_params.get(name, "") for name in REMEMBERED)
        if re.fullmatch(r"\d{1,12}", price) and re.fullmatch(r"[\w.-]{1,100}", model, re.ASCII):
            return cls(float(price), model)
        return None


def show(request: Request) -> Response:
    """Show the form, and the answer where the address describes a home."""
    query = request.query_params
    asked = form.read(query)
    if any(not value.strip() for value in query.values()) or set(query) - {*HOME_COLUMN_NAMES, *REMEMBERED}:
        shorter = asked.query(**{name: query[name] for name in REMEMBERED if query.get(name)})
        return RedirectResponse(f"/?{shorter}" if shorter else "/", 303)
    if not asked.typed:
        return _page(request, asked)
    if asked.wrong:
        return _page(request, asked, status=422)
    service = desk_of(request).service
    try:
        answer = asking.ask(asked.home, service.client(ANALYSIS, request), service.client(VALUATION, request))
    except HomeRefused as refusal:
        return _page(request, asked.refused(refusal.rows.get(0) or {"": str(refusal)}), status=422)
    except WrongColumns as wrong:
        return _page(request, asked.refused(_of_column(str(wrong))), status=422)
    return _page(request, asked, answer)


def _of_column(complaint: str) -> dict[str, str]:
    """Return a complaint of the client about a home under the column that it names."""
    column, _, rest = complaint.partition(" of home 0 ")
    return {column: rest} if column in LABELS and rest else {"": complaint}


def _page(request: Request, asked: Form, answer: Answer | None = None, status: int = 200) -> Response:
    groups = dict(fields.groups())
    settings = desk_of(request).settings
    return render(
        request,
        "one_home.html",
        status,
        price_model=answer.analysis.price_model if answer else "",
        form=asked,
        fields=fields.fields(),
        needed=groups["needed"],
        more=groups["more"],
        place=fields.PLACE,
        narrower={one.columns[0]: one.width for one in answer.sharper if one.columns != tuple(asked.missing)}
        if answer
        else {},
        example=form.of_home(EXAMPLE_HOME).query(),
        tiles_url=settings.tiles_url,
        tiles_credit=settings.tiles_credit,
        answer=_shown(request, asked, answer) if answer else None,
    )


def _shown(request: Request, asked: Form, answer: Answer) -> dict[str, object]:
    """Return what the template of an answer shows."""
    analysis = answer.analysis
    before = Remembered.read(request)
    if before and before.price_model == analysis.price_model:
        before = None
    return {
        "analysis": analysis,
        "answer": answer,
        "facts": [
            (LABELS[name], fields.in_words(name, asked.home[name])) for name in asked.given if name not in fields.PLACE
        ],
        "before": before,
        "today": date.today(),
        "link": "/?" + asked.query(was=plain(round(analysis.price)), by=analysis.price_model),
        "range": drawing.range_picture(analysis),
        "steps": drawing.waterfall(analysis),
        "sketch": drawing.sketch(asked.home.get("lat"), asked.home.get("long"), analysis.comparables),
        "comparables": [
            (
                place,
                comparable,
                [
                    (
                        LABELS[name],
                        (plain if name == YEAR else number)(comparable.home[name]),
                        _differs(asked, name, comparable.home[name]),
                    )
                    for name in GRID
                ],
            )
            for place, comparable in enumerate(analysis.comparables, 1)
        ],
        "variants": [(LABELS[name], name, answer.variants_of(name)) for name in ("condition", "grade", "sqft_living")],
        "sharper": [
            (", ".join(LABELS[name].lower() for name in one.columns), one)
            for one in answer.sharper
            if one.width < 0.985 * answer.width
        ],
        "everything": len(asked.missing) > 0,
        "in_words": fields.in_words,
    }


def _differs(asked: Form, name: str, value: float) -> bool:
    """Return whether a sale's column differs from the home's, as far as that was told."""
    return name in asked.home and round(asked.home[name], 2) != round(value, 2)


ROUTES = (Route("/", show),)
