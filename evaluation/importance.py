"""Which columns a model lives by: how much its error grows when one is shuffled among the homes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from preprocessing.columns import DEMOGRAPHIC_COLUMNS, HOME_COLUMN_NAMES, POSITION
from training.sales import Sales
from training.valuer import Valuer

REPEATS = 3

GROUPS = {
    "where it is (ZIP code, its demographics, lat, long)": ("zipcode", "lat", "long", *DEMOGRAPHIC_COLUMNS),
    "how big it is (living area, above and below ground)": ("sqft_living", "sqft_above", "sqft_basement"),
    "ZIP code and its demographics": ("zipcode", *DEMOGRAPHIC_COLUMNS),
    "demographics alone": DEMOGRAPHIC_COLUMNS,
    **{name: (name,) for name in HOME_COLUMN_NAMES},
}
"""Columns that say the same thing are also shuffled together: alone, each hides behind the others."""


@dataclass(frozen=True)
class Importance:
    """Hold how many dollars the mean absolute error grows when these columns are shuffled; a mean over the repeats."""

    columns: str
    dollars: float


def importances(valuer: Valuer, sales: Sales, seed: int = 0) -> list[Importance]:
    """Measure every group of columns on the firm's held-out sales; the most important comes first.

    The columns of a group are shuffled together.
    """
    generator = np.random.default_rng(seed)
    held_out = sales[sales.held_out]
    table, paid = held_out.table, held_out.prices

    def mae() -> float:
        return float(np.abs(valuer.value(table).price - paid).mean())

    whole, found = mae(), []
    for label, names in GROUPS.items():
        places = [POSITION[name] for name in names]
        kept, more = table[:, places].copy(), []
        for _ in range(REPEATS):
            table[:, places] = kept[generator.permutation(len(table))]
            more.append(mae() - whole)
        table[:, places] = kept
        found.append(Importance(label, float(np.mean(more))))
    return sorted(found, key=lambda importance: -importance.dollars)
