"""Homes of which a caller tells less: the optional columns hidden from sales that have them all."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

import numpy as np
import numpy.typing as npt

from preprocessing.columns import OPTIONAL_COLUMN_NAMES, POSITION

OPTIONAL = [POSITION[name] for name in OPTIONAL_COLUMN_NAMES]

Given = Literal["all", "some", "required"]
GIVEN: tuple[Given, ...] = ("all", "some", "required")
"""How much of a home is given: all 18 columns, some of the optional ones, or none of them."""

_REQUIRED_ONLY = 0.6
"""Of the copies with gaps, the share that keeps only the required columns: what callers are likely to send."""


def only_required(table: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Return features [N,44] as they are for a caller who gives only the required columns."""
    least = table.copy()
    least[:, OPTIONAL] = np.nan
    return least


def without(table: npt.NDArray[np.float32], column: str) -> npt.NDArray[np.float32]:
    """Return a copy of features [N,44] in which one column is not given."""
    gap = table.copy()
    gap[:, POSITION[column]] = np.nan
    return gap


def in_every_way(table: npt.NDArray[np.float32]) -> Iterator[tuple[str, npt.NDArray[np.float32]]]:
    """Yield features [N,44] as callers may give them, with words: whole, the least, and each column missing."""
    yield "all columns", table
    yield "only the required columns", only_required(table)
    for name in OPTIONAL_COLUMN_NAMES:
        yield f"all columns but {name}", without(table, name)


def hide(table: npt.NDArray[np.float32], given: Given, generator: np.random.Generator) -> npt.NDArray[np.float32]:
    """Return features [N,44] with NaN in place of what is not given.

    "some" draws for each home how much is missing, then which columns are.
    """
    if given == "required":
        return only_required(table)
    hidden = table.copy()
    if given == "some":
        share = generator.random((len(table), 1))
        missing = generator.random((len(table), len(OPTIONAL))) < share
        hidden[:, OPTIONAL] = np.where(missing, np.nan, table[:, OPTIONAL])
    return hidden


def with_gaps(table: npt.NDArray[np.float32], generator: np.random.Generator) -> npt.NDArray[np.float32]:
    """Return features [N,44] for training, each home with some gaps or with the required columns only."""
    bare = generator.random((len(table), 1)) < _REQUIRED_ONLY
    some = hide(table, "some", generator)
    return np.where(bare, hide(table, "required", generator), some)


def how_given(table: npt.NDArray[np.float32]) -> npt.NDArray[np.intp]:
    """Return for each home [N] its place in ``GIVEN``."""
    missing = np.isnan(table[:, OPTIONAL]).sum(axis=1)
    return np.where(missing == 0, 0, np.where(missing < len(OPTIONAL), 1, 2))
