"""Homes as arrays: what a caller gave, one row a home."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from .columns import HOME_COLUMN_NAMES, POSITION, ZIPCODE


class Columns(Protocol):
    """Equally long columns by name: a mapping of sequences, or a DataFrame."""

    def __getitem__(self, name: str) -> Any: ...

    def __contains__(self, name: object) -> bool: ...


@dataclass(frozen=True)
class Homes:
    """N homes of which each may have been given with another set of columns.

    ``values`` is float32 [N,18] in the order of ``HOME_COLUMNS``, NaN where a column was not
    given; ``given`` is bool [N,18]; ``zipcodes`` is int64 [N], exact where float32 would round.
    """

    values: npt.NDArray[np.float32]
    given: npt.NDArray[np.bool_]
    zipcodes: npt.NDArray[np.int64]

    @classmethod
    def empty(cls, count: int) -> Homes:
        """``count`` homes of which nothing is known yet."""
        shape = (count, len(HOME_COLUMN_NAMES))
        values = np.full(shape, np.nan, dtype=np.float32)
        return cls(values, np.zeros(shape, dtype=np.bool_), np.zeros(count, dtype=np.int64))

    @classmethod
    def of(cls, columns: Columns) -> Homes:
        """From columns by name; those that are no columns of a home are left alone."""
        homes = cls.empty(len(columns[ZIPCODE]))
        for name in HOME_COLUMN_NAMES:
            if name in columns:
                homes.fill(name, slice(None), np.asarray(columns[name]))
        return homes

    def fill(self, name: str, rows: slice, column: npt.NDArray[Any]) -> None:
        """Write one column of some rows."""
        position = POSITION[name]
        self.values[rows, position] = column
        self.given[rows, position] = True
        if name == ZIPCODE:
            self.zipcodes[rows] = column

    def __len__(self) -> int:
        return len(self.values)
