"""The improved model as ONNX, as it serves: how exactly it values as scikit-learn does, and how fast."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from conversion.graph import Ranges, complete, convert, milliseconds_per_home, session
from conversion.improved import told_in_every_way
from conversion.improved_graph import improved_graph
from training.improved import ImprovedModel
from training.valuer import BasicValuer

_ROUNDS = 20

COMMAND = "python -m evaluation onnx --json"


@dataclass(frozen=True)
class GraphFigures:
    """Hold how a graph compares with its model, over all sales, each told in ``ways`` ways.

    ``parity`` is the largest difference of a price or of an end of its range, relative to it. ``milliseconds`` is for
    one home on one thread: the median of the quietest of some rounds, since other work on the machine only adds to it.
    ``relative_time`` is that in percent of what the basic model's graph took in the same rounds, which tells graphs
    apart rather than machines.
    """

    sales: int
    ways: int
    parity: float
    milliseconds: float
    relative_time: float
    kilobytes: int


def measure_graph(model: ImprovedModel, basic: BasicValuer, table: npt.NDArray[np.float32]) -> GraphFigures:
    """Convert a model and compare both on features [N,44], which have no gaps; take its time beside the basic one's."""
    point = improved_graph(model)
    ways = list(told_in_every_way(model, point, table))
    parity = max(float(np.abs(answered / expected - 1).max()) for expected, answered in ways)
    served = complete(point, None, model.name).SerializeToString()
    of_basic = complete(convert(basic.estimator), Ranges(basic.price_range), basic.name).SerializeToString()
    running = [session(graph) for graph in (served, of_basic)]
    rounds = [[milliseconds_per_home(one, table[:1]) for one in running] for _ in range(_ROUNDS)]
    milliseconds, basic_milliseconds = map(min, zip(*rounds, strict=True))
    relative_time = milliseconds / basic_milliseconds * 100
    return GraphFigures(len(table), len(ways), parity, milliseconds, relative_time, len(served) // 1024)
