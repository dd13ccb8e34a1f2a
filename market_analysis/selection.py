"""Which past sales are the most comparable to a home.

Limits come first, from strict to loose, and the first level that enough sales pass decides; then the most similar ones
are taken. Which order sorts them hardly matters for how near they come to the price: the limits make them convince.
The trade's rules that they follow: the same market, similar site, rooms, living area, style and condition, at least
three closed sales (Fannie Mae, Selling Guide B4-1.3-08); over a year or over a mile with a reason (Freddie Mac).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from market_analysis.past_sales import PastSales
from market_analysis.places import Floats, directions, miles
from preprocessing.columns import POSITION, ZIPCODE

COMPARABLES = 5
FEWEST = 3
"""At the last level with limits, so many will do: appraisers ask for three. With fewer, the limits fall."""

Mask = npt.NDArray[np.bool_]
_DAYS_A_MONTH = 365.25 / 12


@dataclass(frozen=True)
class Level:
    """Hold how far a sale may be from a home.

    ``area`` is relative to the home's living area, ``lot`` a factor, ``value`` the log of the ratio of both valuations
    at the same market.
    """

    miles: float
    months: float
    area: float
    grade: float
    lot: float
    value: float
    same_waterfront: bool = True


LEVELS = (
    Level(1, 6, 0.20, 1, 2, 0.25),
    Level(1, 12, 0.25, 1, 2, 0.25),
    Level(2, 12, 0.30, 1, 3, 0.30),
    Level(5, 12, 0.40, 2, 5, 0.40),
    Level(np.inf, np.inf, np.inf, np.inf, np.inf, 0.50, same_waterfront=False),
)
"""From strict to loose. The last is for homes that are like no other; their comparables are flagged."""
LAST_LEVEL = len(LEVELS) - 1
NO_LEVEL = -1

WEIGHTS: dict[str, float] = {
    "sqft_living": 0.35,
    "sqft_living15": 0.21,
    "grade": 0.085,
    "sqft_lot": 0.06,
    "view": 0.05,
    "waterfront": 0.42,
    "yr_renovated": 0.04,
    "bathrooms": 0.03,
    "condition": 0.02,
    "yr_built": 0.002,
}
"""What a difference of one counts in log dollars: of logs for areas, of having been renovated at all, else as it is."""
VALUE_WEIGHT, MILE_WEIGHT, MONTH_WEIGHT = 0.5, 0.10, 0.01
_AREAS = ("sqft_living", "sqft_living15", "sqft_lot")


@dataclass(frozen=True)
class Selection:
    """Hold the rows [K] of the chosen sales, most similar first, and how they compare with the home.

    ``miles`` float64 [K] is 0 where the home's place is not known; ``similarity`` float64 [K] is in percent, 100 for
    what is alike. ``level`` is the place in ``LEVELS``, -1 without any sale. ``unusual`` counts the sales left out that
    are as similar, but sold far from what their columns explain.
    """

    rows: npt.NDArray[np.intp]
    miles: Floats
    similarity: Floats
    level: int
    unusual: int


def select(
    home: npt.NDArray[np.float32],
    value: float,
    sales: PastSales,
    as_of: np.datetime64,
    eligible: Mask | None = None,
    count: int = COMPARABLES,
) -> Selection:
    """Choose the most comparable sales.

    Args:
        home: Its columns [18] in the order of ``HOME_COLUMNS``, NaN where one is not given: that rule then drops out.
        value: Its valuation in dollars, at the average market of the sales.
        sales: No home twice, as ``PastSales.latest`` returns them.
        as_of: The day from which the age of a sale counts.
        eligible: Which sales [N] may be chosen; all by default.
        count: How many are wanted.
    """
    allowed = ~is_same_home(home, sales)
    if eligible is not None:
        allowed &= eligible
    value_gap = np.abs(np.log(value / sales.price))
    away = _miles(home, sales)
    for place in range(len(LEVELS)):
        rows = _within(LEVELS[place], home, sales, allowed, value_gap, away, as_of)
        usual = int(np.count_nonzero(sales.usual[rows]))
        enough = {LAST_LEVEL - 1: min(FEWEST, count), LAST_LEVEL: 1}.get(place, count)
        if usual >= enough:
            return _most_similar(rows, place, home, sales, value_gap, away, as_of, count)
    nothing = np.empty(0)
    return Selection(np.empty(0, np.intp), nothing, nothing, NO_LEVEL, 0)


def is_same_home(home: npt.NDArray[np.float32], sales: PastSales) -> Mask:
    """Return for each sale [N] whether it is one of the home itself.

    It is where all given columns are the same. With a place it is also where place, lot and year built are: the home as
    it was before it was enlarged, renovated or graded anew.
    """
    given = np.flatnonzero(~np.isnan(home))
    same = np.ones(len(sales), dtype=bool)
    for column in given:
        same &= sales.homes[:, column] == home[column]
    parcel = [POSITION[name] for name in ("lat", "long", "sqft_lot", "yr_built") if not np.isnan(home[POSITION[name]])]
    if has_place(home):
        same |= (sales.homes[:, parcel] == home[parcel]).all(axis=1)
    return same | np.isin(sales.ids, sales.ids[same])


def has_place(home: npt.NDArray[np.float32]) -> bool:
    """Return whether both coordinates of a home [18] are given."""
    return not np.isnan(home[[POSITION["lat"], POSITION["long"]]]).any()


def _miles(home: npt.NDArray[np.float32], sales: PastSales) -> Floats:
    """Return distances [N]; of a home without a place, 0 within its ZIP code and else from the middle of that."""
    if has_place(home):
        return miles(sales.places, directions(home[POSITION["lat"]], home[POSITION["long"]]))
    middle = sales.middles.get(int(home[POSITION[ZIPCODE]]))
    beyond = np.full(len(sales), np.inf) if middle is None else miles(sales.places, middle)
    return np.where(sales.column(ZIPCODE) == home[POSITION[ZIPCODE]], 0.0, beyond)


def _within(
    level: Level,
    home: npt.NDArray[np.float32],
    sales: PastSales,
    allowed: Mask,
    value_gap: Floats,
    away: Floats,
    as_of: np.datetime64,
) -> npt.NDArray[np.intp]:
    """Return the rows that a level lets pass."""
    rows = np.flatnonzero(allowed & (value_gap <= level.value) & (away <= level.miles))
    rows = rows[_months(sales, rows, as_of) <= level.months]
    areas = {"sqft_living": np.log1p(level.area), "sqft_lot": np.log(level.lot)}
    least = {"sqft_living": np.log1p(-level.area) if level.area < 1 else -np.inf, "sqft_lot": -np.log(level.lot)}
    for name, most in areas.items():
        difference = _difference(name, home, sales, rows)
        rows = rows[(difference <= most) & (difference >= least[name])]
    rows = rows[np.abs(_difference("grade", home, sales, rows)) <= level.grade]
    if level.same_waterfront:
        rows = rows[_difference("waterfront", home, sales, rows) == 0]
    return rows


def _most_similar(
    rows: npt.NDArray[np.intp],
    level: int,
    home: npt.NDArray[np.float32],
    sales: PastSales,
    value_gap: Floats,
    away: Floats,
    as_of: np.datetime64,
    count: int,
) -> Selection:
    # Without a place, and without sales in the ZIP code, nothing is known of distances: they must not rule out all.
    known = np.where(np.isfinite(away[rows]), away[rows], 0.0)
    score = VALUE_WEIGHT * value_gap[rows] + MILE_WEIGHT * known + MONTH_WEIGHT * _months(sales, rows, as_of)
    for name, weight in WEIGHTS.items():
        score += weight * np.abs(_difference(name, home, sales, rows))
    order = np.lexsort((sales.ids[rows], score))  # by id where two are equally similar: the same answer every time
    usual = np.flatnonzero(sales.usual[rows[order]])[:count]
    chosen = order[usual]
    return Selection(
        rows[chosen],
        known[chosen] if has_place(home) else np.zeros(len(chosen)),
        100 * np.exp(-score[chosen]),
        level,
        int(usual[-1]) + 1 - len(usual),
    )


def _months(sales: PastSales, rows: npt.NDArray[np.intp], as_of: np.datetime64) -> Floats:
    return np.maximum((as_of - sales.days[rows]).astype(np.float64) / _DAYS_A_MONTH, 0.0)


def _difference(
    name: str, home: npt.NDArray[np.float32], sales: PastSales, rows: npt.NDArray[np.intp]
) -> npt.NDArray[np.float64]:
    """Return by how much some sales' column differs from the home's; 0 where the home's is not given."""
    own = home[POSITION[name]]
    if np.isnan(own):
        return np.zeros(len(rows))
    scale = _SCALES.get(name, _as_it_is)
    difference: npt.NDArray[np.float64] = scale(sales.homes[rows, POSITION[name]].astype(np.float64)) - scale(
        np.float64(own)
    )
    return difference


def _as_it_is(values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    return values


def _log(values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    return np.asarray(np.log(np.maximum(values, 1.0)), dtype=np.float64)  # the neighbours' average may be 0


_SCALES: dict[str, Callable[..., npt.NDArray[np.float64]]] = {
    **dict.fromkeys(_AREAS, _log),
    "yr_renovated": np.sign,  # a year, or 0 for never
}
