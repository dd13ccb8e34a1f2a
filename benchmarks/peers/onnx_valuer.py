"""Valuing without Triton: what every onnxruntime peer does between its framework's request and reply.

The same checks, the same join and the same graph as the service, from the same code. One home or
many: numbers or equally long lists by column name.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnxruntime

from benchmarks.peers import Refused
from preprocessing.columns import HOME_COLUMN_NAMES, ZIPCODE
from preprocessing.demographics import DEMOGRAPHICS_FILE, Demographics
from preprocessing.features import checked_features
from preprocessing.homes import Homes
from preprocessing.refusal import refusal, unknown_columns


class OnnxValuer:
    """An onnxruntime session on one thread, and the demographics."""

    def __init__(self) -> None:
        folder = Path(os.environ["BENCH_MODEL"])
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        self._session = onnxruntime.InferenceSession(folder / "model.onnx", options, providers=["CPUExecutionProvider"])
        self._outputs = [output.name for output in self._session.get_outputs()]
        self._demographics = Demographics.read(folder / DEMOGRAPHICS_FILE)

    def value(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """Return price and range of one home, or lists of them. Raises Refused."""
        many = isinstance(given.get(ZIPCODE), list)
        answers = self.arrays(given if many else {name: [value] for name, value in given.items()})
        if many:
            return {name: values.tolist() for name, values in answers.items()}
        return {name: values.item() for name, values in answers.items()}

    def arrays(self, columns: Mapping[str, Any]) -> dict[str, npt.NDArray[Any]]:
        """Return the outputs, each [N], for columns [N]. Raises Refused."""
        try:
            # All columns in one conversion: eighteen small ones cost more than the trees.
            table = np.array([columns[name] for name in HOME_COLUMN_NAMES])
            zipcodes = np.asarray(columns[ZIPCODE], dtype=np.int64)
        except KeyError as error:
            raise Refused(f"column {error} is missing") from error
        except ValueError as error:
            raise Refused(f"columns must be numbers, equally many of each: {error}") from error
        if len(columns) > len(HOME_COLUMN_NAMES):
            raise Refused(unknown_columns(sorted(columns.keys() - set(HOME_COLUMN_NAMES))))
        if table.dtype.kind not in "fi":
            raise Refused("columns must be numbers")
        values = np.ascontiguousarray(table.T, dtype=np.float32)
        homes = Homes(values, np.ones(values.shape, dtype=np.bool_), zipcodes)
        problems, table = checked_features(homes, self._demographics, date.today().year)
        if problems:
            raise Refused(refusal(problems, len(homes), self._demographics))
        answers = self._session.run(self._outputs, {"features": table})
        return {name: answer[:, 0] for name, answer in zip(self._outputs, answers, strict=True)}
