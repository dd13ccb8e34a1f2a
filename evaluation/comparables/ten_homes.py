"""Ten homes looked at one by one: what an agent would have shown, what the home then sold for, and a judgement.

No row of the sales stands in what is found: prices and areas are rounded, years are decades, places are ZIP codes.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from evaluation.comparables.compared import Compared
from market_analysis.confidence import LOW, confidence, fsd
from market_analysis.doubts import doubts as doubts_of_comparables
from market_analysis.selection import NO_LEVEL
from preprocessing.columns import POSITION, ZIPCODE
from training.sales import FIRM_SEED, Sales

TEN = 10
DOLLARS, SQUARE_FEET = 1_000, 100
"""What prices and areas are rounded to."""

_DAYS_A_MONTH = 365.25 / 12


@dataclass(frozen=True)
class Sale:
    """Hold a comparable in round figures: gross is in percent, money in dollars."""

    home: str
    miles: float
    months: int
    paid: int
    adjusted: int
    gross: int


@dataclass(frozen=True)
class LookedAt:
    """Hold a home in round figures, with its comparables and a sentence of judgement."""

    home: str
    sold: str
    estimate: int
    low: int
    high: int
    confidence: str
    limits: int
    comparables: list[Sale]
    together: int
    sold_for: int
    shown: bool
    judgement: str


@dataclass(frozen=True)
class Convincing:
    """Hold how many of all homes have comparables to show, in percent, and the median errors of both kinds."""

    share: float
    mdape: float
    mdape_others: float


def ten_homes(sales: Sales, homes: Compared, count: int = TEN) -> list[LookedAt]:
    """Look at homes that a fixed seed draws; fewer where there are no more."""
    drawn = np.random.default_rng(FIRM_SEED).permutation(len(homes))[:count]
    return [_looked_at(sales, homes, int(place)) for place in drawn]


def convincing(homes: Compared) -> Convincing:
    """Return how many homes have comparables that would be shown, and how far the model is off with and without."""
    shown = np.array([not list(doubts(homes, place)) for place in range(len(homes))], dtype=bool)
    error = np.abs(homes.valued.error) * 100
    mdapes = (float(np.median(error[mask])) if mask.any() else float("nan") for mask in (shown, ~shown))
    return Convincing(float(shown.mean() * 100), *mdapes)


def doubts(homes: Compared, place: int) -> Iterator[str]:
    """Yield what speaks against showing the comparables of a home, as far as it is known before the home is sold."""
    adjusted, gross = (_given(told[place]) for told in (homes.picked.adjusted, homes.picked.gross))
    limits, valued = int(homes.limits[place]), homes.valued
    if limits == NO_LEVEL:
        yield "there is no comparable sale"
        return
    yield from doubts_of_comparables(limits, adjusted, gross, float(valued.price[place]))
    if confidence(float(fsd(valued.low[place], valued.high[place]))) == LOW:
        yield "the range is wide"


def _looked_at(sales: Sales, homes: Compared, place: int) -> LookedAt:
    picked, valued = homes.picked, homes.valued
    adjusted = _given(picked.adjusted[place])
    rows = _given(picked.row[place]).astype(int)
    day, against = sales.days[homes.row[place]], list(doubts(homes, place))
    together = float(adjusted.mean()) if len(adjusted) else 0.0
    comparables = [
        Sale(
            home=_described(sales, row),
            miles=round(float(picked.miles[place, one]), 1),
            months=round(float((day - sales.days[row]).astype(int)) / _DAYS_A_MONTH),
            paid=_dollars(picked.paid[place, one]),
            adjusted=_dollars(adjusted[one]),
            gross=round(float(picked.gross[place, one])),
        )
        for one, row in enumerate(rows.tolist())
    ]
    return LookedAt(
        home=_described(sales, int(homes.row[place])),
        sold=str(day.astype("datetime64[M]")),
        estimate=_dollars(valued.price[place]),
        low=_dollars(valued.low[place]),
        high=_dollars(valued.high[place]),
        confidence=confidence(float(fsd(valued.low[place], valued.high[place]))),
        limits=int(homes.limits[place]),
        comparables=comparables,
        together=_dollars(together),
        sold_for=_dollars(valued.paid[place]),
        shown=not against,
        judgement=_judgement(homes, place, against),
    )


def _judgement(homes: Compared, place: int, against: list[str]) -> str:
    """Say whether to show the comparables, why, and what came of it."""
    adjusted, valued = _given(homes.picked.adjusted[place]), homes.valued
    came = f"it sold for {_beside(100 * (valued.paid[place] / valued.price[place] - 1))} the estimate"
    if against:
        return f"Not to be shown without words: {'; '.join(against)}; {came}."
    mean = adjusted.mean()
    spread = 100 * (adjusted.max() - adjusted.min()) / mean
    farthest = float(np.nanmax(homes.picked.miles[place]))
    held = "inside" if adjusted.min() <= valued.paid[place] <= adjusted.max() else "outside"
    return (
        f"To be shown: {len(adjusted)} sales within {farthest:.1f} miles lie {spread:.0f} % apart and come to "
        f"{_beside(100 * (mean / valued.price[place] - 1))} the estimate; {came}, {held} what they span."
    )


def _described(sales: Sales, row: int) -> str:
    """Return a home in words and round figures."""
    home = {name: float(sales.table[row, place]) for name, place in POSITION.items()}
    area = round(home["sqft_living"] / SQUARE_FEET) * SQUARE_FEET
    extras = [
        "on the waterfront" if home["waterfront"] else "",
        f"view {home['view']:.0f}" if home["view"] else "",
        "renovated" if home["yr_renovated"] else "",
    ]
    facts = [
        f"{home[ZIPCODE]:.0f}",
        f"{home['bedrooms']:.0f} bedrooms",
        f"{area:,} sq ft",
        f"grade {home['grade']:.0f}",
        f"condition {home['condition']:.0f}",
        f"{home['yr_built'] // 10 * 10:.0f}s",
    ]
    return ", ".join([*facts, *filter(None, extras)])


def _beside(percent: float) -> str:
    """Say how far something is above or below something else."""
    return f"{abs(percent):.0f} % {'above' if percent >= 0 else 'below'}"


def _given(values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    return values[~np.isnan(values)]


def _dollars(value: float) -> int:
    return round(float(value) / DOLLARS) * DOLLARS
