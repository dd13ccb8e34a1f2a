"""What stands around the regressor that values a home: grid searches, pipelines, a transformed price."""

from __future__ import annotations

from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.base import BaseEstimator
from sklearn.compose import ColumnTransformer, TransformedTargetRegressor
from sklearn.pipeline import Pipeline, make_pipeline


@dataclass(frozen=True)
class Unwrapped:
    """Hold a fitted regressor, the transformers that columns pass ``before`` it and what it says passes ``after``.

    Those after it are undone in their order: each is the transformer of a TransformedTargetRegressor.
    """

    regressor: Any
    before: tuple[Any, ...] = ()
    after: tuple[Any, ...] = ()

    def columns(self, frame: pd.DataFrame) -> npt.NDArray[np.float64]:
        """Return what the regressor itself reads of homes."""
        transformed = make_pipeline(*self.before, "passthrough").transform(frame) if self.before else frame
        return np.asarray(transformed, dtype=np.float64)

    def dollars(self, said: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """Return the prices [N] that the regressor's own answers [N] stand for."""
        for transformer in self.after:
            said = np.asarray(transformer.inverse_transform(said.reshape(-1, 1)), dtype=np.float64).ravel()
        return said

    @property
    def inner(self) -> Any:
        """Return the model without its searches and transformed prices, its columns chosen by their places."""
        model = make_pipeline(*self.before, self.regressor) if self.before else self.regressor
        return _by_place(model)


def unwrap(model: Any) -> Unwrapped:
    """Take a fitted model apart. A search stands for the best estimator that it found."""
    if hasattr(model, "best_estimator_"):
        return unwrap(model.best_estimator_)
    if isinstance(model, TransformedTargetRegressor):
        found = unwrap(model.regressor_)
        return replace(found, after=(*found.after, model.transformer_))
    if isinstance(model, Pipeline):
        *before, last = (step for _, step in model.steps)
        found = unwrap(last)
        return replace(found, before=(*(step for step in before if step not in (None, "passthrough")), *found.before))
    return Unwrapped(model)


def _by_place(model: Any) -> Any:
    """Return a model whose column transformers choose columns by place: a graph's columns have no names."""
    if not any(isinstance(part, ColumnTransformer) for part in _parts(model)):
        return model
    model = deepcopy(model)
    for part in _parts(model):
        if isinstance(part, ColumnTransformer):
            places = part._transformer_to_input_indices
            part.transformers_ = [(name, transformer, places[name]) for name, transformer, _ in part.transformers_]
    return model


def _parts(value: Any) -> Iterator[Any]:
    """Yield an estimator and every estimator inside it."""
    if isinstance(value, BaseEstimator):
        yield value
        value = vars(value)
    if isinstance(value, dict):
        value = value.values()
    elif not isinstance(value, (list, tuple)):
        return
    for one in value:
        yield from _parts(one)
