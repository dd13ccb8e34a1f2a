"""A fitted scikit-learn regressor as the ONNX graph that Triton serves.

features FP32 [N,44] ─ its columns ─ regressor (skl2onnx) ─┬─ price
                                                           ├─ price_low, price_high
                                 name of the model ────────┴─ price_model
"""

from __future__ import annotations

import hashlib
import json
import time
from typing import Any

import numpy as np
import numpy.typing as npt
import onnxruntime
from onnx import ModelProto, NodeProto, TensorProto, checker, helper
from onnx.numpy_helper import from_array
from skl2onnx import convert_sklearn
from skl2onnx.common.data_types import DoubleTensorType, FloatTensorType
from sklearn.neighbors import KNeighborsRegressor

from conversion import neighbours
from preprocessing.columns import FEATURE_NAMES, POSITION
from training.basic import Estimator
from training.relative_range import RelativeRange

FEATURES = "features"
OUTPUTS = {
    "price": TensorProto.FLOAT,
    "price_low": TensorProto.FLOAT,
    "price_high": TensorProto.FLOAT,
    "price_model": TensorProto.STRING,
}
"""What every version answers, each [N,1]; the first three in dollars."""

FEATURE_NAMES_KEY = "feature_names"
IDENTITY_KEY = "price_model"

OPSETS = {"": 17, "ai.onnx.ml": 3}
"""Old enough for every ONNX Runtime of the last years, so that a version serves on any replica."""

POINT = "dollars"
"""What a converted estimator answers before it gets its range and name."""
LOW, HIGH = "dollars_low", "dollars_high"
"""What it answers besides, when it brings a range of its own."""


def convert(estimator: Estimator) -> ModelProto:
    """Convert the estimator alone: ``features`` FP32 [N,44] to ``dollars`` [N,1].

    Neighbours need double precision to be found rightly; trees are defined in float32.
    Raises what skl2onnx raises when it cannot convert the regressor.
    """
    double = any(isinstance(step, KNeighborsRegressor) for step in _steps(estimator.regressor))
    tensor_type = DoubleTensorType if double else FloatTensorType
    converted = convert_sklearn(
        estimator.regressor,
        initial_types=[("columns", tensor_type([None, len(estimator.columns)]))],
        target_opset=OPSETS,
        custom_conversion_functions={KNeighborsRegressor: neighbours.convert},
    )
    places = np.array([POSITION[name] for name in estimator.columns], dtype=np.int64)
    width = TensorProto.DOUBLE if double else TensorProto.FLOAT
    graph = helper.make_graph(
        [
            helper.make_node("Gather", [FEATURES, "places"], ["picked"], name="pick_columns", axis=1),
            helper.make_node("Cast", ["picked"], ["columns"], name="widen", to=width),
            *converted.graph.node,
            helper.make_node("Identity", [converted.graph.output[0].name], [POINT], name="point"),
        ],
        estimator.name,
        [helper.make_tensor_value_info(FEATURES, TensorProto.FLOAT, ["N", len(FEATURE_NAMES)])],
        [helper.make_tensor_value_info(POINT, width, ["N", 1])],
        [from_array(places, "places"), *converted.graph.initializer],
    )
    return _model(graph)


def complete(point: ModelProto, price_range: RelativeRange | None, identity: str) -> ModelProto:
    """Give a converted estimator its range and its name, as the four ``OUTPUTS``.

    Without a range given, the graph has one of its own: ``dollars_low`` and ``dollars_high``.
    """
    bounds, factors = _bounds(point, price_range)
    graph = helper.make_graph(
        [
            *point.graph.node,
            helper.make_node("Cast", [POINT], ["price"], name="price", to=TensorProto.FLOAT),
            *bounds,
            helper.make_node("Shape", [FEATURES], ["homes"], name="homes", start=0, end=1),
            helper.make_node("Concat", ["homes", "one"], ["names"], name="names", axis=0),
            helper.make_node("Expand", ["identity", "names"], ["price_model"], name="name"),
        ],
        point.graph.name,
        list(point.graph.input),
        [helper.make_tensor_value_info(name, kind, ["N", 1]) for name, kind in OUTPUTS.items()],
        [
            *point.graph.initializer,
            *factors,
            from_array(np.array([1], dtype=np.int64), "one"),
            from_array(np.array([[identity]], dtype=object), "identity"),
        ],
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
    return {LOW, HIGH} <= {output.name for output in point.graph.output}


def _bounds(point: ModelProto, price_range: RelativeRange | None) -> tuple[list[NodeProto], list[TensorProto]]:
    """Return the nodes that answer ``price_low`` and ``price_high``, and their constants."""
    nodes, factors = [], []
    if price_range is not None:
        dtype = helper.tensor_dtype_to_np_dtype(point.graph.output[0].type.tensor_type.elem_type)
        for output, factor in ((LOW, 1 - price_range.below), (HIGH, 1 + price_range.above)):
            factors.append(from_array(np.array(factor, dtype=dtype), f"{output}_factor"))
            nodes.append(helper.make_node("Mul", [POINT, f"{output}_factor"], [output], name=output))
    for wide, output in ((LOW, "price_low"), (HIGH, "price_high")):
        nodes.append(helper.make_node("Cast", [wide], [output], name=output, to=TensorProto.FLOAT))
    return nodes, factors


def _steps(regressor: Any) -> list[Any]:
    return [step for _, step in regressor.steps] if hasattr(regressor, "steps") else [regressor]


def _model(graph: Any) -> ModelProto:
    imports = [helper.make_opsetid(domain, version) for domain, version in OPSETS.items()]
    model = helper.make_model(graph, opset_imports=imports, ir_version=8, producer_name="sound-realty-valuation")
    checker.check_model(model)
    return model
