"""FastAPI with scikit-learn."""

from __future__ import annotations

from typing import Any

import pandas as pd
from fastapi import FastAPI, HTTPException

from benchmarks.peers import Refused
from benchmarks.peers.pandas_valuer import PandasValuer
from preprocessing.columns import ZIPCODE

valuer = PandasValuer()
app = FastAPI()


@app.post("/value")
def value(given: dict[str, float | list[float]]) -> dict[str, Any]:
    """Value one home or many."""
    many = isinstance(given.get(ZIPCODE), list)
    try:
        answer = valuer.value(pd.DataFrame(given if many else [given]))
    except Refused as refused:
        raise HTTPException(400, str(refused)) from refused
    return {name: values.tolist() if many else float(values[0]) for name, values in answer.items()}
