"""The improved model as ONNX, as it serves: how exactly it values as scikit-learn does, and how fast."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from conversion.graph import HIGH, LOW, POINT, complete, milliseconds_per_home, run, session
from conversion.improved_graph import improved_graph
from preprocessing.columns import OPTIONAL_COLUMN_NAMES
from training.gaps import only_required, without
from training.improved import ImprovedModel

_ROUNDS = 20

COMMAND = "python -m evaluation onnx --json"


@dataclass(frozen=True)
class Graph:
    """``parity`` is the largest difference of a price or of an end of its range, relative to it; ``speed`` is in ms.

    Over every sale told in ``ways`` ways: all columns, the required ones, each optional one missing.
    """

    sales: int
    ways: int
    parity: float
    speed: float
    """The time for one home on one thread: the median of the quietest of some rounds, as other work only adds to it."""
    kilobytes: int


def measure_graph(model: ImprovedModel, table: npt.NDArray[np.float32]) -> Graph:
    """Convert a model and compare both on features [N,44], which have no gaps."""
    point = improved_graph(model)
    running = session(point.SerializeToString())
    given = (table, only_required(table), *(without(table, name) for name in OPTIONAL_COLUMN_NAMES))
    parity = 0.0
    for told in given:
        expected, answers = model.value(told), run(running, told)
        for values, name in ((expected.price, POINT), (expected.low, LOW), (expected.high, HIGH)):
            parity = max(parity, float(np.abs(answers[name] / values - 1).max()))
    served = complete(point, None, model.name).SerializeToString()
    one = session(served)
    speed = min(milliseconds_per_home(one, table[:1]) for _ in range(_ROUNDS))
    return Graph(len(table), len(given), parity, speed, len(served) // 1024)
