"""The sales that a model valued worst, one by one, in words.

The words come from the columns and the sales around each one. No row is shown: the price is given as a
band of 50,000 dollars, the factor between valuation and price is rounded to halves, and the price per square
foot to tenths of what is usual.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd

from evaluation.runs import ValuedSplit
from preprocessing.columns import HOME_COLUMN_NAMES
from training.sales import Sales

WORST = 20
_BAND_DOLLARS = 50_000
_OUTERMOST = 0.02
"""The cheapest and the dearest 2 % of a ZIP code's sales per square foot count as far off its usual prices."""


@dataclass(frozen=True)
class Worst:
    """Hold a badly valued sale: the band of its price in dollars, where it is, how far off, and why, as data tell."""

    band: str
    zipcode: int
    verdict: str
    why: str
    odd_price: bool
    """Whether it is among the cheapest or the dearest sales of its ZIP code per square foot."""


def worst(sales: Sales, tested: ValuedSplit) -> list[Worst]:
    """Explain the sales with the largest factor between valuation and price, either way."""
    factor = tested.valued.price / tested.valued.paid
    places = np.argsort(-np.abs(np.log(factor)))[:WORST]
    homes = _described(sales).iloc[tested.rows[places]].to_dict("records")
    return [_explained(home, off) for home, off in zip(homes, factor[places].tolist(), strict=True)]


def _described(sales: Sales) -> pd.DataFrame:
    """Return the homes, with what their ZIP code pays, where their price stands there, and their other sales."""
    columns = sales.table[:, : len(HOME_COLUMN_NAMES)].astype(np.float64)
    homes: pd.DataFrame = pd.DataFrame(columns, columns=list(HOME_COLUMN_NAMES))
    homes["price"], homes["year_sold"] = sales.prices, pd.DatetimeIndex(sales.days).year
    per_square_foot = (homes["price"] / homes["sqft_living"]).groupby(homes["zipcode"])
    homes["standing"] = per_square_foot.rank(pct=True)
    homes["of_usual"] = homes["price"] / homes["sqft_living"] / per_square_foot.transform("median")
    in_time = pd.DataFrame({"home": sales.homes, "day": sales.days}).sort_values("day", kind="stable").groupby("home")
    homes["sold_before"] = in_time.cumcount()
    homes["sold_after"] = in_time.cumcount(ascending=False)
    return homes


def _explained(home: dict[str, float], factor: float) -> Worst:
    low = int(home["price"] // _BAND_DOLLARS) * _BAND_DOLLARS
    high = factor > 1
    times = round(2 * (factor if high else 1 / factor)) / 2
    traits = ", ".join(_traits(home))
    return Worst(
        band=f"${low:,} to ${low + _BAND_DOLLARS:,}",
        zipcode=int(home["zipcode"]),
        verdict=f"about {times:g} times too {'high' if high else 'low'}",
        why=_reason(home, high) + (f" ({traits})" if traits else ""),
        odd_price=not _OUTERMOST < home["standing"] < 1 - _OUTERMOST,
    )


def _reason(home: dict[str, float], high: bool) -> str:
    """Return how the price compares with the usual one, and the first explanation that fits."""
    modest = home["grade"] <= 7 and home["yr_built"] < 1970
    explanations = (
        (high and home["sold_after"], ", and sold again later: this is the price before the work"),
        (
            not high and home["sold_before"],
            ", after an earlier sale: renovated in between, which no column records",
        ),
        (
            high and home["yr_built"] >= home["year_sold"],
            ", and not finished when it was sold: the price of the plot, or of a share",
        ),
        (high and home["condition"] <= 2, ": perhaps beyond repair"),
        (
            high and home["standing"] <= _OUTERMOST,
            ": a forced or family sale, a share of the home, or damage inside",
        ),
        (
            not high and home["standing"] >= 1 - _OUTERMOST,
            ": the land, to build anew" if modest else ": no column says what was special",
        ),
        (True, ": nothing in its columns explains it"),
    )
    explanation = next(words for fits, words in explanations if fits)
    return (
        f"paid {round(home['of_usual'], 1) * 100:.0f} % of what its ZIP code usually pays per square foot{explanation}"
    )


def _traits(home: dict[str, float]) -> Iterator[str]:
    """Yield what is unusual about a home, in words."""
    neighbours, lots = home["sqft_living15"], home["sqft_lot15"]
    traits = (
        (home["grade"] >= 10, "of high grade"),
        (home["grade"] <= 5, "of low grade"),
        (home["condition"] <= 2, "in poor condition"),
        (home["yr_built"] < 1920, "built before 1920"),
        (home["waterfront"] == 1, "on the waterfront"),
        (home["waterfront"] != 1 and home["view"] >= 3, "with a view"),
        (home["sqft_living"] > 1.6 * neighbours, "far larger than its neighbours"),
        (home["sqft_living"] < 0.6 * neighbours, "far smaller than its neighbours"),
        (home["sqft_lot"] > 2 * lots, "on a far larger lot than they"),
        (home["bedrooms"] == 0 or home["bathrooms"] == 0, "recorded without a bedroom or a bathroom"),
    )
    yield from (words for fits, words in traits if fits)
