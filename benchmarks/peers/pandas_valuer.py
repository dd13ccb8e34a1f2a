"""Valuing with pandas and scikit-learn, as this task is usually solved: a frame, a merge, a prediction."""

from __future__ import annotations

import os
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from benchmarks.peers import Refused
from preprocessing.columns import FEATURE_NAMES, HOME_COLUMN_NAMES, ZIPCODE


class PandasValuer:
    """The fitted estimator, and the demographics as a frame."""

    def __init__(self) -> None:
        folder = Path(os.environ["BENCH_MODEL"])
        self._model = pickle.loads((folder / "model.pkl").read_bytes())
        self._demographics = pd.read_csv(folder / "zipcode_demographics.csv")

    def value(self, homes: pd.DataFrame) -> dict[str, npt.NDArray[Any]]:
        """Return price and range, each [N]. Raises Refused."""
        if missing := set(HOME_COLUMN_NAMES) - set(homes.columns):
            raise Refused(f"missing columns: {sorted(missing)}")
        merged = homes.merge(self._demographics, how="left", on=ZIPCODE)[list(FEATURE_NAMES)]
        if merged.isna().to_numpy().any():
            raise Refused("a ZIP code has no demographics")
        valued = self._model.value(merged.to_numpy(dtype=np.float32))
        return {"price": valued.price, "price_low": valued.low, "price_high": valued.high}
