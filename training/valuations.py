"""What a model says about homes, and how that compares with what they sold for."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from training.accuracy import Accuracy, accuracy

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Valuations:
    """Hold prices and the ranges that should hold 90 % of sale prices, each float64 [N] in dollars."""

    price: Floats
    low: Floats
    high: Floats

    def of(self, paid: Floats, homes: npt.NDArray[np.int64]) -> ValuedSales:
        """Set what was paid [N], in dollars, and the homes' ids [N] beside them."""
        return ValuedSales(self.price, self.low, self.high, paid, homes)


@dataclass(frozen=True)
class ValuedSales:
    """Hold valuations beside what was paid, each float64 [N] in dollars at the same market, and int64 home ids [N]."""

    price: Floats
    low: Floats
    high: Floats
    paid: Floats
    homes: npt.NDArray[np.int64]

    def __getitem__(self, rows: npt.NDArray[np.bool_] | npt.NDArray[np.intp]) -> ValuedSales:
        """Return some of the sales, by a mask or by their row numbers."""
        return ValuedSales(self.price[rows], self.low[rows], self.high[rows], self.paid[rows], self.homes[rows])

    def paid_as(self, paid: Floats) -> ValuedSales:
        """Return the same sales with other prices paid [N], as when some were corrected."""
        return replace(self, paid=paid)

    @property
    def error(self) -> Floats:
        """Return signed errors [N] relative to the sale price."""
        return (self.price - self.paid) / self.paid

    @property
    def held(self) -> npt.NDArray[np.bool_]:
        """Return for each sale [N] whether its range holds the sale price."""
        return (self.low <= self.paid) & (self.paid <= self.high)

    @property
    def width(self) -> Floats:
        """Return the widths [N] of the ranges relative to the price."""
        return (self.high - self.low) / self.price

    @property
    def accuracy(self) -> Accuracy:
        """Return how far the prices are from what was paid."""
        return accuracy(self.price, self.paid)

    @property
    def coverage(self) -> float:
        """Return the share of sale prices that lie in their range."""
        return float(np.mean(self.held))

    @property
    def mean_width(self) -> float:
        """Return the mean width of the ranges relative to the price."""
        return float(np.mean(self.width))
