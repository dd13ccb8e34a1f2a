"""The improved model as an ONNX graph.

features FP32 [N,44] ─┬─ 18 home columns, metres to landmarks ─┬─ price trees, price network ── dollars
                      │                                        └─ spread trees ─┐                 │
                      └─ how many optional columns are missing ── factors ──────┴─────────────────┴─ low, high

skl2onnx writes the trees, which are then turned to be walked faster; what stands around them takes the
same steps as the scikit-learn side, in double precision wherever a digit could turn a tree's decision.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from onnx import ModelProto, NodeProto, TensorProto, checker, compose, helper
from onnx.numpy_helper import from_array
from skl2onnx import convert_sklearn
from skl2onnx.common.data_types import FloatTensorType
from sklearn.ensemble import HistGradientBoostingRegressor

from conversion.graph import FEATURES, HIGH, LOW, OPSETS, POINT
from conversion.likely_branch import likelier_branch_first, times_reached
from preprocessing.columns import FEATURE_NAMES, POSITION, ZIPCODE
from training.adaptive_range import LEAST_SPREAD, MOST_SPREAD
from training.gaps import GIVEN, OPTIONAL
from training.improved import ImprovedModel
from training.location import HOME, PLACE, SCALE, Location
from training.price_network import PriceNetwork

_READABLE = "readable"
"""The columns as ``likely_branch`` has trees read them."""


class _Graph:
    """Collect nodes and constants as they are added."""

    def __init__(self) -> None:
        self.nodes: list[NodeProto] = []
        self.constants: list[TensorProto] = []

    def add(self, operator: str, inputs: list[str], output: str, **attributes: Any) -> str:
        self.nodes.append(helper.make_node(operator, inputs, [output], name=f"make_{output}", **attributes))
        return output

    def constant(self, name: str, value: npt.ArrayLike, dtype: type[np.generic] = np.float64) -> str:
        self.constants.append(from_array(np.array(value, dtype=dtype), name))
        return name


def improved_graph(model: ImprovedModel) -> ModelProto:
    """Build the graph: ``features`` FP32 [N,44] to ``dollars``, ``dollars_low`` and ``dollars_high``, DOUBLE [N,1]."""
    graph = _Graph()
    _add_columns(graph, model.price_model.location)
    averaged = [
        _add_network(graph, learner, model.price_model.location)
        if isinstance(learner, PriceNetwork)
        else _add_trees(graph, name, learner)
        for name, learner in model.price_model.learners.named_estimators_.items()
    ]
    graph.add("Mean", averaged, "answer")
    graph.add("Cast", ["answer"], "answer_double", to=TensorProto.DOUBLE)
    graph.add(
        "Add",
        ["answer_double", graph.constant("centre", model.price_model.centre + np.log(model.factor))],
        "log_dollars",
    )
    graph.add("Exp", ["log_dollars"], POINT)
    _add_range(graph, model)
    found = helper.make_graph(
        graph.nodes,
        model.name,
        [helper.make_tensor_value_info(FEATURES, TensorProto.FLOAT, ["N", len(FEATURE_NAMES)])],
        [helper.make_tensor_value_info(name, TensorProto.DOUBLE, ["N", 1]) for name in (POINT, LOW, HIGH)],
        graph.constants,
    )
    imports = [helper.make_opsetid(domain, version) for domain, version in OPSETS.items()]
    point = helper.make_model(found, opset_imports=imports, ir_version=8)
    checker.check_model(point)
    return point


def _add_columns(graph: _Graph, location: Location) -> None:
    """Add the steps of ``Location.columns``."""
    add, constant = graph.add, graph.constant
    add("Gather", [FEATURES, constant("home_places", HOME, np.int64)], "home", axis=1)

    add("Gather", [FEATURES, constant("zipcode_place", POSITION[ZIPCODE], np.int64)], "zipcode", axis=1)
    add(
        "LabelEncoder",
        ["zipcode"],
        "zipcode_row",
        domain="ai.onnx.ml",
        keys_floats=location.zipcodes.astype(np.float32).tolist(),
        values_int64s=list(range(len(location.zipcodes))),
        default_int64=len(location.zipcodes),
    )
    middles = constant("middles", np.vstack([location.middles, location.elsewhere])[:, None])
    add("Gather", [middles, "zipcode_row"], "middle", axis=0)

    add("Gather", [FEATURES, constant("coordinate_places", [PLACE], np.int64)], "coordinates", axis=1)
    add("Cast", ["coordinates"], "degrees", to=TensorProto.DOUBLE)
    add("Mul", ["degrees", constant("metres_per_degree", SCALE)], "place_given")
    add("ReduceSum", ["place_given", constant("coordinates_axis", [2], np.int64)], "place_sum", keepdims=1)
    add("IsNaN", ["place_sum"], "place_missing")
    add("Where", ["place_missing", "middle", "place_given"], "place")

    add("Sub", ["place", constant("landmarks", location.landmarks)], "legs")
    add("ReduceL2", ["legs"], "distance", axes=[2], keepdims=0)
    add("Floor", ["distance"], "metres")
    add("Cast", ["metres"], "metres_single", to=TensorProto.FLOAT)
    add("Concat", ["home", "metres_single"], "columns", axis=1)

    add("IsNaN", ["columns"], "missing")
    for end, infinity in (("lowest", -np.inf), ("highest", np.inf)):
        add("Where", ["missing", constant(f"{end}_of_all", infinity, np.float32), "columns"], end)
    add("Concat", ["lowest", "highest"], "ends", axis=1)
    add("Neg", ["ends"], "ends_turned")
    add("Concat", ["ends", "ends_turned"], _READABLE, axis=1)


def _add_trees(graph: _Graph, name: str, trees: HistGradientBoostingRegressor) -> str:
    """Add fitted trees; return the name of their answer, FP32 [N,1]."""
    converted = convert_sklearn(
        trees, initial_types=[("columns", FloatTensorType([None, trees.n_features_in_]))], target_opset=OPSETS
    )
    (node,) = compose.add_prefix_graph(converted.graph, f"{name}_").node
    node.input[:] = [_READABLE]
    likelier_branch_first(node, trees.n_features_in_, times_reached(trees))
    graph.nodes.append(node)
    return str(node.output[0])


def _add_network(graph: _Graph, network: PriceNetwork, location: Location) -> str:
    """Add the steps of ``PriceNetwork.predict``; return the name of its answer, FP32 [N,1]."""

    def add(operator: str, inputs: list[str], output: str, **attributes: Any) -> str:
        return graph.add(operator, inputs, f"network_{output}", **attributes)

    def constant(name: str, value: npt.ArrayLike) -> str:
        return graph.constant(f"network_{name}", value, np.float32)

    filled = add("Where", ["missing", constant("untold", network.untold_ - network.offset_), "columns"], "filled")
    state = add("Log", [add("Add", [filled, constant("offset", network.offset_)], "raised")], "logs")
    of_zipcodes = np.vstack([network.zipcode_rows(location.zipcodes), network.of_zipcodes_[-1]]) + network.biases_[0]
    biases = [
        add("Gather", [constant("of_zipcodes", of_zipcodes), "zipcode_row"], "of_zipcode", axis=0),
        *(constant(f"bias_{layer}", bias) for layer, bias in enumerate(network.biases_[1:], start=1)),
    ]
    for layer, (weights, bias) in enumerate(zip(network.weights_, biases, strict=True)):
        if layer:
            state = add("Relu", [state], f"hidden_{layer}")
        state = add("Gemm", [state, constant(f"weights_{layer}", weights), bias], f"layer_{layer}")
    return state


def _add_range(graph: _Graph, model: ImprovedModel) -> None:
    add, constant = graph.add, graph.constant
    least, most = constant("least_spread", LEAST_SPREAD), constant("most_spread", MOST_SPREAD)
    add("Cast", [_add_trees(graph, "spread", model.range.trees)], "spread_double", to=TensorProto.DOUBLE)
    add("Clip", ["spread_double", least, most], "spread")

    by_missing = [0, *[GIVEN.index("some")] * (len(OPTIONAL) - 1), GIVEN.index("required")]
    # The preprocessing refuses a home without a required column, so whatever is missing is optional.
    add("Cast", ["missing"], "missing_whole", to=TensorProto.INT64)
    add("ReduceSum", ["missing_whole", constant("across", [1], np.int64)], "missing_count", keepdims=0)
    add("Gather", [constant("factors", model.range.factors[by_missing]), "missing_count"], "factors_of_home", axis=0)

    add("Mul", ["factors_of_home", "spread"], "log_width")
    add("Exp", ["log_width"], "width")
    add("Mul", [POINT, "width"], "bounds")
    for axis, (name, output) in enumerate((("low", LOW), ("high", HIGH))):
        add("Gather", ["bounds", constant(f"{name}_axis", [axis], np.int64)], output, axis=1)
