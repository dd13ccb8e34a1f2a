"""Finds the homes of a file that are past sales, in the sales file beside it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from .homes_file import HomesFile, read_homes

SALES_NAME = "kc_house_data.csv"
"""The name that ``data.files`` gives it: a client is used alone, so it is written twice and a test compares."""
_OF_THE_SALE = frozenset({"id", "date", "price"})
"""The columns of the sales file that say nothing about the home."""


@dataclass(frozen=True)
class Sale:
    """Hold the latest sale of a home."""

    price: float
    """Dollars."""
    date: str
    """As in the file, 20141013T000000: dates sorted as text are sorted by time."""
    times: int
    """How many sales of this very home the file holds."""


def past_sales(homes: HomesFile) -> list[Sale | None]:
    """Return for each home its sale, or None where no sale agrees on every column.

    All are None if there is no sales file, or if the homes lack a column that it has: fewer columns
    do not tell two homes apart. Raises UnusableFile if the sales file cannot be read.
    """
    nothing: list[Sale | None] = [None] * len(homes.rows)
    path = homes.path.parent / SALES_NAME
    if not path.is_file():
        return nothing
    sales = read_homes(path)
    names = tuple(name for name in sales.column_names if name not in _OF_THE_SALE)
    if not set(names) <= set(homes.column_names) or not set(sales.column_names) >= _OF_THE_SALE:
        return nothing
    wanted = _keys(homes, names)
    matches: dict[tuple[float, ...], list[Mapping[str, str]]] = {key: [] for key in wanted}
    for key, row in zip(_keys(sales, names), sales.rows, strict=True):
        if key in matches:
            matches[key].append(row)
    return [_latest(matches[key]) for key in wanted]


def _keys(homes: HomesFile, names: tuple[str, ...]) -> list[tuple[float, ...]]:
    """Return each home as numbers: as text the same home may have 1 in one file and 1.0 in the other."""
    return list(zip(*homes.numbers(names).values(), strict=True))


def _latest(rows: list[Mapping[str, str]]) -> Sale | None:
    if not rows:
        return None
    latest = max(rows, key=lambda row: row["date"])
    return Sale(float(latest["price"]), latest["date"], len(rows))
