"""The improved model as an ONNX graph.

features FP32 [N,44] ─ 18 home columns, metres to landmarks ─┬─ price trees, price network ─┐
                                                             ├─ spread trees ─┬─ log width ─┴─ price, low, high
                                                             └─ factors ──────┘

skl2onnx writes the trees, which are then turned to be walked faster; what stands around them takes the
same steps as the scikit-learn side, in double precision wherever a digit could turn a tree's decision.
For a single home it is the number of operators that costs time, more than what they compute.
"""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
import numpy.typing as npt
from onnx import ModelProto, NodeProto, TensorProto, checker, compose, helper
from onnx.numpy_helper import from_array
from skl2onnx import convert_sklearn
from skl2onnx.common.data_types import FloatTensorType
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.tree import DecisionTreeRegressor

from conversion.graph import FEATURES, OPSETS, PRICES
from conversion.likely_branch import likelier_branch_first, times_reached
from preprocessing.columns import FEATURE_NAMES, POSITION, ZIPCODE
from training.adaptive_range import LEAST_SPREAD, MOST_SPREAD
from training.gaps import OPTIONAL, how_given
from training.improved import ImprovedModel
from training.location import HOME, PLACE, SCALE, Location
from training.price_network import PriceNetwork

_COLUMNS = "columns"
_READABLE = "readable"
"""The columns as ``likely_branch`` has trees read them."""
_ROW = "zipcode_row"
"""Where a home's ZIP code stands in the tables by ZIP code."""


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
    """Build the graph: ``features`` FP32 [N,44] to the three ``PRICES``, FP32 [N,1]."""
    graph, location = _Graph(), model.price_model.location
    _add_columns(graph, location)
    averaged = [
        _add_network(graph, learner, location)
        if isinstance(learner, PriceNetwork)
        else _add_trees(graph, name, learner)
        for name, learner in model.price_model.learners.named_estimators_.items()
    ]
    graph.add("Mean", averaged, "answer")
    graph.add("Add", ["answer", _add_range(graph, model)], "answers")
    graph.add("Cast", ["answers"], "answers_double", to=TensorProto.DOUBLE)
    centre = graph.constant("centre", model.price_model.centre + np.log(model.factor))
    graph.add("Add", ["answers_double", centre], "log_dollars")
    graph.add("Exp", ["log_dollars"], "dollars")
    graph.add("Cast", ["dollars"], "dollars_single", to=TensorProto.FLOAT)
    graph.nodes.append(helper.make_node("Split", ["dollars_single"], list(PRICES), name="make_prices", axis=1))
    found = helper.make_graph(
        graph.nodes,
        model.name,
        [helper.make_tensor_value_info(FEATURES, TensorProto.FLOAT, ["N", len(FEATURE_NAMES)])],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["N", 1]) for name in PRICES],
        graph.constants,
    )
    imports = [helper.make_opsetid(domain, version) for domain, version in OPSETS.items()]
    point = helper.make_model(found, opset_imports=imports, ir_version=8)
    checker.check_model(point)
    return point


def _add_columns(graph: _Graph, location: Location) -> None:
    """Add the steps of ``Location.columns``, and what trees read of them."""
    add, constant = graph.add, graph.constant
    add("Gather", [FEATURES, constant("zipcode_place", POSITION[ZIPCODE], np.int64)], "zipcode", axis=1)
    add(
        "LabelEncoder",
        ["zipcode"],
        _ROW,
        domain="ai.onnx.ml",
        keys_floats=location.zipcodes.astype(np.float32).tolist(),
        values_int64s=list(range(len(location.zipcodes))),
        default_int64=len(location.zipcodes),
    )
    metres_of_zipcodes = location.metres(np.vstack([location.middles, location.elsewhere]))
    add("Gather", [constant("metres_of_zipcodes", metres_of_zipcodes, np.float32), _ROW], "metres_of_middle", axis=0)

    add("Gather", [FEATURES, constant("coordinate_places", [PLACE], np.int64)], "coordinates", axis=1)
    add("Cast", ["coordinates"], "degrees", to=TensorProto.DOUBLE)
    add("Mul", ["degrees", constant("metres_per_degree", SCALE)], "place")
    add("Sub", ["place", constant("landmarks", location.landmarks)], "legs")
    add("ReduceL2", ["legs"], "distance", axes=[2], keepdims=0)
    add("Floor", ["distance"], "metres_double")
    add("Cast", ["metres_double"], "metres_given", to=TensorProto.FLOAT)
    add("IsNaN", ["metres_given"], "metres_missing")
    add("Where", ["metres_missing", "metres_of_middle", "metres_given"], "metres")

    add("Gather", [FEATURES, constant("home_places", HOME, np.int64)], "home", axis=1)
    add("Concat", ["home", "metres"], _COLUMNS, axis=1)

    add("Concat", [_COLUMNS, _COLUMNS], "columns_twice", axis=1)
    infinite = np.full(len(HOME) + len(location.landmarks), np.inf)
    ends = _add_filled(graph, "columns_twice", "ends", np.concatenate([-infinite, infinite]))
    add("Neg", [ends], "ends_turned")
    add("Concat", [ends, "ends_turned"], _READABLE, axis=1)


def _add_filled(graph: _Graph, columns: str, output: str, instead: npt.NDArray[np.float64]) -> str:
    """Add columns [N,C] with values [C] in place of what is missing."""
    return graph.add(
        "Imputer",
        [columns],
        output,
        domain="ai.onnx.ml",
        imputed_value_floats=instead.tolist(),
        replaced_value_float=np.nan,
    )


def _add_trees(graph: _Graph, name: str, trees: HistGradientBoostingRegressor) -> str:
    """Add fitted trees; return the name of their answer, FP32 [N,1]."""
    node = _converted(name, trees)
    likelier_branch_first(node, trees.n_features_in_, times_reached(trees))
    graph.nodes.append(node)
    return str(node.output[0])


def _converted(name: str, trees: DecisionTreeRegressor | HistGradientBoostingRegressor) -> NodeProto:
    """Return fitted trees as one node, which knows the columns by their places among those it was fitted to."""
    kind = FloatTensorType([None, trees.n_features_in_])
    converted = convert_sklearn(trees, initial_types=[("columns", kind)], target_opset=OPSETS)
    (node,) = compose.add_prefix_graph(converted.graph, f"{name}_").node
    node.input[:] = [_READABLE]
    return node


def _add_network(graph: _Graph, network: PriceNetwork, location: Location) -> str:
    """Add the steps of ``PriceNetwork.predict``; return the name of its answer, FP32 [N,1]."""

    def add(operator: str, inputs: list[str], output: str, **attributes: Any) -> str:
        return graph.add(operator, inputs, f"network_{output}", **attributes)

    def constant(name: str, value: npt.ArrayLike) -> str:
        return graph.constant(f"network_{name}", value, np.float32)

    filled = _add_filled(graph, _COLUMNS, "network_filled", network.untold_ - network.offset_)
    state = add("Log", [add("Add", [filled, constant("offset", network.offset_)], "raised")], "logs")
    of_zipcodes = np.vstack([network.zipcode_rows(location.zipcodes), network.of_zipcodes_[-1]]) + network.biases_[0]
    biases = [
        add("Gather", [constant("of_zipcodes", of_zipcodes), _ROW], "of_zipcode", axis=0),
        *(constant(f"bias_{layer}", bias) for layer, bias in enumerate(network.biases_[1:], start=1)),
    ]
    for layer, (weights, bias) in enumerate(zip(network.weights_, biases, strict=True)):
        if layer:
            state = add("Relu", [state], f"hidden_{layer}")
        state = add("Gemm", [state, constant(f"weights_{layer}", weights), bias], f"layer_{layer}")
    return state


def _add_range(graph: _Graph, model: ImprovedModel) -> str:
    """Add the logs of price, low and high in proportion to the price; return their name, FP32 [N,3]."""
    ends = [graph.constant(*end, np.float32) for end in (("least_spread", LEAST_SPREAD), ("most_spread", MOST_SPREAD))]
    graph.add("Clip", [_add_trees(graph, "spread", model.range.trees), *ends], "spread")
    factors = _converted("factors", _tree_of_factors(model.range.factors))
    graph.nodes.append(factors)
    return graph.add("Mul", [factors.output[0], "spread"], "log_width")


def _tree_of_factors(factors: npt.NDArray[np.float64]) -> DecisionTreeRegressor:
    """Return a tree that tells how much of a home is given, and answers 0 for the price and the two factors of that.

    It is fitted to homes with every choice of optional columns missing, so it leaves nothing to chance; to count what
    is missing would take three operators.
    """
    told = np.zeros((2 ** len(OPTIONAL), len(FEATURE_NAMES)), dtype=np.float32)
    told[:, OPTIONAL] = list(product((0, np.nan), repeat=len(OPTIONAL)))
    as_read = np.nan_to_num(told[:, HOME], nan=float(np.finfo(np.float32).min))
    return DecisionTreeRegressor(random_state=0).fit(as_read, np.pad(factors, ((0, 0), (1, 0)))[how_given(told)])
