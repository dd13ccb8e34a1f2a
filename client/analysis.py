"""What the service's ``market_analysis`` says of a home: its price, past sales that bear it out, and reasons."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import date
from typing import Any

MODEL = "market_analysis"
_SALE = "comparable_"


@dataclass(frozen=True)
class Comparable:
    """Hold a past sale, and what it comes to for the home that was asked about. Amounts are in dollars."""

    id: str
    sale_date: date
    sale_price: float
    distance_miles: float
    similarity: float
    """In percent: 100 is alike."""
    market_adjustment: float
    home_adjustment: float
    gross_adjustment: float
    """In percent of the sale price."""
    adjusted_price: float
    """``sale_price + market_adjustment + home_adjustment``."""
    home: Mapping[str, float]
    """The sold home's own columns."""


@dataclass(frozen=True)
class Reason:
    """Hold what a group of columns adds to the price of the typical home of the ZIP code, in dollars."""

    group: str
    dollars: float


@dataclass(frozen=True)
class Analysis:
    """Hold everything about one home, from one trained model. Prices are in dollars."""

    price: float
    price_low: float
    price_high: float
    price_model: str
    valued_for: date | None
    """The day whose market the price is for; None where a model knows of none."""
    confidence: str
    """``high``, ``medium`` or ``low``."""
    fsd: float
    comparables: tuple[Comparable, ...]
    comparables_price: float
    comparables_low: float
    comparables_high: float
    comparables_level: int
    """From 0 for the strictest limits to 4 for none; -1 without comparables."""
    reference_price: float
    reasons: tuple[Reason, ...]
    notice: str


def read(outputs: Mapping[str, Sequence[Any]], homes: int) -> Iterator[Analysis]:
    """Yield the analysis of each home from the model's outputs, which hold the values of all homes one after another.

    Raises:
        KeyError, ValueError, TypeError or AttributeError: where these are no outputs of ``market_analysis``.
    """
    for row in range(homes):
        yield _analysis(
            {
                name: values[row * len(values) // homes : (row + 1) * len(values) // homes]
                for name, values in outputs.items()
            }
        )


def _analysis(of_home: Mapping[str, Sequence[Any]]) -> Analysis:
    one = {name: values[0] for name, values in of_home.items() if len(values) == 1}
    reasons = zip(of_home["reason_group"], of_home["reason_dollars"], strict=True)
    return Analysis(
        price=float(one["price"]),
        price_low=float(one["price_low"]),
        price_high=float(one["price_high"]),
        price_model=_text(one["price_model"]),
        valued_for=date.fromisoformat(day) if (day := _text(one["valued_for"])) else None,
        confidence=_text(one["confidence"]),
        fsd=float(one["fsd"]),
        comparables=tuple(_comparable(of_home, place) for place in range(int(one["comparables_count"]))),
        comparables_price=float(one["comparables_price"]),
        comparables_low=float(one["comparables_low"]),
        comparables_high=float(one["comparables_high"]),
        comparables_level=int(one["comparables_level"]),
        reference_price=float(one["reference_price"]),
        reasons=tuple(Reason(name, float(dollars)) for group, dollars in reasons if (name := _text(group))),
        notice=_text(one["notice"]),
    )


_FIGURES = tuple(field.name for field in fields(Comparable) if field.type == "float")


def _comparable(of_home: Mapping[str, Sequence[Any]], place: int) -> Comparable:
    sale = {name.removeprefix(_SALE): values[place] for name, values in of_home.items() if name.startswith(_SALE)}
    figures = {name: float(sale.pop(name)) for name in _FIGURES}
    return Comparable(
        id=_text(sale.pop("id")),
        sale_date=date.fromisoformat(_text(sale.pop("sale_date"))),
        home={name: float(value) for name, value in sale.items()},
        **figures,
    )


def _text(value: Any) -> str:
    """Return a text output; the embedded server on Python 3.13 fills texts up with blanks."""
    return str(value).rstrip()
