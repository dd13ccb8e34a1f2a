"""Runs a model's warm-up samples while it loads, where a failure is a refused version.

Triton 24.10 runs them itself a moment later, but may crash when one fails.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort

DTYPES = {
    "TYPE_BOOL": np.bool_,
    "TYPE_UINT8": np.uint8,
    "TYPE_INT8": np.int8,
    "TYPE_INT32": np.int32,
    "TYPE_INT64": np.int64,
    "TYPE_FP16": np.float16,
    "TYPE_FP32": np.float32,
    "TYPE_FP64": np.float64,
}


def run_samples(session: ort.InferenceSession, config: dict[str, Any], model: Path) -> None:
    """Run every sample that the configuration gives by file or as zeros; files lie in ``model/warmup``.

    Raises what onnxruntime raises, OSError for a missing file, ValueError for one of the wrong size.
    """
    for sample in config.get("model_warmup", []):
        inputs = {name: _tensor(entry, sample, model) for name, entry in sample["inputs"].items()}
        if all(tensor is not None for tensor in inputs.values()):
            session.run(None, inputs)


def _tensor(entry: dict[str, Any], sample: dict[str, Any], model: Path) -> np.ndarray | None:
    """Return one input [batch, ...], or None for kinds of samples that only Triton makes."""
    dtype = DTYPES.get(entry["data_type"])
    shape = [int(size) for size in entry["dims"]]
    if dtype is None:
        return None
    if entry.get("input_data_file"):
        path = model / "warmup" / entry["input_data_file"]
        values = np.fromfile(path, dtype=dtype)
        if values.size != np.prod(shape):
            raise ValueError(f"{path} holds {values.size} values of {entry['data_type']}, its sample has dims {shape}")
    elif entry.get("zero_data"):
        values = np.zeros(shape, dtype=dtype)
    else:
        return None
    batch = int(sample.get("batch_size", 0))
    return np.repeat(values.reshape(1, *shape), batch, axis=0) if batch else values.reshape(shape)
