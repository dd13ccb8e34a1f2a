"""The improved model converted, and proven for whatever a caller leaves out."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from conversion.converted import Converted, libraries
from conversion.graph import HIGH, LOW, POINT, run, session
from conversion.improved_graph import improved_graph
from conversion.parity import compare
from preprocessing.columns import HOME_COLUMN_NAMES, OPTIONAL_COLUMN_NAMES
from training.gaps import only_required, without
from training.improved import ImprovedModel


def convert_improved(model: ImprovedModel, table: npt.NDArray[np.float32]) -> Converted:
    """Convert the model, and compare price and range on features [N,44].

    They are compared whole, with the required columns only, and with each optional column missing in turn.
    """
    point = improved_graph(model)
    running = session(point.SerializeToString())
    expected, answered = [], []
    for given in (table, only_required(table), *(without(table, name) for name in OPTIONAL_COLUMN_NAMES)):
        valued, answers = model.value(given), run(running, given)
        expected.append(np.column_stack([valued.price, valued.low, valued.high]))
        answered.append(np.column_stack([answers[name] for name in (POINT, LOW, HIGH)]).astype(np.float64))
    parity = compare(np.concatenate(expected), np.concatenate(answered))
    return Converted(model.name, HOME_COLUMN_NAMES, point, answered[0][:, 0], parity, libraries(), model.served_market)
