"""What became of valuations: sale prices beside the prices and ranges that a model had given."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from conversion.accuracy import Accuracy, accuracy


@dataclass(frozen=True)
class Outcome:
    """Paid, price, low and high, each [N] in dollars, at the same market."""

    paid: npt.NDArray[np.float64]
    price: npt.NDArray[np.float64]
    low: npt.NDArray[np.float64]
    high: npt.NDArray[np.float64]

    @property
    def accuracy(self) -> Accuracy:
        """How far the prices were from what was paid."""
        return accuracy(self.price, self.paid)

    @property
    def coverage(self) -> float:
        """The share of sale prices that lay in their range."""
        return float(np.mean((self.low <= self.paid) & (self.paid <= self.high)))

    @property
    def mean_width(self) -> float:
        """The range in proportion to the price, on average."""
        return float(np.mean((self.high - self.low) / self.price))
