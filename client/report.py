"""Valuations for people, as a table, and for programs, as JSON Lines."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from statistics import median

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from .errors import HomeRefused
from .past_sales import SALES_NAME, Sale
from .valuation import Valuation

REFUSALS_SHOWN = 10


@dataclass(frozen=True)
class AskedHome:
    """Hold what became of one home of the file."""

    line: int
    home: Mapping[str, float]
    answer: Valuation | HomeRefused
    sale: Sale | None


def home_in_words(home: Mapping[str, float]) -> str:
    """Return the home in a few words, from the columns that it has: ``3 bd, 2.25 ba, 1,900 sq ft, 98118``."""
    words = {"bedrooms": "{:g} bd", "bathrooms": "{:g} ba", "sqft_living": "{:,.0f} sq ft", "zipcode": "{:05.0f}"}
    return ", ".join(form.format(home[name]) for name, form in words.items() if name in home)


def json_lines(outcomes: Sequence[AskedHome]) -> Iterator[str]:
    """Yield one JSON object per home.

    It holds ``line`` and ``home``, then the valuation's four fields or ``refused``, and for a past
    sale ``sold_price`` in dollars and ``sold_date``.
    """
    for outcome in outcomes:
        answer, sale = outcome.answer, outcome.sale
        home = {name: int(value) if float(value).is_integer() else value for name, value in outcome.home.items()}
        record: dict[str, object] = {"line": outcome.line, "home": home}
        record |= {"refused": str(answer)} if isinstance(answer, HomeRefused) else asdict(answer)
        record |= {"sold_price": sale.price, "sold_date": sale.date[:8]} if sale else {}
        yield json.dumps(record)


def show(outcomes: Sequence[AskedHome], console: Console) -> None:
    """Print a table of the homes that were valued, and what to know about it."""
    valued = [(outcome, outcome.answer) for outcome in outcomes if isinstance(outcome.answer, Valuation)]
    if not valued:
        return
    models = sorted({valuation.price_model for _, valuation in valued})
    sold = any(outcome.sale for outcome, _ in valued)
    table = Table("line", "home", box=box.SIMPLE_HEAD)
    for title in ["price", "from", "to", *(["sold for", "off"] if sold else [])]:
        table.add_column(title, justify="right", no_wrap=True)
    if len(models) > 1:
        table.add_column("model")
    for outcome, valuation in valued:
        cells = [str(outcome.line), home_in_words(outcome.home)]
        cells += [f"${dollars:,.0f}" for dollars in (valuation.price, valuation.price_low, valuation.price_high)]
        if sold:
            sale = outcome.sale
            cells += [f"${sale.price:,.0f}", f"{valuation.price / sale.price - 1:+.1%}"] if sale else ["", ""]
        table.add_row(*cells, *([escape(valuation.price_model)] if len(models) > 1 else []))
    console.print(table)
    console.print(f"Valued by {escape(', '.join(models))}.", highlight=False)
    for sentence in about_sales(outcomes):
        console.print(sentence, highlight=False)


def about_sales(outcomes: Sequence[AskedHome]) -> Iterator[str]:
    """Yield how the valuations compare with the true prices of past sales, and how far to trust that."""
    pairs = [
        (outcome.answer, outcome.sale)
        for outcome in outcomes
        if outcome.sale is not None and isinstance(outcome.answer, Valuation)
    ]
    if not pairs:
        return
    error = median(abs(valuation.price / sale.price - 1) for valuation, sale in pairs)
    within = sum(valuation.price_low <= sale.price <= valuation.price_high for valuation, sale in pairs)
    yield f"Median absolute error {error:.1%}; {within} of {len(pairs)} sale prices lie within their range."
    yield (
        f"A sale price is known where a sale in {SALES_NAME} agrees with the home on every column. Such a home is not "
        "unseen: Sound Realty's own model may have learned its price in training."
    )
    if repeated := sum(sale.times > 1 for _, sale in pairs):
        yield f"Homes sold more than once, shown with their latest sale: {repeated}."


def refusals(outcomes: Sequence[AskedHome]) -> Iterator[str]:
    """Yield the first refused homes by line, with the service's reason, and how many more there are."""
    refused = [(outcome.line, outcome.answer) for outcome in outcomes if isinstance(outcome.answer, HomeRefused)]
    for line, reason in refused[:REFUSALS_SHOWN]:
        yield f"line {line}: {reason}"
    if len(refused) > REFUSALS_SHOWN:
        yield f"and {len(refused) - REFUSALS_SHOWN} more homes refused"
