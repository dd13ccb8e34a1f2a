"""The range around a price, as wide in proportion for a cottage as for a mansion."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

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
