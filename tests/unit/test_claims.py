"""What a graph may say otherwise than the proof that it comes with: only what its memory of the sales explains."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest
from sklearn.dummy import DummyRegressor
from sklearn.ensemble import ExtraTreesRegressor, HistGradientBoostingRegressor
from sklearn.linear_model import Ridge
from sklearn.model_selection import GroupKFold, cross_val_predict
from sklearn.neighbors import KNeighborsRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeRegressor

from preprocessing.columns import HOME_COLUMN_NAMES
from publishing.claims import MOST_WORSE, memory
from training.sales import Sales

pytestmark = pytest.mark.training


@pytest.mark.parametrize(
    "procedure",
    [
        DecisionTreeRegressor(min_samples_leaf=2, random_state=0),
        DecisionTreeRegressor(min_samples_leaf=20, random_state=0),
        DecisionTreeRegressor(max_leaf_nodes=8, random_state=0),
        ExtraTreesRegressor(20, min_samples_leaf=5, random_state=0),
        HistGradientBoostingRegressor(random_state=0),
        make_pipeline(StandardScaler(), KNeighborsRegressor(1)),
        make_pipeline(StandardScaler(), KNeighborsRegressor(30)),
        make_pipeline(StandardScaler(), Ridge()),
        DummyRegressor(),
    ],
    ids=lambda model: re.sub(r"\W+", "_", str(model[-1] if hasattr(model, "steps") else model)).strip("_"),
)
@pytest.mark.parametrize("count", [500, 4_000])
def test_memory_makes_up_for_what_a_graph_says_otherwise_than_its_proof(
    procedure: Any, count: int, sales: Sales
) -> None:
    """With every procedure, from one that remembers all to one that remembers nothing: none is refused for it."""
    some = sales[sales.unexampled[:count]]
    columns, target = some.table[:, : len(HOME_COLUMN_NAMES)], np.log(some.prices)
    told = cross_val_predict(procedure, columns, target, groups=some.homes, cv=GroupKFold(5))
    before, after, aside = memory(np.exp(told), np.exp(procedure.fit(columns, target).predict(columns)), some.prices)
    assert np.hypot(after, aside) <= before * MOST_WORSE
