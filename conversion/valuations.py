"""What a model says about homes: a price each, and the range that 90 % of sale prices lie in."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True)
class Valuations:
    """Prices and their 90 % ranges, each float64 [N] in dollars."""

    price: npt.NDArray[np.float64]
    low: npt.NDArray[np.float64]
    high: npt.NDArray[np.float64]
