"""Proof that the ONNX graph values homes as scikit-learn does."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.neighbors import KNeighborsRegressor

from conversion.create_model import Estimator, pick
from conversion.neighbours import valid_prices

TOLERANCE_DOLLARS = 1.0
TOLERANCE_RELATIVE = 1e-5
"""What a model that computes in float32 may be off on a price of millions; neighbours use double."""


@dataclass(frozen=True)
class Tie:
    """A home whose last neighbour and the next are equally far, so that several prices are right."""

    row: int
    price: float
    valid_prices: tuple[float, ...]


@dataclass(frozen=True)
class Parity:
    """How ONNX and scikit-learn compare on the same homes; differences in dollars.

    ``differing`` counts the homes beyond tolerance whose price is none of the valid ones.
    """

    homes: int
    differing: int
    largest_difference: float
    ties: tuple[Tie, ...]
    """Homes with several valid prices; ``row`` counts from 0 among the homes compared."""

    @property
    def proven(self) -> bool:
        return self.homes > 0 and self.differing == 0


def compare(estimator: Estimator, table: npt.NDArray[np.float32], priced: npt.NDArray[np.floating[Any]]) -> Parity:
    """ONNX prices [N] against the estimator's own, for features [N,44]."""
    expected = estimator.predict(table)
    *before, last = (step for _, step in getattr(estimator.regressor, "steps", [("", estimator.regressor)]))
    if isinstance(last, KNeighborsRegressor):
        columns = pick(table, estimator.columns)
        scaled = estimator.regressor[:-1].transform(columns) if before else columns
        choices = valid_prices(last, np.asarray(scaled, dtype=np.float64))
        tolerance = np.full(len(table), TOLERANCE_DOLLARS)
    else:
        choices = list(expected[:, None])
        tolerance = np.maximum(TOLERANCE_DOLLARS, TOLERANCE_RELATIVE * np.abs(expected))
    differences = np.array(
        [np.abs(valid - price).min() for valid, price in zip(choices, priced.astype(np.float64), strict=True)]
    )
    ties = tuple(
        Tie(row, float(priced[row]), tuple(map(float, valid))) for row, valid in enumerate(choices) if len(valid) > 1
    )
    differing = int(np.count_nonzero(~(differences <= tolerance)))  # NaN differs too
    return Parity(len(table), differing, float(differences.max()), ties)
