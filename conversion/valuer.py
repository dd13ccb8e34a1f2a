"""Any model of the project, trained on any sales and asked for prices and ranges in one way."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np
import numpy.typing as npt
from sklearn.model_selection import GroupKFold, cross_val_predict
from sklearn.neighbors import KNeighborsRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import RobustScaler

from conversion.calibration import calibrate
from conversion.create_model import BASIC_COLUMNS, Estimator, pick
from conversion.improved_model import ROUNDS, Level, train_improved
from conversion.price_range import RelativeRange
from conversion.valuations import Valuations

FOLDS = 5


class Valuer(Protocol):
    """A trained and calibrated model."""

    @property
    def name(self) -> str: ...

    def value(self, table: npt.NDArray[np.float32]) -> Valuations:
        """Of features [N,44], NaN where a column was not given."""


@dataclass(frozen=True)
class BasicValuer:
    """Sound Realty's basic model, with a range as wide in proportion for every home."""

    estimator: Estimator
    price_range: RelativeRange
    name: str = "basic"

    def value(self, table: npt.NDArray[np.float32]) -> Valuations:
        """Of features [N,44]; the optional columns are not read."""
        price = self.estimator.predict(table)
        return Valuations(price, price * (1 - self.price_range.below), price * (1 + self.price_range.above))


def train(
    model: Literal["basic", "improved"],
    table: npt.NDArray[np.float32],
    prices: npt.NDArray[np.float64],
    homes: npt.NDArray[np.int64],
    days: npt.NDArray[np.datetime64],
    seed: int = 0,
    level: Level = "average",
    rounds: int = ROUNDS,
) -> Valuer:
    """Train a model and calibrate its range, using nothing but these sales.

    Features [N,44], prices [N] in dollars, home ids [N] and days of sale [N]. ``level`` says at
    which market the improved model values: that of these sales on average, as a random split
    asks for, or that of the latest ones, as whoever values tomorrow's homes needs it. ``rounds``
    is how often its trees are boosted; fewer are quick and worse. The basic model knows neither.
    """
    if model == "improved":
        return train_improved(table, prices, homes, days, seed, rounds).at(level)
    return _train_basic(table, prices, homes)


def _train_basic(
    table: npt.NDArray[np.float32], prices: npt.NDArray[np.float64], homes: npt.NDArray[np.int64]
) -> BasicValuer:
    regressor = make_pipeline(RobustScaler(), KNeighborsRegressor())
    frame = pick(table, BASIC_COLUMNS)
    unseen = cross_val_predict(regressor, frame, prices, groups=homes, cv=GroupKFold(FOLDS))
    estimator = Estimator("basic", regressor.fit(frame, prices), BASIC_COLUMNS)
    return BasicValuer(estimator, calibrate(unseen, prices))
