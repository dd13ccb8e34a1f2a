"""KNeighborsRegressor as an ONNX graph that is right and fast.

skl2onnx writes the distances as a loop over the rows (tens of milliseconds a home) or, on
request, as one float32 operator, where homes that differ by a few square feet in a column of
tens of thousands come out equally far. Here it is one double-precision matrix product:

    |x - t|^2 = |x|^2 + (|t|^2 - 2 x.t)

of which the nearest rows t of the training data need only the bracket. Weights by distance need every digit of it, so
the distances to the few nearest are computed anew. Other metrics are left to skl2onnx.
"""

from __future__ import annotations

from itertools import combinations, islice
from typing import Any

import numpy as np
import numpy.typing as npt
from onnx import TensorProto
from skl2onnx.common._registration import get_converter
from skl2onnx.common.data_types import DoubleTensorType
from sklearn.metrics import DistanceMetric
from sklearn.neighbors import KNeighborsRegressor

from conversion import Refused

TIE_TOLERANCE = 1e-9
"""Relative difference below which two distances are equal: far above rounding, far below a square foot."""

_EUCLIDEAN = ("euclidean", "l2")
_NEARLY_ZERO = 1e-150
"""Stands for a distance of zero: such a home outweighs every other, and of several each counts the same."""
_SPARE_CANDIDATES = 64
_MOST_CHOICES = 10_000


def convert(scope: Any, operator: Any, container: Any) -> None:
    """Convert, for skl2onnx: scaled columns DOUBLE [N,C] to prices DOUBLE [N,1].

    Raises Refused for a regressor of several targets, with weights of its own, or asked to work in single precision.
    """
    regressor: KNeighborsRegressor = operator.raw_operator
    _require_plain(regressor)
    if not isinstance(operator.inputs[0].type, DoubleTensorType):
        raise Refused("neighbours: convert with double-precision input; float32 picks wrong neighbours")
    if regressor.effective_metric_ not in _EUCLIDEAN:
        get_converter(operator.type)(scope, operator, container)
        return
    training = np.asarray(regressor._fit_X, dtype=np.float64)
    prices = np.asarray(regressor._y, dtype=np.float64).reshape(-1)

    def constant(name: str, kind: int, values: npt.NDArray[Any]) -> str:
        unique = str(scope.get_unique_variable_name(name))
        container.add_initializer(unique, kind, list(values.shape), values.ravel().tolist())
        return unique

    def node(op_type: str, inputs: list[str], outputs: list[str], **attributes: Any) -> None:
        container.add_node(op_type, inputs, outputs, name=scope.get_unique_operator_name(op_type), **attributes)

    def named(*names: str) -> list[str]:
        return [str(scope.get_unique_variable_name(name)) for name in names]

    home, price = operator.inputs[0].full_name, operator.outputs[0].full_name
    distances, gaps, nearest, paid = named("distances", "gaps", "nearest", "paid")
    sold = constant("sold_homes", TensorProto.DOUBLE, training.T)
    norms = constant("sold_norms", TensorProto.DOUBLE, (training**2).sum(axis=1))
    count = constant("neighbours", TensorProto.INT64, np.array([regressor.n_neighbors]))
    node("Gemm", [home, sold, norms], [distances], alpha=-2.0)
    node("TopK", [distances, count], [gaps, nearest], op_version=11, largest=0, sorted=0)
    node("Gather", [constant("sold_prices", TensorProto.DOUBLE, prices), nearest], [paid])
    if regressor.weights == "uniform":
        node("ReduceMean", [paid], [price], op_version=13, axes=[1], keepdims=1)
        return
    found, alone, apart, far, least, weight, part, all_parts, weights = named(
        "found", "alone", "apart", "far", "least", "weight", "part", "all_parts", "weights"
    )
    across = constant("across", TensorProto.INT64, np.array([1]))
    node("Gather", [constant("sold_rows", TensorProto.DOUBLE, training), nearest], [found])
    node("Unsqueeze", [home, across], [alone], op_version=13)
    node("Sub", [found, alone], [apart])
    node("ReduceL2", [apart], [far], op_version=13, axes=[2], keepdims=0)
    node("Max", [far, constant("nearly_zero", TensorProto.DOUBLE, np.array([_NEARLY_ZERO]))], [least], op_version=13)
    node("Reciprocal", [least], [weight])
    node("Mul", [weight, paid], [part])
    node("ReduceSum", [part, across], [all_parts], op_version=13, keepdims=1)
    node("ReduceSum", [weight, across], [weights], op_version=13, keepdims=1)
    node("Div", [all_parts, weights], [price])


def valid_prices(regressor: KNeighborsRegressor, scaled: npt.NDArray[np.float64]) -> list[npt.NDArray[np.float64]]:
    """Return for each scaled home [N,C] every price that its neighbours allow, in dollars.

    One price as a rule; several where the last neighbour and the next are equally far and
    dear, since then each choice among them is a right answer.
    """
    k = regressor.n_neighbors
    training = np.asarray(regressor._fit_X, dtype=np.float64)
    paid = np.asarray(regressor._y, dtype=np.float64).reshape(-1)
    metric = DistanceMetric.get_metric(regressor.effective_metric_, **regressor.effective_metric_params_ or {})
    nearest = regressor.kneighbors(scaled, min(k + _SPARE_CANDIDATES, len(training)), return_distance=False)
    prices = []
    for home, candidates in zip(scaled, nearest, strict=True):
        # Direct differences: the matrix product above loses digits that decide about ties.
        distances = metric.pairwise(home[np.newaxis], training[candidates])[0]
        kth = np.partition(distances, k - 1)[k - 1]
        tied = np.abs(distances - kth) <= TIE_TOLERANCE * kth
        closer = np.flatnonzero((distances < kth) & ~tied).tolist()
        choices = islice(combinations(np.flatnonzero(tied).tolist(), k - len(closer)), _MOST_CHOICES)
        weights = np.ones(len(distances))
        if regressor.weights == "distance":
            weights = 1 / np.maximum(distances, _NEARLY_ZERO)
        rows = np.array([[*closer, *choice] for choice in choices])
        prices.append(np.unique(np.average(paid[candidates[rows]], weights=weights[rows], axis=1)))
    return prices


def _require_plain(regressor: KNeighborsRegressor) -> None:
    if regressor.weights not in ("uniform", "distance") or np.asarray(regressor._y).size != len(regressor._y):
        raise Refused(
            "neighbours: only weights 'uniform' or 'distance' and one target convert exactly, found weights "
            f"{regressor.weights!r}, targets of shape {regressor._y.shape}"
        )
