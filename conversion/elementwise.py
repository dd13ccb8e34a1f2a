"""Functions of single numbers in ONNX: what FunctionTransformer does, and what undoes a transformed price."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from skl2onnx.common.data_types import DoubleTensorType
from sklearn.preprocessing import FunctionTransformer, MaxAbsScaler, MinMaxScaler, RobustScaler, StandardScaler

from conversion import Refused

Step = tuple[str, float | None]
"""An ONNX operator, and the constant that it takes beside its input, if it takes one."""

STEPS: Mapping[Callable[..., Any], tuple[Step, ...]] = {
    np.abs: (("Abs", None),),
    np.exp: (("Exp", None),),
    np.expm1: (("Exp", None), ("Sub", 1.0)),
    np.log: (("Log", None),),
    np.log10: (("Log", None), ("Div", float(np.log(10)))),
    np.log1p: (("Add", 1.0), ("Log", None)),
    np.log2: (("Log", None), ("Div", float(np.log(2)))),
    np.sqrt: (("Sqrt", None),),
    np.square: (("Pow", 2.0),),
}
_LINEAR = (MaxAbsScaler, MinMaxScaler, RobustScaler, StandardScaler)


def undoing(transformer: Any) -> tuple[Step, ...]:
    """Return the steps of the inverse of a TransformedTargetRegressor's transformer. Raises Refused when unknown."""
    if isinstance(transformer, FunctionTransformer):
        return _steps(transformer.inverse_func, transformer.inv_kw_args)
    if isinstance(transformer, _LINEAR):
        zero, one = transformer.inverse_transform([[0.0], [1.0]]).ravel()
        return ("Mul", float(one - zero)), ("Add", float(zero))
    raise Refused(
        f"a price transformed by {type(transformer).__name__} has no ONNX form: transform it by a scaler, or by "
        "func=np.log and inverse_func=np.exp"
    )


def convert(scope: Any, operator: Any, container: Any) -> None:
    """Convert a FunctionTransformer, for skl2onnx. Raises Refused for a function that is not in ``STEPS``."""
    transformer = operator.raw_operator
    dtype = np.float64 if isinstance(operator.inputs[0].type, DoubleTensorType) else np.float32
    names = [one.full_name for one in operator.inputs]
    for step, constant in (("Concat", None), *_steps(transformer.func, transformer.kw_args)):
        if constant is not None:
            names.append(scope.get_unique_variable_name("constant"))
            kind = operator.inputs[0].type.to_onnx_type().tensor_type.elem_type
            container.add_initializer(names[-1], kind, [], [dtype(constant)])
        answer = scope.get_unique_variable_name("elementwise")
        attributes = {"axis": 1} if step == "Concat" else {}
        container.add_node(step, names, [answer], name=scope.get_unique_operator_name(step), **attributes)
        names = [answer]
    container.add_node(
        "Identity", names, [operator.outputs[0].full_name], name=scope.get_unique_operator_name("Identity")
    )


def calculate_shape(operator: Any) -> None:
    """Say, for skl2onnx, that a FunctionTransformer answers as many columns as it reads."""
    widths = [one.type.shape[1] for one in operator.inputs]
    width = None if None in widths else sum(widths)
    first = operator.inputs[0]
    operator.outputs[0].type = type(first.type)([first.get_first_dimension(), width])


def _steps(function: Any, arguments: Any) -> tuple[Step, ...]:
    if function is None:
        return ()
    try:
        if not arguments:
            return STEPS[function]
    except (KeyError, TypeError):  # a callable need not be hashable
        pass
    known = ", ".join(sorted(f"np.{one.__name__}" for one in STEPS))
    raise Refused(
        f"FunctionTransformer: the function {getattr(function, '__name__', function)!r} has no ONNX form; "
        f"these have, without arguments: {known}"
    )
