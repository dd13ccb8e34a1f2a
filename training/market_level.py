"""How far the market of the latest sales stands from that of all sales a model was trained on.

A sale carries its date, a home to be valued does not: the model learns the average market of its
sales, and one factor brings its prices to the day of reference. It is published with each version,
so a version trained later follows the market.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

WINDOW_DAYS = 30
FEWEST_SALES = 100
"""Where a window holds fewer, earlier sales count too: the median of a hundred is good to about 2 %."""


@dataclass(frozen=True)
class MarketLevel:
    """Bring a price at the average market of the training sales to that of ``reference`` by ``factor``.

    ``reference`` is the day of the last sale in ISO format; the factor rests on so many ``sales``.
    """

    reference: str
    factor: float
    sales: int


def market_level(log_errors: npt.NDArray[np.float64], days: npt.NDArray[np.datetime64]) -> MarketLevel:
    """Estimate the level from log(paid / valued) [N] of sales that the valuing model had not seen, and their days [N].

    The factor is exp of the median log error of the latest sales.
    """
    newest_first = np.argsort(days)[::-1]
    reference = days[newest_first[0]]
    in_window = int(np.count_nonzero(days > reference - np.timedelta64(WINDOW_DAYS, "D")))
    latest = newest_first[: max(in_window, FEWEST_SALES)]
    return MarketLevel(str(reference), float(np.exp(np.median(log_errors[latest]))), len(latest))
