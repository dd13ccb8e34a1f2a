"""What the desk asks of the service for one home: its analysis, and what other prices and ranges would be."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from statistics import fmean
from typing import Protocol

from client.analysis import Analysis
from client.valuation import Valuation
from preprocessing.columns import EXAMPLE_HOME, HOME_COLUMNS

Home = Mapping[str, float]
LARGER = (0.8, 0.9, 1.1, 1.2)
"""Living areas that a home is also valued with, relative to its own."""
RANKS = ("condition", "grade")
NEAR = 2
"""How far from its own rank a home is also valued."""
TRIES = 3
"""How often everything is asked again where another version took over between the questions."""

INSTEAD = {"sqft_living15": "sqft_living", "sqft_lot15": "sqft_lot"}
"""What a comparable sale tells of the homes around it, where it does not tell that itself."""


@dataclass(frozen=True)
class Variant:
    """Hold what a home would be worth if one column had another value; ``gain`` is in dollars."""

    column: str
    value: float
    price: float
    gain: float
    own: bool


@dataclass(frozen=True)
class Sharper:
    """Hold how wide the range would be if some columns were told, as plus or minus a share of the price."""

    columns: tuple[str, ...]
    width: float


@dataclass(frozen=True)
class Answer:
    """Hold all that is shown of one home. One trained model gave all of it, unless ``mixed``."""

    analysis: Analysis
    variants: tuple[Variant, ...]
    sharper: tuple[Sharper, ...]
    mixed: bool

    @property
    def width(self) -> float:
        """Return how far the range reaches from the price, as a share of the price."""
        return width(self.analysis)

    def variants_of(self, column: str) -> list[Variant]:
        """Return the variants of one column, in the order of its values."""
        return sorted((one for one in self.variants if one.column == column), key=lambda one: one.value)


class Analyst(Protocol):
    """Gives analyses of homes."""

    def analyse(self, homes: Sequence[Home]) -> list[Analysis]:
        """Return an analysis for each home."""


class Valuer(Protocol):
    """Gives prices and ranges of homes."""

    def value(self, homes: Sequence[Home]) -> list[Valuation]:
        """Return a valuation for each home."""


def width(valued: Analysis | Valuation) -> float:
    """Return half the width of a range as a share of the price."""
    return (valued.price_high - valued.price_low) / 2 / valued.price


def ask(home: Home, analyst: Analyst, valuer: Valuer) -> Answer:
    """Return everything about one home, asked of the service in few requests.

    All of it comes from one trained model: where a new version took over in between, it is asked again.
    Raises what the client raises, such as HomeRefused.
    """
    for _ in range(TRIES):
        (analysis,) = analyst.analyse([home])
        variants, sharper, models = _more(home, analysis, valuer)
        answer = Answer(analysis, variants, sharper, models != {analysis.price_model})
        if not answer.mixed:
            break
    return answer


def _more(home: Home, analysis: Analysis, valuer: Valuer) -> tuple[tuple[Variant, ...], tuple[Sharper, ...], set[str]]:
    others = list(_others(home))
    told = list(_told(home, analysis))
    batches = [[{**home, **changed} for _, _, changed in others], *(homes for _, homes in told)]
    with ThreadPoolExecutor(max_workers=4) as threads:
        replies = list(threads.map(lambda homes: valuer.value(homes) if homes else [], batches))
    variants = tuple(
        Variant(column, value, reply.price, reply.price - analysis.price, value == home[column])
        for (column, value, _), reply in zip(others, replies[0], strict=True)
    )
    sharper = [
        Sharper(columns, fmean(width(one) for one in replies))
        for (columns, _), replies in zip(told, replies[1:], strict=True)
    ]
    models = {analysis.price_model, *(one.price_model for replies_of_one in replies for one in replies_of_one)}
    return variants, tuple(sorted(sharper, key=lambda one: one.width)), models


def _others(home: Home) -> Iterable[tuple[str, float, Home]]:
    """Yield column, value and changed columns of each variant of a home that could be."""
    for column in HOME_COLUMNS:
        if column.name in RANKS and column.name in home and column.high is not None:
            own = home[column.name]
            low, high = int(max(column.low, own - NEAR)), int(min(column.high, own + NEAR))
            yield from ((column.name, float(value), {column.name: value}) for value in range(low, high + 1))
    living, above = home["sqft_living"], home["sqft_above"]
    for share in (1.0, *LARGER):
        area = living if share == 1 else max(1.0, round(living * share, -1))
        # What is added stands above ground; what is taken away, too, as far as that goes.
        parts = {"sqft_above": above + area - living}
        if parts["sqft_above"] >= 0:
            yield "sqft_living", area, {"sqft_living": area, **parts}


def _told(home: Home, analysis: Analysis) -> Iterable[tuple[tuple[str, ...], list[Home]]]:
    """Yield what could still be told, and the home with it as its comparable sales have it."""
    missing = [column.name for column in HOME_COLUMNS if column.name not in home]
    place = tuple(name for name in ("lat", "long") if name in missing)
    alone: list[tuple[str, ...]] = [(name,) for name in missing if name not in place]
    tellings: list[tuple[str, ...]] = [*([place] if place else []), *alone]
    for columns in tellings + ([tuple(missing)] if len(tellings) > 1 else []):
        homes: list[Home] = [{**home, **{name: _of(like, name) for name in columns}} for like in _like(analysis)]
        homes = [one for one in homes if not 0 < one.get("yr_renovated", 0) < one.get("yr_built", 0)]
        if homes:
            yield columns, homes


def _like(analysis: Analysis) -> list[Home]:
    """Return the columns of homes that are like this one: the comparable sales, or an ordinary one without any."""
    return [one.home for one in analysis.comparables] or [EXAMPLE_HOME]


def _of(like: Home, column: str) -> float:
    return float(like[column] if column in like else like[INSTEAD[column]])
