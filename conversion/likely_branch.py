"""Converted trees turned so that a home mostly takes the branch that lies next in memory.

ONNX Runtime keeps the node for "false" right behind a node and jumps for "true". skl2onnx writes each
test as ``column <= threshold``, so it is chance which of the two most homes take. Where training took
"true" more often, the test is replaced by its opposite, ``-column <= -(next above threshold)``: the same
leaves, to the bit, with less memory read and fewer wrong guesses of the processor.

A missing column takes the side that training chose for it. ONNX has a flag for that, which costs a test
at every node; here such a column comes as minus or plus infinity instead, whichever takes that side.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from onnx import NodeProto, helper
from sklearn.ensemble import HistGradientBoostingRegressor

LOWEST, HIGHEST, TURNED_LOWEST, TURNED_HIGHEST = range(4)
"""What the trees read, C columns each: with a missing one as minus and as plus infinity, and both of these negated."""

_LARGEST = np.finfo(np.float32).max


def times_reached(trees: HistGradientBoostingRegressor) -> npt.NDArray[np.int64]:
    """Return how many training rows came to each node, int64, in the order in which skl2onnx writes the nodes."""
    reached: npt.NDArray[np.int64] = np.concatenate([tree.nodes["count"] for (tree,) in trees._predictors])
    return reached.astype(np.int64)


def likelier_branch_first(trees: NodeProto, columns: int, reached: npt.NDArray[np.int64]) -> None:
    """Change a TreeEnsembleRegressor that reads [N,C] into one that reads [N,4C] and answers the same.

    Args:
        trees: As skl2onnx converts trees of finite columns, some of which may be missing.
        columns: C.
        reached: How often each node was come to; a wrong number costs time, never a price.

    Raises:
        ValueError: when the nodes are not numbered tree by tree, each from 0.
    """
    old: dict[str, Any] = {entry.name: helper.get_attribute_value(entry) for entry in trees.attribute}
    tree, number = np.array(old["nodes_treeids"]), np.array(old["nodes_nodeids"])
    true, false = np.array(old["nodes_truenodeids"]), np.array(old["nodes_falsenodeids"])
    column, threshold = np.array(old["nodes_featureids"]), np.array(old["nodes_values"], dtype=np.float32)
    missing_is_true = np.array(old.pop("nodes_missing_value_tracks_true"), dtype=np.bool_)

    first = np.searchsorted(tree, tree)
    if not (np.diff(tree) >= 0).all() or not (number == np.arange(len(tree)) - first).all():
        raise ValueError("the trees' nodes are not numbered one after the other")
    turned = reached[first + true] > reached[first + false]

    part = np.where(
        turned,
        np.where(missing_is_true, TURNED_LOWEST, TURNED_HIGHEST),
        np.where(missing_is_true, LOWEST, HIGHEST),
    )
    above = -np.nextafter(threshold, np.float32(np.inf))
    # A threshold of infinity parts the missing from the rest, so it must not hold an infinite column too.
    new = np.where(turned, above, np.minimum(threshold, _LARGEST))
    old |= {
        "nodes_featureids": (column + part * columns).tolist(),
        "nodes_values": new.tolist(),
        "nodes_truenodeids": np.where(turned, false, true).tolist(),
        "nodes_falsenodeids": np.where(turned, true, false).tolist(),
    }
    del trees.attribute[:]
    trees.attribute.extend(helper.make_attribute(name, value) for name, value in old.items())
