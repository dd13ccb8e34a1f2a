"""The homes that everybody values, as callers write them, and what each is worth by the model itself."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from benchmarks.trained import Trained
from conversion.graph import run, session
from preprocessing.columns import HOME_COLUMN_NAMES, ZIPCODE

Columns = dict[str, list[float]]
"""Equally long columns by name."""

COUNT = 4_096


@dataclass(frozen=True)
class ValuedHomes:
    """N homes as columns, and their prices [N] in dollars by the model itself."""

    columns: Columns
    prices: npt.NDArray[np.float64]

    @classmethod
    def of(cls, model: Trained) -> ValuedHomes:
        """Take homes that the model has not seen in training."""
        table = model.table[:COUNT]
        columns = {name: [_written(value) for value in table[:, place]] for place, name in enumerate(HOME_COLUMN_NAMES)}
        return cls(columns, run(session(model.graph), table)["price"].astype(np.float64))

    def __len__(self) -> int:
        return len(self.prices)

    def some(self, start: int, count: int) -> Columns:
        """Return ``count`` homes from ``start`` on."""
        return {name: values[start : start + count] for name, values in self.columns.items()}

    def batches(self, size: int) -> Iterator[Columns]:
        """Yield all homes in requests of ``size``; homes that do not fill a request are left out."""
        return (self.some(start, size) for start in range(0, len(self) - size + 1, size))


def plain_json(homes: Columns) -> bytes:
    """Write one flat object: numbers for one home, arrays for many."""
    one = len(homes[ZIPCODE]) == 1
    return json.dumps({name: values[0] if one else values for name, values in homes.items()}).encode()


def open_inference_json(homes: Columns) -> bytes:
    """Write the Open Inference Protocol's JSON: one tensor [N,1] a column."""
    tensors = [
        {
            "name": name,
            "shape": [len(values), 1],
            "datatype": "INT64" if name == ZIPCODE else "FP32",
            "data": values,
        }
        for name, values in homes.items()
    ]
    return json.dumps({"inputs": tensors}).encode()


def packed_json(homes: Columns) -> bytes:
    """Write one home as one input [18]."""
    return json.dumps({"homes": [values[0] for values in homes.values()]}).encode()


def packed_inference_json(homes: Columns) -> bytes:
    """Write all homes as one input [N,18], in the Open Inference Protocol's JSON."""
    rows = list(zip(*homes.values(), strict=True))
    values = [value for row in rows for value in row]
    tensor = {"name": "homes", "shape": [len(rows), len(homes)], "datatype": "FP32", "data": values}
    return json.dumps({"inputs": [tensor]}).encode()


def prices_of_plain_json(reply: bytes) -> list[float]:
    """Read the prices from a flat JSON reply."""
    price = json.loads(reply)["price"]
    return price if isinstance(price, list) else [price]


def prices_of_open_inference(reply: bytes) -> list[float]:
    """Read the prices from a reply in the Open Inference Protocol's JSON."""
    outputs = {output["name"]: output["data"] for output in json.loads(reply)["outputs"]}
    return list(outputs["price"])


def write_bodies(bodies: Iterator[bytes], path: Path) -> Path:
    """Write one request body a line, for ``wrk``; return the path."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"\n".join(bodies))
    return path


def write_tensors(homes: ValuedHomes, packed: bool, count: int, path: Path) -> Path:
    """Write the first homes as perf_analyzer reads them, one by one, a list of values an input; return the path."""
    rows = zip(*homes.some(0, count).values(), strict=True)
    entries: list[dict[str, Any]] = []
    for row in rows:
        home = [float(value) for value in row]
        named = {name: [value] for name, value in zip(HOME_COLUMN_NAMES, home, strict=True)}
        entries.append({"homes": home} if packed else {**named, ZIPCODE: [int(named[ZIPCODE][0])]})
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"data": entries}))
    return path


def _written(value: np.float32) -> float:
    """Return the shortest number that equals this one in single precision."""
    return int(value) if value == int(value) else float(str(value))
