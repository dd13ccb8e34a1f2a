"""Turned trees answer what they answered before, and mostly by the branch that lies next."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from onnx import ModelProto, NodeProto, TensorProto, helper
from skl2onnx import convert_sklearn
from skl2onnx.common.data_types import FloatTensorType
from sklearn.ensemble import HistGradientBoostingRegressor

from conversion.graph import OPSETS, session
from conversion.likely_branch import likelier_branch_first, times_reached

pytestmark = pytest.mark.training

COLUMNS = 5
Table = npt.NDArray[np.float32]
Trained = tuple[HistGradientBoostingRegressor, Table]


@pytest.fixture(scope="module", params=["gaps", "no gaps", "a gap that tells all"])
def trained(request: pytest.FixtureRequest) -> Trained:
    """Return fitted trees and the table [N,5] that they were fitted to."""
    draw = np.random.default_rng(3)
    table = draw.integers(0, 12, (3_000, COLUMNS)).astype(np.float32)
    target = table[:, 0] * table[:, 1] + table[:, 2] + draw.normal(size=len(table))
    if request.param == "gaps":
        table[draw.random(table.shape) < 0.2] = np.nan
    if request.param == "a gap that tells all":
        table[::4, 0] = np.nan
        target[::4] += 500
    return HistGradientBoostingRegressor(max_iter=20, max_features=0.5, random_state=0).fit(table, target), table


def _plain(trees: HistGradientBoostingRegressor) -> ModelProto:
    kind = FloatTensorType([None, COLUMNS])
    model: ModelProto = convert_sklearn(trees, initial_types=[("columns", kind)], target_opset=OPSETS)
    return model


def _turned(trees: HistGradientBoostingRegressor, reached: npt.NDArray[np.int64]) -> ModelProto:
    model = _plain(trees)
    likelier_branch_first(model.graph.node[0], COLUMNS, reached)
    width = helper.make_tensor_value_info("columns", TensorProto.FLOAT, ["N", 4 * COLUMNS])
    model.graph.input[0].CopyFrom(width)
    return model


def _readable(table: Table) -> Table:
    lowest, highest = np.where(np.isnan(table), -np.inf, table), np.where(np.isnan(table), np.inf, table)
    readable: Table = np.concatenate([lowest, highest, -lowest, -highest], axis=1).astype(np.float32)
    return readable


def _answers(model: ModelProto, table: Table) -> npt.NDArray[np.float32]:
    running = session(model.SerializeToString())
    answers: npt.NDArray[np.float32] = running.run(None, {running.get_inputs()[0].name: table})[0]
    return answers


def _attributes(node: NodeProto) -> dict[str, Any]:
    return {entry.name: helper.get_attribute_value(entry) for entry in node.attribute}


_THRESHOLDS = np.arange(0, 12.5, 0.5, dtype=np.float32)
_BESIDE = [np.nextafter(_THRESHOLDS, np.float32(to)) for to in (-99, 99)]
_LARGEST = np.finfo(np.float32).max
_EDGES = np.concatenate([_THRESHOLDS, *_BESIDE, [np.nan, -_LARGEST, _LARGEST]]).astype(np.float32)
_VALUES = st.one_of(st.sampled_from(_EDGES.tolist()), st.just(np.nan), st.floats(-20, 20, width=32))


@settings(max_examples=60)
@given(table=arrays(np.float32, (40, COLUMNS), elements=_VALUES))
def test_turned_trees_answer_the_same_to_the_bit(trained: Trained, table: Table) -> None:
    trees, _ = trained
    turned = _turned(trees, times_reached(trees))
    assert (_answers(turned, _readable(table)) == _answers(_plain(trees), table)).all()


@settings(max_examples=30)
@given(seed=st.integers(0, 2**32 - 1))
def test_whichever_nodes_are_turned(trained: Trained, seed: int) -> None:
    trees, table = trained
    often = np.random.default_rng(seed).integers(0, 1_000, len(times_reached(trees)))
    assert (_answers(_turned(trees, often), _readable(table)) == _answers(_plain(trees), table)).all()


def test_most_training_rows_take_the_branch_behind_the_node(trained: Trained) -> None:
    trees, _ = trained
    reached = times_reached(trees)
    before, after = _attributes(_plain(trees).graph.node[0]), _attributes(_turned(trees, reached).graph.node[0])
    first = np.searchsorted(after["nodes_treeids"], after["nodes_treeids"])
    true, false = (reached[first + np.array(after[name])] for name in ("nodes_truenodeids", "nodes_falsenodeids"))
    assert (false >= true).all()
    assert after["nodes_truenodeids"] != before["nodes_truenodeids"]
    assert "nodes_missing_value_tracks_true" not in after


def test_nodes_in_another_order_are_refused(trained: Trained) -> None:
    trees, _ = trained
    node = _plain(trees).graph.node[0]
    for entry in node.attribute:
        if entry.name == "nodes_nodeids":
            entry.ints[:2] = [1, 0]
    with pytest.raises(ValueError, match="numbered one after the other"):
        likelier_branch_first(node, COLUMNS, times_reached(trees))
