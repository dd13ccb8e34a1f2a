"""What time does to valuations: the market's level month by month, and homes that were sold twice."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from evaluation.metrics import Estimate, difference
from evaluation.runs import GivenColumns, Refit, ValuedSplit, pooled, value
from training.market_index import MarketIndex
from training.proof import Proof
from training.sales import Sales
from training.valuations import ValuedSales

_SPRING = np.datetime64("2015-04-01")
_TURN_OF_YEAR = np.datetime64("2015-01-01")


@dataclass(frozen=True)
class Resales:
    """Hold what is known of homes sold more than once. Errors are medians in percent, positive when valued too high."""

    homes: int
    sales: int
    price_factor: float
    """The median of the last price over the first."""
    days_between: float
    error_first: float
    error_later: float


def monthly_bias(sales: Sales, tested: ValuedSplit) -> dict[str, float]:
    """Return the median signed error of each month of sale, in percent, by months written as ``2014-05``."""
    months = sales.days[tested.rows].astype("datetime64[M]")
    return {str(month): float(np.median(tested.valued.error[months == month]) * 100) for month in np.unique(months)}


def spring_rise(sales: Sales, tested: ValuedSplit) -> float:
    """Return how far like-for-like prices from April 2015 on stood above those of 2014, in percent.

    The valuations of ``tested`` are at the average level of the year, so their ratio to the prices
    tells the market of a season apart from the homes that happened to be sold in it.
    """
    days, ratio = sales.days[tested.rows], tested.valued.paid / tested.valued.price
    return float(np.median(ratio[days >= _SPRING]) / np.median(ratio[days < _TURN_OF_YEAR]) - 1) * 100


def index_gain(sales: Sales, refits: Sequence[Refit]) -> dict[str, Estimate]:
    """Return each metric with the market index less that with the level that it replaced, on the same sales."""
    by_index: list[ValuedSales] = []
    by_level: list[ValuedSales] = []
    for refit in refits:
        sold, model = sales[refit.fold.test], refit.model
        for valued, market in ((by_index, model.market), (by_level, _latest_level(model.proof))):
            valued.append(value(replace(model, market=market).at("latest"), sold, GivenColumns.FULL))
    return difference(pooled(by_index), pooled(by_level))


def _latest_level(proof: Proof) -> MarketIndex:
    """Return the level of the last 30 days of sales, which lags behind a market that moves."""
    last = proof.days.max()
    latest = proof.days > last - np.timedelta64(30, "D")
    return MarketIndex(str(last), float(np.median((proof.paid / proof.whole.price)[latest])), int(latest.sum()))


def resales(sales: Sales, tested: ValuedSplit) -> Resales:
    """Measure homes that were sold more than once; NaN where there are none. ``tested`` holds every sale."""
    valued = tested.valued
    table = pd.DataFrame(
        {"home": valued.homes, "day": sales.days[tested.rows], "price": valued.paid, "error": valued.error * 100}
    )
    table = table[table.duplicated("home", keep=False)].sort_values("day", kind="stable")
    homes = table.groupby("home")
    first, last = homes.first(), homes.last()
    return Resales(
        homes=len(first),
        sales=len(table),
        price_factor=float((last["price"] / first["price"]).median()),
        days_between=float((last["day"] - first["day"]).dt.days.median()),
        error_first=float(first["error"].median()),
        error_later=float(table.loc[table.duplicated("home"), "error"].median()),
    )
