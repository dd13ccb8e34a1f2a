"""What skl2onnx converts wrongly, or in single precision only, put right.

It forgets to which side a forest sends a home of which a column is not given. ONNX Runtime's trees answer in single
precision whatever they read, its imputer and support vectors read nothing else, where the steps around them compute in
double precision: there a scaled column must not come to lie on another side of a tree's threshold.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import SimpleNamespace
from typing import Any

import numpy as np
from onnx import NodeProto, TensorProto, helper
from onnx.numpy_helper import from_array
from skl2onnx.algebra import onnx_ops
from skl2onnx.common._registration import get_converter
from skl2onnx.common.data_types import DoubleTensorType, FloatTensorType
from sklearn import preprocessing
from sklearn.ensemble import (
    ExtraTreesRegressor,
    GradientBoostingRegressor,
    HistGradientBoostingRegressor,
    RandomForestRegressor,
)
from sklearn.impute import SimpleImputer
from sklearn.svm import SVR, NuSVR
from sklearn.tree import DecisionTreeRegressor, ExtraTreeRegressor
from sklearn.tree._tree import Tree

Converter = Callable[[Any, Any, Any], None]

# Models are converted by older releases, too: TargetEncoder and gaps in trees came with scikit-learn 1.3.
_HAS_TARGET_ENCODER = hasattr(preprocessing, "TargetEncoder")
_TAKES_GAPS = (DecisionTreeRegressor, ExtraTreeRegressor, ExtraTreesRegressor, RandomForestRegressor)


def _convert_trees(scope: Any, operator: Any, container: Any) -> None:
    """Convert trees, for skl2onnx."""
    model, first = operator.raw_operator, len(container.nodes)
    if isinstance(operator.inputs[0].type, DoubleTensorType):
        _convert_trees_amid_double(scope, operator, container)
    else:
        get_converter(operator.type)(scope, operator, container)
    if isinstance(model, _TAKES_GAPS) and hasattr(Tree, "missing_go_to_left"):
        (trees,) = (node for node in container.nodes[first:] if node.op_type == "TreeEnsembleRegressor")
        _tell_gaps(trees, model)


def _convert_trees_amid_double(scope: Any, operator: Any, container: Any) -> None:
    """Convert trees where the steps around them compute in double precision; ONNX Runtime's answer in single precision.

    They read single precision too, as scikit-learn's own do; histogram boosting reads double precision.
    """

    def variable(name: str, kind: type) -> Any:
        return SimpleNamespace(full_name=scope.get_unique_variable_name(name), type=kind([None, None]))

    def cast(given: str, answer: str, kind: int) -> None:
        container.add_node("Cast", [given], [answer], name=scope.get_unique_operator_name("Cast"), to=kind)

    read, answered = operator.inputs[0], variable("answered_single", FloatTensorType)
    if not isinstance(operator.raw_operator, HistGradientBoostingRegressor):
        read = variable("read_single", FloatTensorType)
        cast(operator.inputs[0].full_name, read.full_name, TensorProto.FLOAT)
    single = SimpleNamespace(
        type=operator.type,
        raw_operator=operator.raw_operator,
        inputs=[read],
        input_full_names=[read.full_name],
        outputs=[answered],
        output_full_names=[answered.full_name],
    )
    get_converter(operator.type)(scope, single, container)
    if isinstance(operator.raw_operator, HistGradientBoostingRegressor):
        _tell_thresholds(container.nodes[-1], operator.raw_operator)
    cast(answered.full_name, operator.outputs[0].full_name, TensorProto.DOUBLE)


def _tell_gaps(trees: NodeProto, model: Any) -> None:
    """Tell each node of one or several trees to which side a column goes that is not given."""
    to_the_left = np.concatenate([one.tree_.missing_go_to_left for one in getattr(model, "estimators_", [model])])
    (flags,) = (one for one in trees.attribute if one.name == "nodes_missing_value_tracks_true")
    flags.CopyFrom(helper.make_attribute(flags.name, to_the_left.astype(np.int64).tolist()))


def _tell_thresholds(trees: NodeProto, model: HistGradientBoostingRegressor) -> None:
    """Give trees that read double precision their thresholds in double precision."""
    nodes = np.concatenate([tree.nodes for (tree,) in model._predictors])
    (values,) = (one for one in trees.attribute if one.name == "nodes_values")
    values.CopyFrom(
        helper.make_attribute("nodes_values_as_tensor", from_array(nodes["num_threshold"].astype(np.float64)))
    )


def _impute(scope: Any, operator: Any, container: Any) -> None:
    """Convert an imputer of numbers, for skl2onnx: ONNX Runtime's own reads single precision only."""
    imputer, columns = operator.raw_operator, operator.inputs[0]
    replaced = np.asarray(imputer.statistics_)
    plain = len(operator.inputs) == 1 and isinstance(columns.type, DoubleTensorType) and not imputer.add_indicator
    if not (plain and isinstance(imputer.missing_values, float) and np.isfinite(replaced.astype(np.float64)).all()):
        get_converter(operator.type)(scope, operator, container)
        return
    statistics, missing = map(scope.get_unique_variable_name, ("statistics", "missing"))
    container.add_initializer(statistics, TensorProto.DOUBLE, [1, len(replaced)], replaced.astype(np.float64))
    given, answer = columns.full_name, operator.outputs[0].full_name
    container.add_node("IsNaN", [given], [missing], name=scope.get_unique_operator_name("IsNaN"))
    container.add_node(
        "Where", [missing, statistics, given], [answer], name=scope.get_unique_operator_name("Where"), op_version=16
    )


def _weigh_vectors(scope: Any, operator: Any, container: Any) -> None:
    """Convert support vectors, for skl2onnx: ONNX Runtime's own are not exact enough for a price."""
    model, columns = operator.raw_operator, operator.inputs[0]
    if not isinstance(columns.type, DoubleTensorType) or model.kernel not in ("linear", "poly", "rbf", "sigmoid"):
        get_converter(operator.type)(scope, operator, container)
        return
    version = {"op_version": container.target_opset}
    vectors, gamma = np.asarray(model.support_vectors_), np.array([model._gamma])
    products = onnx_ops.OnnxMatMul(columns, vectors.T, **version)
    if model.kernel == "rbf":
        squares = onnx_ops.OnnxReduceSumSquare(columns, axes=[1], keepdims=1, **version)
        twice = onnx_ops.OnnxMul(products, np.array([2.0]), **version)
        apart = onnx_ops.OnnxSub(squares, twice, **version)
        apart = onnx_ops.OnnxAdd(apart, (vectors**2).sum(axis=1), **version)
        alike = onnx_ops.OnnxExp(onnx_ops.OnnxMul(apart, -gamma, **version), **version)
    elif model.kernel == "linear":
        alike = products
    else:
        alike = onnx_ops.OnnxMul(products, gamma, **version)
        alike = onnx_ops.OnnxAdd(alike, np.array([float(model.coef0)]), **version)
        if model.kernel == "poly":
            alike = onnx_ops.OnnxPow(alike, np.array([float(model.degree)]), **version)
        else:
            alike = onnx_ops.OnnxTanh(alike, **version)
    weighed = onnx_ops.OnnxMatMul(alike, model.dual_coef_.T, **version)
    onnx_ops.OnnxAdd(weighed, model.intercept_, output_names=operator.outputs, **version).add_to(scope, container)


def _encode_by_price(scope: Any, operator: Any, container: Any) -> None:
    """Convert a TargetEncoder of numbers, for skl2onnx: its own takes whole numbers only."""
    encoder, columns = operator.raw_operator, operator.inputs[0]
    version = {"op_version": container.target_opset}
    encoded = []
    for place, (known, prices) in enumerate(zip(encoder.categories_, encoder.encodings_, strict=True)):
        column = onnx_ops.OnnxGather(columns, np.array([place]), axis=1, **version)
        row = onnx_ops.OnnxLabelEncoder(
            onnx_ops.OnnxCast(column, to=TensorProto.FLOAT, **version),
            keys_floats=known.astype(np.float32).tolist(),
            values_int64s=list(range(len(known))),
            default_int64=len(known),
            op_version=2,
        )
        encoded.append(onnx_ops.OnnxGather(np.append(prices, encoder.target_mean_), row, axis=0, **version))
    onnx_ops.OnnxConcat(*encoded, axis=1, output_names=operator.outputs, **version).add_to(scope, container)


def _shape_as_read(operator: Any) -> None:
    """Say, for skl2onnx, that an operator answers as many columns as it reads, in the same precision."""
    operator.outputs[0].type = type(operator.inputs[0].type)(operator.inputs[0].type.shape)


CONVERTERS: Mapping[type, Converter] = {
    **dict.fromkeys((*_TAKES_GAPS, GradientBoostingRegressor, HistGradientBoostingRegressor), _convert_trees),
    **dict.fromkeys((NuSVR, SVR), _weigh_vectors),
    SimpleImputer: _impute,
    **({preprocessing.TargetEncoder: _encode_by_price} if _HAS_TARGET_ENCODER else {}),
}
"""By the type of estimator, what to give skl2onnx in place of its own."""
SHAPES: Mapping[type, Callable[[Any], None]] = (
    {preprocessing.TargetEncoder: _shape_as_read} if _HAS_TARGET_ENCODER else {}
)
"""Likewise, what tells the shape of an answer."""
