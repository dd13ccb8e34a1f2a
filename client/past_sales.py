"""Finds the homes of a file that are past sales, in the sales file beside it."""

from __future__ import annotations

from dataclasses import dataclass

from .homes_file import HomesFile, read_homes

SALES_NAME = "kc_house_data.csv"
"""The name that ``data.files`` gives it: a client is used alone, so it is written twice and a test compares."""
_OF_THE_SALE = ("id", "date", "price")
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
    path = homes.table.path.parent / SALES_NAME
    if not path.is_file():
        return nothing
    sales = read_homes(path)
    text = sales.text(_OF_THE_SALE)
    names = [name for name in sales.table.names if name not in text]
    wanted = homes.numbers(names) if len(homes.text(names)) == len(names) and len(text) == len(_OF_THE_SALE) else {}
    if not wanted:
        return nothing
    # As text the same home may have 1 in one file and 1.0 in the other.
    keys = list(zip(*wanted.values(), strict=True))
    matches: dict[tuple[float, ...], list[tuple[str, float]]] = {key: [] for key in keys}
    of_sale = zip(text["date"], sales.numbers(("price",))["price"], strict=True)
    for key, sale in zip(zip(*sales.numbers(names).values(), strict=True), of_sale, strict=True):
        if key in matches:
            matches[key].append(sale)
    return [_latest(matches[key]) for key in keys]


def _latest(sales: list[tuple[str, float]]) -> Sale | None:
    if not sales:
        return None
    date, price = max(sales)
    return Sale(price, date, len(sales))
