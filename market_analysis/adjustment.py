"""What a comparable sale comes to once it is brought to another home and another day.

    adjusted = paid x index(now) / index(then) x value(home) / value(comparable)

Two lines, the market and the home, add up exactly; a line for each column of one model would not. The value of a
comparable must be one that the model told before it had seen that sale: a model knows its own training sales too well,
and what it says of them makes comparables agree that do not.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from market_analysis.past_sales import PastSales
from market_analysis.places import Floats


@dataclass(frozen=True)
class Adjusted:
    """Hold adjusted sales, each float64 [K]: ``paid + market + home == price`` in whole dollars, exactly.

    ``gross`` is in percent of what was paid: (abs(market) + abs(home)) / paid.
    """

    paid: Floats
    market: Floats
    home: Floats
    price: Floats
    gross: Floats


def adjust(sales: PastSales, rows: npt.NDArray[np.intp], value: float, level: float) -> Adjusted:
    """Bring some sales to a home of this value, in dollars at the average market, and to this level of the market."""
    paid = np.rint(sales.paid[rows])
    to_now = level / sales.level[rows]
    market = np.rint(paid * (to_now - 1))
    price = np.rint(paid * to_now * value / sales.price[rows])
    home = price - paid - market
    return Adjusted(paid, market, home, price, 100 * (np.abs(market) + np.abs(home)) / paid)
