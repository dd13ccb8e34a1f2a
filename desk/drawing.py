"""Where things stand in the pictures of an answer: along a line in percent, and around a home in pixels.

The pictures are SVG without a style of their own. A line is measured in percent of its width, so that its text keeps
its size on every screen.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import cos, floor, log10, radians

from client.analysis import Analysis, Comparable

MARGIN = 6.0
"""Percent of a line's width that stay free at both ends."""
SKETCH = 300
"""The width and height of the sketch, in its own units."""
MILES_A_DEGREE = 69.1
"""Of latitude: an 360th of the meridian through both poles, 24,860 miles."""


@dataclass(frozen=True)
class Scale:
    """A straight line of dollars from ``low`` to ``high``."""

    low: float
    high: float

    @classmethod
    def around(cls, values: Sequence[float]) -> Scale:
        """Return the scale on which all values lie within the margins."""
        low, high = min(values), max(values)
        spread = max(high - low, 0.01 * abs(high), 1.0)
        margin = spread * MARGIN / (100 - 2 * MARGIN)
        return cls(low - margin, low + spread + margin)

    def at(self, dollars: float) -> float:
        """Return where an amount stands, in percent of the width."""
        return round(100 * (dollars - self.low) / (self.high - self.low), 2)

    def ticks(self, most: int = 5) -> list[float]:
        """Return round amounts on the scale, at most so many."""
        rough = (self.high - self.low) / most
        power = 10.0 ** floor(log10(rough))
        step = next(power * factor for factor in (1, 2, 5, 10) if power * factor >= rough)
        first = -(-self.low // step)
        found = [step * (first + place) for place in range(most + 1)]
        return [tick for tick in found if self.low <= tick <= self.high]


@dataclass(frozen=True)
class Dot:
    """Hold a comparable sale on the line: its number, its place in percent, and its row where others are near."""

    number: int
    at: float
    row: int


@dataclass(frozen=True)
class RangePicture:
    """Hold the price, its range and the comparable sales on one scale, in percent."""

    low: float
    price: float
    high: float
    dots: tuple[Dot, ...]
    rows: int
    ticks: tuple[tuple[float, float], ...]
    """Dollars and place of each."""


NEAR = 7.0
"""Percent: dots that are nearer than this stand in different rows, so that their numbers can be read on a telephone."""


def range_picture(analysis: Analysis) -> RangePicture:
    """Return price, range and comparables of an answer, drawn to scale."""
    adjusted = [one.adjusted_price for one in analysis.comparables]
    scale = Scale.around([analysis.price_low, analysis.price_high, analysis.price, *adjusted])
    dots: list[Dot] = []
    for place in sorted(range(len(adjusted)), key=adjusted.__getitem__):
        at = scale.at(adjusted[place])
        taken = {dot.row for dot in dots if abs(dot.at - at) < NEAR}
        dots.append(Dot(place + 1, at, next(row for row in range(len(adjusted)) if row not in taken)))
    return RangePicture(
        scale.at(analysis.price_low),
        scale.at(analysis.price),
        scale.at(analysis.price_high),
        tuple(dots),
        max((dot.row for dot in dots), default=0) + 1,
        # Nearer to an end, its text would be cut off on a telephone.
        tuple((tick, scale.at(tick)) for tick in scale.ticks(4) if NEAR < scale.at(tick) < 100 - NEAR),
    )


@dataclass(frozen=True)
class Step:
    """Hold one step of the waterfall: from where to where its bar goes, in percent, and its dollars."""

    label: str
    dollars: float
    start: float
    end: float

    @property
    def left(self) -> float:
        """Return the left end of the bar."""
        return min(self.start, self.end)

    @property
    def width(self) -> float:
        """Return the length of the bar: never so short that it cannot be seen."""
        return round(max(abs(self.end - self.start), 0.4), 2)


def waterfall(analysis: Analysis) -> list[Step]:
    """Return the steps from the typical home to this one, the largest first; groups without dollars drop out."""
    reasons = sorted((one for one in analysis.reasons if one.dollars), key=lambda one: -abs(one.dollars))
    totals = [analysis.reference_price]
    for reason in reasons:
        totals.append(totals[-1] + reason.dollars)
    scale = Scale.around(totals)
    return [
        Step(reason.group, reason.dollars, scale.at(before), scale.at(after))
        for reason, (before, after) in zip(reasons, pairwise(totals), strict=True)
    ]


@dataclass(frozen=True)
class Spot:
    """Hold a comparable sale on the sketch, in its units from the upper left."""

    number: int
    x: float
    y: float


@dataclass(frozen=True)
class Sketch:
    """Hold where the comparable sales lie around a home: rings of so many miles, north is up."""

    spots: tuple[Spot, ...]
    rings: tuple[tuple[float, float], ...]
    """Miles and radius of each."""


def sketch(lat: float | None, long: float | None, comparables: Sequence[Comparable]) -> Sketch | None:
    """Return the sketch of a home's neighbourhood; None where its place is not known, or without comparables."""
    if lat is None or long is None or not comparables:
        return None
    east_a_degree = MILES_A_DEGREE * cos(radians(lat))
    away = [
        ((one.home["long"] - long) * east_a_degree, (one.home["lat"] - lat) * MILES_A_DEGREE) for one in comparables
    ]
    farthest = max(max((x * x + y * y) ** 0.5 for x, y in away), 0.05)
    outer = next(ring for ring in (0.1, 0.25, 0.5, 1, 2, 5, 10, 20, 50, 100) if ring >= farthest)
    unit = (SKETCH / 2 - 22) / outer
    spots = tuple(
        Spot(place + 1, round(SKETCH / 2 + x * unit, 1), round(SKETCH / 2 - y * unit, 1))
        for place, (x, y) in enumerate(away)
    )
    return Sketch(spots, tuple((miles, round(miles * unit, 1)) for miles in (outer / 2, outer)))
