"""The improved model as ONNX, as it serves: how exactly it values as scikit-learn does, and how fast."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from conversion.graph import complete, milliseconds_per_home, session
from conversion.improved import told_in_every_way
from conversion.improved_graph import improved_graph
from training.improved import ImprovedModel

_ROUNDS = 20

COMMAND = "python -m evaluation onnx --json"


@dataclass(frozen=True)
class GraphFigures:
    """Hold how a graph compares with its model, over all sales, each told in ``ways`` ways.

    ``parity`` is the largest difference of a price or of an end of its range, relative to it. ``speed`` is in
    milliseconds for one home on one thread: the median of the quietest of some rounds, since other work on the
    machine only adds to it.
    """

    sales: int
    ways: int
    parity: float
    speed: float
    kilobytes: int


def measure_graph(model: ImprovedModel, table: npt.NDArray[np.float32]) -> GraphFigures:
    """Convert a model and compare both on features [N,44], which have no gaps."""
    point = improved_graph(model)
    ways = list(told_in_every_way(model, point, table))
    parity = max(float(np.abs(answered / expected - 1).max()) for expected, answered in ways)
    served = complete(point, None, model.name).SerializeToString()
    one = session(served)
    speed = min(milliseconds_per_home(one, table[:1]) for _ in range(_ROUNDS))
    return GraphFigures(len(table), len(ways), parity, speed, len(served) // 1024)
