"""A fitted scikit-learn regressor as the ONNX graph that Triton serves.

features FP32 [N,44] ─ its columns ─ regressor (skl2onnx) ─┬─ price
                                                           ├─ price_low, price_high
                                 name of the model ────────┴─ price_model
"""

from __future__ import annotations

import hashlib
import json
import time
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import onnxruntime
from onnx import ModelProto, NodeProto, TensorProto, checker, compose, helper
from onnx.numpy_helper import from_array
from onnxruntime.capi import onnxruntime_pybind11_state as failures
from skl2onnx import convert_sklearn
from skl2onnx.common.data_types import DoubleTensorType, FloatTensorType
from sklearn.neighbors import KNeighborsRegressor
from sklearn.preprocessing import FunctionTransformer

from conversion import Refused, elementwise, mended, neighbours, one_line
from conversion.wrapping import unwrap
from preprocessing.columns import FEATURE_NAMES, POSITION
from training.basic import Estimator
from training.relative_range import RelativeRange

FEATURES = "features"
RUN_FAILURES = (
    failures.Fail,
    failures.InvalidArgument,
    failures.InvalidGraph,
    failures.InvalidProtobuf,
    failures.NotImplemented,
    failures.RuntimeException,
)
"""onnxruntime's exceptions share no base of their own."""
PRICES = PRICE, LOW, HIGH = "price", "price_low", "price_high"
OUTPUTS = {**dict.fromkeys(PRICES, TensorProto.FLOAT), "price_model": TensorProto.STRING}
"""What every version answers, each [N,1]; the first three in dollars."""

FEATURE_NAMES_KEY = "feature_names"
IDENTITY_KEY = "price_model"

OPSETS = {"": 17, "ai.onnx.ml": 3}
"""Old enough for every ONNX Runtime of the last years, so that a version serves on any replica."""

POINT = "dollars"
"""What a converted estimator answers before it gets its range and name; with a range of its own, it has ``PRICES``."""
CONVERTIBLE = (
    "What converts as a rule: linear models, trees, forests, boosting, nearest neighbours, support vectors and small "
    "neural networks, with scalers, SimpleImputer, OneHotEncoder and PCA before them"
)
_PREFIX = "regressor_"
_CONVERTERS = {
    **mended.CONVERTERS,
    FunctionTransformer: elementwise.convert,
    KNeighborsRegressor: neighbours.convert,
}


def convert(estimator: Estimator, *, double: bool = True) -> ModelProto:
    """Convert the estimator alone: ``features`` FP32 [N,44] to ``dollars`` [N,1].

    It computes in double precision where told so, which is right for more models than single precision. Raises Refused
    when the estimator cannot be converted so.
    """
    unwrapped = unwrap(estimator.regressor)
    undone = [step for transformer in unwrapped.after for step in elementwise.undoing(transformer)]
    tensor_type, width = (DoubleTensorType, TensorProto.DOUBLE) if double else (FloatTensorType, TensorProto.FLOAT)
    try:
        converted = convert_sklearn(
            unwrapped.inner,
            initial_types=[("columns", tensor_type([None, len(estimator.columns)]))],
            target_opset=OPSETS,
            custom_conversion_functions=_CONVERTERS,
            custom_shape_calculators={**mended.SHAPES, FunctionTransformer: elementwise.calculate_shape},
        )
        regressor = compose.add_prefix_graph(converted.graph, _PREFIX)  # its names must not meet those around it
        nodes, constants = _undo(regressor.output[0].name, undone, width)
        places = np.array([POSITION[name] for name in estimator.columns], dtype=np.int64)
        graph = helper.make_graph(
            [
                helper.make_node("Gather", [FEATURES, "places"], ["picked"], name="pick_columns", axis=1),
                helper.make_node("Cast", ["picked"], [regressor.input[0].name], name="widen", to=width),
                *regressor.node,
                *nodes,
            ],
            estimator.name,
            [helper.make_tensor_value_info(FEATURES, TensorProto.FLOAT, ["N", len(FEATURE_NAMES)])],
            [helper.make_tensor_value_info(POINT, width, ["N", 1])],
            [from_array(places, "places"), *regressor.initializer, *constants],
        )
        model = _model(graph)
        session(model.SerializeToString())
    except Refused:
        raise
    except Exception as error:  # skl2onnx, onnx and ONNX Runtime raise whatever they meet
        raise Refused(f"it cannot be converted to ONNX: {one_line(error)}. {CONVERTIBLE}") from error
    return model


def _undo(answer: str, steps: list[elementwise.Step], width: int) -> tuple[list[NodeProto], list[TensorProto]]:
    """Return the nodes that turn what a regressor answers into dollars, and their constants."""
    nodes, constants, dtype = [], [], helper.tensor_dtype_to_np_dtype(width)
    for place, (operator, constant) in enumerate(steps):
        inputs, undone = [answer], f"undone_{place}"
        if constant is not None:
            constants.append(from_array(np.array(constant, dtype=dtype), f"{undone}_by"))
            inputs.append(constants[-1].name)
        nodes.append(helper.make_node(operator, inputs, [undone], name=undone))
        answer = undone
    one_column = from_array(np.array([-1, 1], dtype=np.int64), "one_column")
    nodes.append(helper.make_node("Reshape", [answer, one_column.name], [POINT], name="point"))
    return nodes, [*constants, one_column]


@dataclass(frozen=True)
class Ranges:
    """Hold the range of homes that are told whole, and that of homes of which one of some ``columns`` is missing."""

    whole: RelativeRange
    gaps: RelativeRange | None = None
    columns: tuple[str, ...] = ()


def complete(point: ModelProto, ranges: Ranges | None, identity: str) -> ModelProto:
    """Give a converted estimator its range and its name, as the four ``OUTPUTS``.

    Without ranges given, the graph has one of its own, and answers ``PRICES``.
    """
    around, factors = _around(point, ranges) if ranges is not None else ([], [])
    graph = helper.make_graph(
        [
            *point.graph.node,
            *around,
            # Every price has the one name: the operator knows a single key, and answers the same to whatever else.
            helper.make_node(
                "LabelEncoder",
                [PRICE],
                ["price_model"],
                name="name",
                domain="ai.onnx.ml",
                keys_floats=[0.0],
                values_strings=[identity],
                default_string=identity,
            ),
        ],
        point.graph.name,
        list(point.graph.input),
        [helper.make_tensor_value_info(name, kind, ["N", 1]) for name, kind in OUTPUTS.items()],
        [*point.graph.initializer, *factors],
    )
    model = _model(graph)
    helper.set_model_props(model, {FEATURE_NAMES_KEY: json.dumps(FEATURE_NAMES), IDENTITY_KEY: identity})
    return model


def fingerprint(model: ModelProto) -> str:
    """Return the hexadecimal digits that tell one trained artifact from another."""
    return hashlib.sha256(model.SerializeToString(deterministic=True)).hexdigest()


def session(model: bytes) -> onnxruntime.InferenceSession:
    """Open a model on one thread, as the server runs it."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])


def run(running: onnxruntime.InferenceSession, table: npt.NDArray[np.float32]) -> dict[str, npt.NDArray[Any]]:
    """Return all outputs, each [N], of features [N,44]; runs a bounded number of rows at a time."""
    names = [output.name for output in running.get_outputs()]
    parts = [running.run(names, {FEATURES: table[start : start + 256]}) for start in range(0, len(table), 256)]
    return {name: np.concatenate(columns)[:, 0] for name, columns in zip(names, zip(*parts, strict=True), strict=True)}


def milliseconds_per_home(
    running: onnxruntime.InferenceSession, home: npt.NDArray[np.float32], rounds: int = 200
) -> float:
    """Return the median milliseconds that one home takes, features [1,44]."""
    names, times = [output.name for output in running.get_outputs()], []
    for _ in range(rounds):
        begin = time.perf_counter()
        running.run(names, {FEATURES: home})
        times.append(time.perf_counter() - begin)
    return float(np.median(times)) * 1000


def has_range(point: ModelProto) -> bool:
    """Tell whether a converted model answers a range by itself."""
    return set(PRICES) <= {output.name for output in point.graph.output}


def _around(point: ModelProto, ranges: Ranges) -> tuple[list[NodeProto], list[TensorProto]]:
    """Return the nodes that answer ``PRICES``, and their constants."""
    nodes: list[NodeProto] = []
    constants: list[TensorProto] = []
    dtype = helper.tensor_dtype_to_np_dtype(point.graph.output[0].type.tensor_type.elem_type)

    def add(operator: str, inputs: list[str], answer: str, **attributes: Any) -> str:
        nodes.append(helper.make_node(operator, inputs, [answer], name=answer, **attributes))
        return answer

    def constant(name: str, value: float | list[int], kind: np.dtype[Any] = dtype) -> str:
        constants.append(from_array(np.array(value, dtype=kind), name))
        return name

    if ranges.gaps is not None:
        places = constant("gap_places", [POSITION[name] for name in ranges.columns], np.dtype(np.int64))
        add("Gather", [FEATURES, places], "perhaps_missing", axis=1)
        add("IsNaN", ["perhaps_missing"], "missing")
        add("Cast", ["missing"], "missing_number", to=TensorProto.FLOAT)
        add("ReduceMax", ["missing_number"], "any_missing", axes=[1], keepdims=1)
        add("Cast", ["any_missing"], "has_gaps", to=TensorProto.BOOL)
    add("Cast", [POINT], PRICE, to=TensorProto.FLOAT)
    for output in (LOW, HIGH):
        factor = constant(f"{output}_factor", _factor(ranges.whole, output))
        if ranges.gaps is not None:
            with_gaps = constant(f"{output}_factor_with_gaps", _factor(ranges.gaps, output))
            factor = add("Where", ["has_gaps", with_gaps, factor], f"{output}_factor_of_home")
        add("Cast", [add("Mul", [POINT, factor], f"{output}_dollars")], output, to=TensorProto.FLOAT)
    return nodes, constants


def _factor(price_range: RelativeRange, output: str) -> float:
    return 1 - price_range.below if output == LOW else 1 + price_range.above


def _model(graph: Any) -> ModelProto:
    imports = [helper.make_opsetid(domain, version) for domain, version in OPSETS.items()]
    model = helper.make_model(graph, opset_imports=imports, ir_version=8, producer_name="sound-realty-valuation")
    checker.check_model(model)
    return model
