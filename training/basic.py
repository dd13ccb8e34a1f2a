"""Sound Realty's basic model: the 5 most similar sales by size and by the ZIP code's demographics.

The estimator, its columns and the rows that it learns from are the firm's own; only the words are ours.
"""

from __future__ import annotations

import json
import pickle
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.base import RegressorMixin
from sklearn.neighbors import KNeighborsRegressor
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import RobustScaler

from preprocessing.columns import DEMOGRAPHIC_COLUMNS, POSITION, REQUIRED_COLUMN_NAMES, ZIPCODE

if TYPE_CHECKING:  # models handed over are converted where what reads and checks the sales is not installed
    from training.sales import Sales

BASIC = "basic"
BASIC_COLUMNS = tuple(name for name in REQUIRED_COLUMN_NAMES if name != ZIPCODE) + DEMOGRAPHIC_COLUMNS
"""What the basic model reads, in its order: the ZIP code only serves to find the demographics."""


@dataclass(frozen=True)
class Estimator:
    """Hold a fitted scikit-learn regressor of the sale price in dollars, and the columns that it reads."""

    name: str
    regressor: RegressorMixin
    columns: tuple[str, ...]

    def predict(self, table: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
        """Return prices [N] in dollars of features [N,44]."""
        homes = pick(table, self.columns)
        # A model that was fitted without names warns of them.
        given = homes if hasattr(self.regressor, "feature_names_in_") else homes.to_numpy()
        prices = np.asarray(self.regressor.predict(given), dtype=np.float64)
        return prices[:, 0] if prices.ndim == 2 and prices.shape[1] == 1 else prices


def pick(table: npt.NDArray[np.float32], columns: tuple[str, ...]) -> pd.DataFrame:
    """Return some of the 44 features, in double precision, as a frame with their names."""
    places = [POSITION[name] for name in columns]
    frame: pd.DataFrame = pd.DataFrame(table[:, places].astype(np.float64), columns=list(columns))
    return frame


def basic_pipeline(neighbours: int = 5) -> Pipeline:
    """Return the firm's unfitted pipeline; the firm asks 5 neighbours, the evaluation tries other numbers."""
    return make_pipeline(RobustScaler(), KNeighborsRegressor(neighbours))


def train_basic(sales: Sales) -> Estimator:
    """Fit the basic model to these sales. The firm's own model is that of ``sales[sales.training]``."""
    return Estimator(BASIC, basic_pipeline().fit(pick(sales.table, BASIC_COLUMNS), sales.prices), BASIC_COLUMNS)


def save(estimator: Estimator, folder: Path) -> tuple[Path, Path]:
    """Write ``model.pkl`` and ``model_features.json``, as the firm's own script does; return both paths."""
    folder.mkdir(parents=True, exist_ok=True)
    model, features = folder / "model.pkl", folder / "model_features.json"
    model.write_bytes(pickle.dumps(estimator.regressor))
    features.write_text(json.dumps(list(estimator.columns)))
    return model, features
