"""The range around a price, as wide in proportion for a cottage as for a mansion."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

TARGET_COVERAGE = 0.9
LEAST_COVERAGE = 0.87
"""Below this a range is refused: five standard errors under target on the sales that measure it."""


@dataclass(frozen=True)
class RelativeRange:
    """From ``price * (1 - below)`` to ``price * (1 + above)``."""

    below: float
    above: float

    def __post_init__(self) -> None:
        if not (0 <= self.below < 1 and 0 <= self.above < np.inf):
            raise ValueError(f"range: below must lie in [0, 1) and above in [0, inf), found {self}")

    def coverage(self, valued: npt.NDArray[np.float64], paid: npt.NDArray[np.float64]) -> float:
        """The share of sale prices [N] that lie in the range around their valuation [N]."""
        return float(np.mean((valued * (1 - self.below) <= paid) & (paid <= valued * (1 + self.above))))
