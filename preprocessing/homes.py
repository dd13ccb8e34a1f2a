"""Homes as arrays: what a caller gave, one row a home."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain, groupby
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from .columns import HOME_COLUMN_NAMES, POSITION, REQUIRED_COLUMN_NAMES, ZIPCODE

PACKED = "homes"
"""The input [n,18] that stands for all columns, in the order of ``HOME_COLUMNS``; NaN is not given."""


class Columns(Protocol):
    """Equally long columns by name: a mapping of sequences, or a DataFrame."""

    def __getitem__(self, name: str) -> Any: ...

    def __contains__(self, name: object) -> bool: ...


MOST_ZIPCODE = 99_999
NO_ZIPCODE = -1
"""In place of a packed ZIP code that is none: missing, a fraction, or out of all bounds."""

_REQUIRED = np.isin(HOME_COLUMN_NAMES, REQUIRED_COLUMN_NAMES)

Asked = tuple[tuple[str, ...], list[npt.NDArray[Any]]]
"""The homes of one request: the names of its inputs, and as many contiguous arrays [n,1], or ``PACKED`` alone.

All are float32 but a column of ZIP codes, which is int64. The list is used up.
"""


def nothing_known() -> Asked:
    """One home of which no column is given."""
    return (PACKED,), [np.full((1, len(HOME_COLUMN_NAMES)), np.nan, dtype=np.float32)]


@lru_cache(maxsize=64)
def complete(names: tuple[str, ...]) -> bool:
    """Whether inputs of these names make homes: packed, or as columns with all the required ones."""
    return names == (PACKED,) or (PACKED not in names and not set(REQUIRED_COLUMN_NAMES).difference(names))


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

    @classmethod
    def of_requests(cls, requests: Sequence[Asked]) -> Homes:
        """Of all requests, in their order.

        Neighbours of one kind are joined in one go: 18 columns a request, written one by one, would
        take longer than all that is computed with them.
        """
        kinds = groupby(requests, key=lambda asked: (asked[0], len(asked[1][0])))
        blocks = [cls._block(names, rows, [columns for _, columns in some]) for (names, rows), some in kinds]
        if len(blocks) == 1:
            return blocks[0]
        parts = zip(*((block.values, block.given, block.zipcodes) for block in blocks), strict=True)
        return cls(*map(np.concatenate, parts))

    @classmethod
    def _block(cls, names: tuple[str, ...], rows: int, requests: list[list[npt.NDArray[Any]]]) -> Homes:
        """Of requests with the same inputs and number of rows."""
        if names == (PACKED,):
            return cls.packed(np.concatenate([homes for (homes,) in requests]))
        positions, given, zipcode = _layout(names)
        zipcodes = np.concatenate([asked.pop(zipcode) for asked in requests])[:, 0]
        columns: list[Any] = list(chain.from_iterable(requests))
        # Bytes are joined several times faster than arrays.
        joined = np.frombuffer(b"".join(columns), dtype=np.float32)
        values = np.empty((len(requests), rows, len(HOME_COLUMN_NAMES)), dtype=np.float32)
        values.fill(np.nan)
        values[:, :, positions] = joined.reshape(len(requests), len(positions), rows).swapaxes(1, 2)
        values = values.reshape(-1, len(HOME_COLUMN_NAMES))
        values[:, POSITION[ZIPCODE]] = zipcodes
        return cls(values, given[np.newaxis].repeat(len(values), axis=0), zipcodes)

    @classmethod
    def packed(cls, values: npt.NDArray[np.float32]) -> Homes:
        """From one array [N,18], which is kept; a ZIP code that is none becomes ``NO_ZIPCODE``."""
        zipcode = values[:, POSITION[ZIPCODE]]
        with np.errstate(invalid="ignore"):
            whole = (zipcode >= 0) & (zipcode <= MOST_ZIPCODE) & (zipcode == np.floor(zipcode))
        return cls(values, _REQUIRED | ~np.isnan(values), np.where(whole, zipcode, NO_ZIPCODE).astype(np.int64))

    def fill(self, name: str, rows: slice, column: npt.NDArray[Any]) -> None:
        """Write one column of some rows."""
        position = POSITION[name]
        self.values[rows, position] = column
        self.given[rows, position] = True
        if name == ZIPCODE:
            self.zipcodes[rows] = column

    def __len__(self) -> int:
        return len(self.values)


@lru_cache(maxsize=64)
def _layout(names: tuple[str, ...]) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.bool_], int]:
    """The positions of all columns but the ZIP code, which of the 18 are given, and where the ZIP code stands."""
    given = np.isin(HOME_COLUMN_NAMES, names)
    return np.array([POSITION[name] for name in names if name != ZIPCODE]), given, names.index(ZIPCODE)
