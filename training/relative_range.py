"""A range around a price that holds 90 % of sale prices, as wide in proportion for a cottage as for a mansion.

It is split-conformal: sales that the model was not trained on are split by home; one half sets how
wide the range must be, the other half measures how many sale prices it then holds.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.model_selection import GroupShuffleSplit

from training.valuations import Valuations

TARGET_COVERAGE = 0.9
LEAST_COVERAGE = 0.87
"""Below this a range is refused: five standard errors under target on the sales that measure it."""

SPLIT_SEED = 42


@dataclass(frozen=True)
class RelativeRange:
    """Reach from ``price * (1 - below)`` to ``price * (1 + above)``; ``around`` computes both."""

    below: float
    above: float

    def __post_init__(self) -> None:
        if not (0 <= self.below < 1 and 0 <= self.above < np.inf):
            raise ValueError(f"range: below must lie in [0, 1) and above in [0, inf), found {self}")

    def around(self, price: npt.NDArray[np.float64]) -> Valuations:
        """Return prices [N] in dollars with their ranges."""
        return Valuations(price, price * (1 - self.below), price * (1 + self.above))


class _AlreadyValued(RegressorMixin, BaseEstimator):
    """Let MAPIE calibrate around prices that are there already: its X is the price itself."""

    def fit(self, X: npt.ArrayLike, y: npt.ArrayLike) -> _AlreadyValued:
        self.fitted_ = True
        return self

    def predict(self, X: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        return X[:, 0]


def calibrate(valued: npt.NDArray[np.float64], paid: npt.NDArray[np.float64]) -> RelativeRange:
    """Return the range that held-out sales ask for, from valuations [N] and sale prices [N] in dollars.

    The conformity score is (paid - valued) / valued, and each tail has its own quantile, since homes sell
    far above their valuation more often than far below it.
    """
    # Imported here: models handed over are converted where MAPIE is not installed.
    from mapie.conformity_scores import GammaConformityScore
    from mapie.regression import SplitConformalRegressor

    conformal = SplitConformalRegressor(
        _AlreadyValued().fit([[0.0]], [0.0]),
        confidence_level=TARGET_COVERAGE,
        conformity_score=GammaConformityScore(sym=False),
        prefit=True,
    )
    conformal.conformalize(valued[:, None], paid)
    _, bounds = conformal.predict_interval(np.ones((1, 1)))
    low, high = bounds.ravel()
    return RelativeRange(below=float(1 - low), above=float(high - 1))


def halves(homes: npt.NDArray[np.generic]) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]:
    """Return the rows of two halves of N held-out sales, given their home ids; no home is in both."""
    splitter = GroupShuffleSplit(n_splits=1, test_size=0.5, random_state=SPLIT_SEED)
    calibration, measurement = next(splitter.split(homes, groups=homes))
    return calibration, measurement
