"""The first rows of the files that a run has written, for a page."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from urllib.parse import urlencode

from client.homes_file import open_homes, places_of
from client.report import home_in_words
from client.valuation import OUTPUTS
from data.tabular.notation import Notation
from preprocessing.columns import HOME_COLUMN_NAMES, HOME_COLUMNS

SHOWN = 10
REFUSALS_SHOWN = 20


@dataclass(frozen=True)
class ValuedRow:
    """Hold a home of a file: its line, the home in a few words, prices in dollars, its address on the desk."""

    line: str
    home: str
    price: float
    price_low: float
    price_high: float
    address: str


@dataclass(frozen=True)
class RefusedRow:
    """Hold one row without a price, and why."""

    line: str
    reason: str


def first_valued(path: Path) -> list[ValuedRow]:
    """Return the first homes with a price. Raises UnusableFile."""
    return [*_valued(path)]


def _valued(path: Path) -> Iterator[ValuedRow]:
    table = open_homes(path)
    places = places_of(table, HOME_COLUMN_NAMES)
    prices = [table.names.index(name) for name in OUTPUTS[:3]]
    rows = [row.cells for row in islice(table.rows(), SHOWN)]
    notation = Notation.of((cells[place] for cells in rows for place in [*places.values(), *prices]), table.separator)
    for cells in rows:
        found = {
            name: number for name, place in places.items() if (number := notation.number(cells[place])) is not None
        }
        price, low, high = (notation.number(cells[place]) or 0.0 for place in prices)
        yield ValuedRow(cells[0], home_in_words(found), price, low, high, address(found))


def first_refused(path: Path) -> list[RefusedRow]:
    """Return the first rows without a price. Raises UnusableFile."""
    return [RefusedRow(row.cells[0], row.cells[1]) for row in islice(open_homes(path).rows(), REFUSALS_SHOWN)]


def address(home: dict[str, float]) -> str:
    """Return the address of a home's own page on the desk."""
    return "/?" + urlencode(
        {column.name: f"{home[column.name]:.10g}" for column in HOME_COLUMNS if column.name in home}
    )
