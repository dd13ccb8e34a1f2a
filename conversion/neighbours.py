"""KNeighborsRegressor as an ONNX graph that is right and fast.

skl2onnx writes the distances as a loop over the rows (tens of milliseconds a home) or, on
request, as one float32 operator, where homes that differ by a few square feet in a column of
tens of thousands come out equally far. Here it is one double-precision matrix product:

    |x - t|^2 = |x|^2 + (|t|^2 - 2 x.t)

of which the nearest rows t of the training data need only the bracket.
"""

from __future__ import annotations

from itertools import combinations, islice
from typing import Any

import numpy as np
import numpy.typing as npt
from onnx import TensorProto
from skl2onnx.common.data_types import DoubleTensorType
from sklearn.neighbors import KNeighborsRegressor

TIE_TOLERANCE = 1e-9
"""Relative difference below which two distances are equal: far above rounding, far below a square foot."""

_SPARE_CANDIDATES = 64
_MOST_CHOICES = 10_000


def convert(scope: Any, operator: Any, container: Any) -> None:
    """Convert, for skl2onnx: scaled columns DOUBLE [N,C] to prices DOUBLE [N,1].

    Raises ValueError for a regressor that is not Euclidean with uniform weights and one target.
    """
    regressor: KNeighborsRegressor = operator.raw_operator
    _require_plain(regressor)
    if not isinstance(operator.inputs[0].type, DoubleTensorType):
        raise ValueError("neighbours: convert with double-precision input; float32 picks wrong neighbours")
    training = np.asarray(regressor._fit_X, dtype=np.float64)
    prices = np.asarray(regressor._y, dtype=np.float64).reshape(-1)

    def constant(name: str, kind: int, values: npt.NDArray[Any]) -> str:
        unique = str(scope.get_unique_variable_name(name))
        container.add_initializer(unique, kind, list(values.shape), values.ravel().tolist())
        return unique

    def node(op_type: str, inputs: list[str], outputs: list[str], **attributes: Any) -> None:
        container.add_node(op_type, inputs, outputs, name=scope.get_unique_operator_name(op_type), **attributes)

    home, price = operator.inputs[0].full_name, operator.outputs[0].full_name
    distances, gaps, nearest, paid = (
        scope.get_unique_variable_name(n) for n in ("distances", "gaps", "nearest", "paid")
    )
    sold = constant("sold_homes", TensorProto.DOUBLE, training.T)
    norms = constant("sold_norms", TensorProto.DOUBLE, (training**2).sum(axis=1))
    count = constant("neighbours", TensorProto.INT64, np.array([regressor.n_neighbors]))
    node("Gemm", [home, sold, norms], [distances], alpha=-2.0)
    node("TopK", [distances, count], [gaps, nearest], op_version=11, largest=0, sorted=0)
    node("Gather", [constant("sold_prices", TensorProto.DOUBLE, prices), nearest], [paid])
    node("ReduceMean", [paid], [price], op_version=13, axes=[1], keepdims=1)


def valid_prices(regressor: KNeighborsRegressor, scaled: npt.NDArray[np.float64]) -> list[npt.NDArray[np.float64]]:
    """Return for each scaled home [N,C] every price that its neighbours allow, in dollars.

    One price as a rule; several where the last neighbour and the next are equally far and
    dear, since then each choice among them is a right answer.
    """
    k = regressor.n_neighbors
    training = np.asarray(regressor._fit_X, dtype=np.float64)
    paid = np.asarray(regressor._y, dtype=np.float64).reshape(-1)
    nearest = regressor.kneighbors(scaled, min(k + _SPARE_CANDIDATES, len(training)), return_distance=False)
    prices = []
    for home, candidates in zip(scaled, nearest, strict=True):
        # Direct differences: the matrix product above loses digits that decide about ties.
        distances = ((training[candidates] - home) ** 2).sum(axis=1)
        kth = np.partition(distances, k - 1)[k - 1]
        tied = np.abs(distances - kth) <= TIE_TOLERANCE * kth
        closer = paid[candidates[(distances < kth) & ~tied]]
        choices = islice(combinations(paid[candidates[tied]], k - len(closer)), _MOST_CHOICES)
        prices.append(np.unique([(closer.sum() + sum(choice)) / k for choice in choices]))
    return prices


def _require_plain(regressor: KNeighborsRegressor) -> None:
    euclidean = regressor.effective_metric_ in ("euclidean", "l2")
    if not (euclidean and regressor.weights == "uniform" and np.ndim(regressor._y) == 1):
        raise ValueError(
            f"neighbours: only Euclidean distance, uniform weights and one target convert exactly, found metric "
            f"{regressor.effective_metric_!r}, weights {regressor.weights!r}, targets of shape {regressor._y.shape}"
        )
