"""Any model of the project, trained on any sales and asked for prices and ranges in one way."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt
from sklearn.model_selection import GroupKFold, cross_val_predict

from training import Kind
from training.basic import BASIC_COLUMNS, Estimator, basic_pipeline, pick, train_basic
from training.improved import Level, train_improved
from training.price_model import DECISIONS
from training.relative_range import RelativeRange, calibrate
from training.sales import Sales
from training.valuations import Valuations

FOLDS = 5


class Valuer(Protocol):
    """A trained and calibrated model."""

    @property
    def name(self) -> str:
        """Return what the model calls itself."""

    def value(self, table: npt.NDArray[np.float32]) -> Valuations:
        """Value features [N,44]; NaN where a column was not given."""


@dataclass(frozen=True)
class BasicValuer:
    """Value by Sound Realty's basic model, with a range as wide in proportion for every home."""

    estimator: Estimator
    price_range: RelativeRange

    @property
    def name(self) -> str:
        """Return what the model calls itself."""
        return self.estimator.name

    def value(self, table: npt.NDArray[np.float32]) -> Valuations:
        """Value features [N,44]; the optional columns are not read."""
        return self.price_range.around(self.estimator.predict(table))


def train(
    model: Kind,
    sales: Sales,
    seed: int = 0,
    level: Level = "average",
    rounds: int = DECISIONS.rounds,
) -> Valuer:
    """Train a model and calibrate its range, using nothing but these sales.

    ``level`` says at which market the improved model values: that of these sales on average, as a
    random split asks for, or that of the latest ones, as whoever values tomorrow's homes needs it.
    ``rounds`` is how often its trees are boosted; fewer are quick and worse. The basic model knows neither.
    """
    if model == "improved":
        return train_improved(sales, seed, rounds).at(level)
    unseen = cross_val_predict(
        basic_pipeline(), pick(sales.table, BASIC_COLUMNS), sales.prices, groups=sales.homes, cv=GroupKFold(FOLDS)
    )
    return BasicValuer(train_basic(sales), calibrate(unseen, sales.prices))
