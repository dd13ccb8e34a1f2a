"""What a model card says, in figures that a page puts into words. Of older cards, what is not there is None."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

STANDS_OUT = 1.35
"""A group of homes is named as a weak spot when half of its prices are off by more than so many times the usual."""
FEW_SALES = 30
"""A group with fewer sales is named, too: its figures say little."""
OLD_DAYS = 60
"""Prices for a market that is longer ago are said to be old."""
KINDS = {
    "improved": "boosted trees and a small neural network on the home's own columns and its place",
    "basic": "the five most similar past sales, by size and neighborhood figures",
}
SHOWN_COLUMNS = ("sqft_living", "sqft_lot", "bedrooms", "grade", "yr_built")


@dataclass(frozen=True)
class Group:
    """Hold how good a model is on some sales; shares from 0 to 1, ``bias`` positive where it values too high."""

    name: str
    sales: int
    half_within: float
    within_10: float
    bias: float

    @property
    def of_ten(self) -> int:
        """Return of how many homes in ten the price is within 10 % of what was paid."""
        return round(10 * self.within_10)

    def weak(self, usual: Group) -> bool:
        """Return whether prices here are to be trusted less than usual."""
        return self.half_within > STANDS_OUT * usual.half_within or self.sales < FEW_SALES


@dataclass(frozen=True)
class Spread:
    """Hold what a model has seen of one column: the least, the greatest, and beyond what it has hardly seen homes."""

    column: str
    low: float
    high: float


@dataclass(frozen=True)
class CardFacts:
    """Hold what a card says of one version."""

    price_model: str
    kind: str
    made: date | None
    sales: int | None
    first_sale: date | None
    last_sale: date | None
    zipcodes: int | None
    valued_for: date | None
    whole: Group | None
    """On sales that it valued unseen, with all columns given."""
    least: Group | None
    """The same with only the required columns given."""
    within_20: float | None
    coverage: float | None
    width: float | None
    """How wide the range is, relative to the price, on average."""
    width_least: float | None
    areas: tuple[Group, ...]
    prices: tuple[Group, ...]
    seen: tuple[Spread, ...]

    def days_old(self, today: date) -> int:
        """Return how many days ago the market was that prices are for; 0 for one that is not over, or not known."""
        market = self.valued_for or self.last_sale
        return max(0, (today - market).days) if market else 0

    @property
    def weak_areas(self) -> tuple[Group, ...]:
        """Return the ZIP codes where prices are to be trusted less, the worst first."""
        return self._weak(self.areas)

    @property
    def weak_prices(self) -> tuple[Group, ...]:
        """Return the bands of price where prices are to be trusted less, the worst first."""
        return self._weak(self.prices)

    def _weak(self, groups: Sequence[Group]) -> tuple[Group, ...]:
        usual = self.whole
        found = [group for group in groups if usual and group.weak(usual)]
        return tuple(sorted(found, key=lambda group: -group.half_within))


def read_facts(card: Mapping[str, Any]) -> CardFacts:
    """Return what a card says; whatever is missing or of another form is None, or left out."""
    data, market, held = (_part(card, name) for name in ("data", "market", "held_out"))
    measured, by = _part(card, "price_range"), _part(card, "accuracy_by")
    name = str(card.get("price_model", ""))
    return CardFacts(
        price_model=name,
        kind=next((words for kind, words in KINDS.items() if name.startswith(kind)), ""),
        made=_day(card.get("created_at")),
        sales=_whole(data.get("sales")),
        first_sale=_day(data.get("first_sale")),
        last_sale=_day(data.get("last_sale")),
        zipcodes=_whole(data.get("zipcodes")),
        valued_for=_day(market.get("valued_for") or market.get("reference")),
        whole=_group(held),
        least=_group(_part(card, "held_out_required")),
        within_20=_share(held.get("ppe20")),
        coverage=_number(measured.get("coverage")),
        width=_number(measured.get("mean_width")),
        width_least=_number(measured.get("mean_width_required")),
        areas=_groups(by.get("area")),
        prices=_groups(by.get("price")),
        seen=_seen(_part(card, "training_columns")),
    )


def _part(card: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    part = card.get(name)
    return part if isinstance(part, dict) else {}


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else None


def _whole(value: object) -> int | None:
    number = _number(value)
    return None if number is None else int(number)


def _share(percent: object) -> float | None:
    number = _number(percent)
    return None if number is None else number / 100


def _day(value: object) -> date | None:
    try:
        return datetime.fromisoformat(str(value)).date()
    except ValueError:
        return None


def _group(figures: Mapping[str, Any], name: str = "") -> Group | None:
    """Return a group of sales from a card's figures, which are in percent."""
    sales, half, within, bias = (_number(figures.get(key)) for key in ("sales", "mdape", "ppe10", "bias"))
    if sales is None or half is None or within is None:
        return None
    return Group(name, int(sales), half / 100, within / 100, (bias or 0.0) / 100)


def _groups(found: object) -> tuple[Group, ...]:
    entries = found if isinstance(found, list) else []
    groups = [_group(entry, str(entry.get("name", ""))) for entry in entries if isinstance(entry, dict)]
    return tuple(group for group in groups if group)


def _seen(columns: Mapping[str, Any]) -> tuple[Spread, ...]:
    found = []
    for name in SHOWN_COLUMNS:
        low, high = (_number(_part(columns, name).get(end)) for end in ("low", "high"))
        if low is not None and high is not None:
            found.append(Spread(name, low, high))
    return tuple(found)
