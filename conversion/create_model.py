"""Sound Realty's basic model: the 5 most similar sales by size and by the ZIP code's demographics.

The estimator, its columns, the split and its seed are the firm's own; only the words are ours.
"""

from __future__ import annotations

import json
import pickle
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.base import RegressorMixin
from sklearn.model_selection import train_test_split
from sklearn.neighbors import KNeighborsRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import RobustScaler

from preprocessing.columns import DEMOGRAPHIC_COLUMNS, POSITION, REQUIRED_COLUMN_NAMES, ZIPCODE

BASIC_COLUMNS = tuple(name for name in REQUIRED_COLUMN_NAMES if name != ZIPCODE) + DEMOGRAPHIC_COLUMNS
"""What the basic model reads, in its order: the ZIP code only serves to find the demographics."""

FIRM_SEED = 42


@dataclass(frozen=True)
class Estimator:
    """A fitted scikit-learn regressor of the sale price in dollars, and what it reads."""

    name: str
    regressor: RegressorMixin
    columns: tuple[str, ...]

    def predict(self, table: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
        """Prices [N] in dollars of features [N,44]."""
        return np.asarray(self.regressor.predict(pick(table, self.columns)), dtype=np.float64)


def pick(table: npt.NDArray[np.float32], columns: tuple[str, ...]) -> pd.DataFrame:
    """Some of the 44 features, in double precision, as a frame with their names."""
    places = [POSITION[name] for name in columns]
    frame: pd.DataFrame = pd.DataFrame(table[:, places].astype(np.float64), columns=list(columns))
    return frame


def firm_split(sales: int) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]:
    """Rows of the sales file that the firm trains on, and the quarter it holds out."""
    training, held_out = train_test_split(np.arange(sales), random_state=FIRM_SEED)
    return training, held_out


def create_model(table: npt.NDArray[np.float32], prices: npt.NDArray[np.float64]) -> Estimator:
    """Fit the basic model to features [N,44] and prices [N] in dollars, on the firm's training rows."""
    training, _ = firm_split(len(prices))
    regressor = make_pipeline(RobustScaler(), KNeighborsRegressor())
    regressor.fit(pick(table[training], BASIC_COLUMNS), prices[training])
    return Estimator("basic", regressor, BASIC_COLUMNS)


def save(estimator: Estimator, folder: Path) -> tuple[Path, Path]:
    """Write ``model.pkl`` and ``model_features.json``, as the firm's own script does."""
    folder.mkdir(parents=True, exist_ok=True)
    model, features = folder / "model.pkl", folder / "model_features.json"
    model.write_bytes(pickle.dumps(estimator.regressor))
    features.write_text(json.dumps(list(estimator.columns)))
    return model, features
