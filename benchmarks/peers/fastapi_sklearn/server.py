"""FastAPI with scikit-learn, the way that this task is usually solved: a frame, a merge, a prediction."""

from __future__ import annotations

import os
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from fastapi import FastAPI, HTTPException

from preprocessing.columns import FEATURE_NAMES, HOME_COLUMN_NAMES, ZIPCODE

folder = Path(os.environ["BENCH_MODEL"])
model = pickle.loads((folder / "model.pkl").read_bytes())
demographics = pd.read_csv(folder / "zipcode_demographics.csv")
features = list(FEATURE_NAMES)
app = FastAPI()


@app.post("/value")
def value(given: dict[str, float | list[float]]) -> dict[str, Any]:
    """One home or many."""
    many = isinstance(given.get(ZIPCODE), list)
    frame = pd.DataFrame(given if many else [given])
    if missing := set(HOME_COLUMN_NAMES) - set(frame.columns):
        raise HTTPException(400, f"missing columns: {sorted(missing)}")
    merged = frame.merge(demographics, how="left", on=ZIPCODE)
    if merged[features].isna().to_numpy().any():
        raise HTTPException(400, "a ZIP code has no demographics")
    valued = model.value(merged[features].to_numpy(dtype=np.float32))
    answer = {"price": valued.price, "price_low": valued.low, "price_high": valued.high}
    return {name: values.tolist() if many else float(values[0]) for name, values in answer.items()}
