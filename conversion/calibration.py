"""A range around a price that holds 90 % of sale prices: split-conformal, relative to the price.

Sales that the model was not trained on are split by home: one half sets how wide the range
must be, the other half measures how many sale prices it then holds.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from mapie.conformity_scores import GammaConformityScore
from mapie.regression import SplitConformalRegressor
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.model_selection import GroupShuffleSplit

from conversion.price_range import TARGET_COVERAGE, RelativeRange

SPLIT_SEED = 42


class _AlreadyValued(RegressorMixin, BaseEstimator):
    """Lets MAPIE calibrate around prices that are there already: its X is the price itself."""

    def fit(self, X: npt.ArrayLike, y: npt.ArrayLike) -> _AlreadyValued:
        self.fitted_ = True
        return self

    def predict(self, X: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        return X[:, 0]


def calibrate(valued: npt.NDArray[np.float64], paid: npt.NDArray[np.float64]) -> RelativeRange:
    """The range that held-out sales ask for: valuations [N] and sale prices [N] in dollars.

    Conformity score (paid - valued) / valued, each tail with its own quantile, since homes sell
    far above their valuation more often than far below it.
    """
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
    """Two halves of N held-out sales, given their home ids, no home in both."""
    splitter = GroupShuffleSplit(n_splits=1, test_size=0.5, random_state=SPLIT_SEED)
    calibration, measurement = next(splitter.split(homes, groups=homes))
    return calibration, measurement
