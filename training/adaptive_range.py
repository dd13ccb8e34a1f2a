"""A range that is wide where a model is often wrong and narrow where it seldom is.

    low, high = price * exp(factor * spread)

``spread`` is what trees expect of |log(paid / valued)|; the two factors, one for each tail, are
conformal: of sales that neither the price nor the spread was fitted to, one in twenty was paid
below the range and one in twenty above. A home with gaps gets the factors of homes with gaps.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from mapie.conformity_scores import AbsoluteConformityScore
from mapie.regression import SplitConformalRegressor
from sklearn.dummy import DummyRegressor
from sklearn.ensemble import HistGradientBoostingRegressor

from training.relative_range import TARGET_COVERAGE

LEAST_SPREAD, MOST_SPREAD = 0.01, 1.0
"""In log dollars; no house price spreads less or more, so what trees say beyond these is cut off."""

Fold = tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]


@dataclass(frozen=True)
class AdaptiveRange:
    """Hold fitted trees of the spread, and float64 ``factors`` [3,2]: below and above, for each of ``gaps.GIVEN``."""

    trees: HistGradientBoostingRegressor
    factors: npt.NDArray[np.float64]

    def around(
        self, price: npt.NDArray[np.float64], columns: npt.NDArray[np.float32], given: npt.NDArray[np.intp]
    ) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
        """Return low and high [N] in dollars around prices [N].

        Homes come as columns [N,C]; ``given`` [N] is the place of each in ``GIVEN``.
        """
        below, above = (self.factors[given] * spread(self.trees, columns)[:, None]).T
        return price * np.exp(below), price * np.exp(above)


def fit_range(
    columns: npt.NDArray[np.float32],
    log_errors: npt.NDArray[np.float64],
    given: npt.NDArray[np.intp],
    folds: Sequence[Fold],
    seed: int,
) -> tuple[AdaptiveRange, npt.NDArray[np.float64]]:
    """Fit the range to log(paid / valued) [N] of homes that the valuing models had not seen.

    Homes come as columns [N,C]; ``given`` [N] is the place of each in ``GIVEN``. ``folds`` keeps
    a home from the spread that it is compared with.

    Returns the range, and for each home the log of low and high [N,2] in proportion to its price, as ranges say that
    were fitted to the other homes.
    """
    spreads = np.empty(len(log_errors))
    for fitted, left_out in folds:
        trees = _trees(seed).fit(columns[fitted], np.abs(log_errors[fitted]))
        spreads[left_out] = spread(trees, columns[left_out])
    scores = log_errors / spreads
    unseen = np.empty((len(log_errors), 2))
    for fitted, left_out in folds:
        unseen[left_out] = _by_given(scores[fitted], given[fitted])[given[left_out]] * spreads[left_out, None]
    return AdaptiveRange(_trees(seed).fit(columns, np.abs(log_errors)), _by_given(scores, given)), unseen


def spread(trees: HistGradientBoostingRegressor, columns: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
    """Return the expected size of the log error [N]."""
    expected: npt.NDArray[np.float64] = trees.predict(columns)
    return expected.clip(LEAST_SPREAD, MOST_SPREAD)


def _by_given(scores: npt.NDArray[np.float64], given: npt.NDArray[np.intp]) -> npt.NDArray[np.float64]:
    """Return the factors of each of ``GIVEN``."""
    return np.array([_factors(scores[given == place]) for place in np.unique(given)])


def _factors(scores: npt.NDArray[np.float64]) -> tuple[float, float]:
    """Return the conformal quantiles of both tails; never on the wrong side of the price."""
    always_zero = DummyRegressor(strategy="constant", constant=0.0).fit([[0.0]], [0.0])
    conformal = SplitConformalRegressor(
        always_zero,
        confidence_level=TARGET_COVERAGE,
        conformity_score=AbsoluteConformityScore(sym=False),
        prefit=True,
    )
    conformal.conformalize(np.zeros((len(scores), 1)), scores)
    below, above = conformal.predict_interval(np.zeros((1, 1)))[1].ravel()
    return min(float(below), 0.0), max(float(above), 0.0)


def _trees(seed: int) -> HistGradientBoostingRegressor:
    return HistGradientBoostingRegressor(
        learning_rate=0.05,
        max_iter=150,
        max_leaf_nodes=16,
        min_samples_leaf=100,
        l2_regularization=10,
        max_features=0.3,
        early_stopping=False,
        random_state=seed,
    )
