"""How the market moved month by month, and where it stands on the day that prices are given for.

A sale carries its date, a home to be valued does not. The trees learn the average market of their sales; the
index says how far homes sold above or below it in each month, like for like, and one factor brings prices to the
day of reference. It is published with each version, so a version trained later follows the market.

The level of a month is the median log error of its sales. The levels are then smoothed: they follow the months where
sales are many, and a straight line where sales are few (Whittaker and Henderson's method).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

Days = npt.NDArray[np.datetime64]
Floats = npt.NDArray[np.float64]

DAYS_AHEAD = 15
"""Prices are given for so many days after the last sale: the middle of the month that the version will serve."""
MOST_AHEAD = 0.03
"""In log dollars; the last months' trend is carried on to that day, but never further than this."""

TREND_CHANGE = 0.01
"""By how much the trend of a month differs from that of the month before, in log dollars; a standard deviation."""
LEAST_SPREAD = 0.01
"""In log dollars; single sales never lie closer to their valuations than this."""
_MEDIAN = np.sqrt(np.pi / 2)
"""The standard error of a median is so many times that of a mean."""


@dataclass(frozen=True)
class MarketIndex:
    """Bring prices from the average market of the training sales to that of ``valued_for`` by ``factor``.

    ``valued_for`` is a day in ISO format. ``sales`` counts those of the last month, on which the factor mostly
    rests. ``levels`` are what average prices are multiplied by on some days, ascending: the middle of each month's
    sales, and ``valued_for``. They are empty for a version that was published without an index.
    """

    valued_for: str
    factor: float
    sales: int
    levels: Mapping[str, float] = field(default_factory=dict)

    def at(self, days: Days) -> Floats:
        """Return what prices at the average market are multiplied by on each of these days [N].

        Between the days of ``levels`` the index is interpolated, beyond them it stays as it is.
        """
        known = np.array(list(self.levels), dtype="datetime64[D]").astype(np.float64)
        return np.exp(np.interp(days.astype(np.float64), known, np.log(list(self.levels.values()))))


def market_index(log_errors: Floats, days: Days) -> MarketIndex:
    """Estimate the index from log(paid / valued) [N] of sales that the valuing models had not seen, and days [N]."""
    months = days.astype("datetime64[M]")
    rows = [np.flatnonzero(months == month) for month in np.unique(months)]
    counts = np.array([len(one) for one in rows])
    middles = np.array([days[one].astype(np.float64).mean().round() for one in rows])
    medians = np.array([np.median(log_errors[one]) for one in rows])
    spread = max(float(np.median(np.abs(log_errors - np.median(log_errors)))) * 1.4826, LEAST_SPREAD)
    levels = _smoothed(medians, _MEDIAN * spread / np.sqrt(counts))

    last = days.max()
    valued_for = last + np.timedelta64(DAYS_AHEAD, "D")
    trend = (levels[-1] - levels[-2]) / (middles[-1] - middles[-2]) if len(levels) > 1 else 0.0
    ahead = np.clip(trend * (float(valued_for.astype(np.float64)) - middles[-1]), -MOST_AHEAD, MOST_AHEAD)
    factor = float(np.exp(levels[-1] + ahead))
    known = [str(day) for day in middles.astype(np.int64).astype("datetime64[D]")]
    return MarketIndex(
        valued_for=str(valued_for),
        factor=factor,
        sales=int(counts[-1]),
        levels={**dict(zip(known, np.exp(levels).tolist(), strict=True)), str(valued_for): factor},
    )


def _smoothed(levels: Floats, errors: Floats) -> Floats:
    """Return levels [M] whose trend changes little from month to month, given their standard errors [M]."""
    changes = np.diff(np.eye(len(levels)), n=2, axis=0) / TREND_CHANGE  # of the trend, [M-2,M]
    precision = np.diag(errors**-2.0)
    return np.asarray(np.linalg.solve(precision + changes.T @ changes, precision @ levels), dtype=np.float64)
