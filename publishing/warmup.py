"""The sample that each new version must value before Triton lets it serve."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt

from preprocessing.columns import HOME_COLUMNS
from preprocessing.demographics import Demographics
from preprocessing.example import example_features, example_home
from publishing.repository import PREPROCESSING, PRICE_MODEL

_DTYPES = {"FP32": np.float32, "INT64": np.int64}


def write_warmup(repository: Path, demographics: Demographics) -> None:
    """Write the example home as raw tensors into the folders that ``model_warmup`` reads.

    A file that is right already stays untouched: Triton reloads a model when anything in its
    folder becomes newer.
    """
    home = example_home(demographics)
    for column in HOME_COLUMNS:
        value = np.array(home[column.name], dtype=_DTYPES[column.triton_type])
        _write(repository / PREPROCESSING / "warmup" / column.name, value)
    _write(repository / PRICE_MODEL / "warmup" / "features", example_features(demographics))


def _write(path: Path, tensor: npt.NDArray[np.generic]) -> None:
    content = tensor.tobytes()
    if path.is_file() and path.read_bytes() == content:
        return
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(content)
