"""The improved model converted, and proven for whatever a caller leaves out."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
from onnx import ModelProto

from conversion.converted import Converted, libraries
from conversion.graph import PRICES, run, session
from conversion.improved_graph import improved_graph
from conversion.parity import Floats, compare
from preprocessing.columns import HOME_COLUMN_NAMES
from training.gaps import in_every_way
from training.improved import ImprovedModel


def convert_improved(model: ImprovedModel, table: npt.NDArray[np.float32]) -> Converted:
    """Convert the model, and compare price and range on features [N,44], told in every way."""
    point = improved_graph(model)
    expected, answered = zip(*told_in_every_way(model, point, table), strict=True)
    parity = compare(np.concatenate(expected), np.concatenate(answered))
    return Converted(
        name=model.name,
        columns=HOME_COLUMN_NAMES,
        point=point,
        prices=answered[0][:, 0],
        parity=parity,
        libraries=libraries(),
        market=model.served_market,
        proof=model.proof,
    )


def told_in_every_way(
    model: ImprovedModel, point: ModelProto, table: npt.NDArray[np.float32]
) -> Iterator[tuple[Floats, Floats]]:
    """Yield what the model and what its graph answer, each [N,3] in dollars: price, low and high.

    Features [N,44], which have no gaps, are told whole, with the required columns only, and with each optional
    column missing in turn.
    """
    running = session(point.SerializeToString())
    for _, told in in_every_way(table):
        valued, answers = model.value(told), run(running, told)
        yield (
            np.column_stack([valued.price, valued.low, valued.high]),
            np.column_stack([answers[name] for name in PRICES]).astype(np.float64),
        )
