"""Homes as arrays: what callers gave, one row a home."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain, groupby
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from .columns import HOME_COLUMN_NAMES, MOST_ZIPCODE, POSITION, REQUIRED_COLUMN_NAMES, ZIPCODE

PACKED_INPUT = "homes"
"""The input [n,18] that stands for all columns, in the order of ``HOME_COLUMNS``; NaN where one is not given."""

SINGLE_INPUTS = (ZIPCODE,)
"""The inputs of a request for one home whose other columns are its parameters."""

Row = list[float | None]
"""One home's columns in the order of ``HOME_COLUMNS``; None where no parameter gives one, as for the ZIP code."""

NO_ZIPCODE = -1
"""Sentinel for a packed ZIP code that is missing, fractional or out of range."""

_REQUIRED = np.isin(HOME_COLUMN_NAMES, REQUIRED_COLUMN_NAMES)


class NamedColumns(Protocol):
    """Equally long columns by name: a mapping of sequences, or a DataFrame."""

    def __getitem__(self, name: str) -> Any: ...

    def __contains__(self, name: object) -> bool: ...


Inputs = tuple[tuple[str, ...], Sequence[Any]]
"""The names of a request's inputs, and for each a contiguous array: [n,1] of a column, or [n,18] of ``PACKED_INPUT``.

Arrays are float32, ZIP codes int64. Behind the one of ``SINGLE_INPUTS``, [1,1], stands the home's ``Row``.
"""


@dataclass(frozen=True)
class Homes:
    """Hold N homes of which each may have been given with another set of columns.

    ``values`` is float32 [N,18] in the order of ``HOME_COLUMNS``, NaN where a column was not
    given; ``given`` is bool [N,18]; ``zipcodes`` is int64 [N], exact where float32 would round.
    """

    values: npt.NDArray[np.float32]
    given: npt.NDArray[np.bool_]
    zipcodes: npt.NDArray[np.int64]

    @classmethod
    def empty(cls, count: int) -> Homes:
        """Return ``count`` homes of which no column is given yet."""
        shape = (count, len(HOME_COLUMN_NAMES))
        values = np.full(shape, np.nan, dtype=np.float32)
        return cls(values, np.zeros(shape, dtype=np.bool_), np.zeros(count, dtype=np.int64))

    @classmethod
    def of(cls, columns: NamedColumns) -> Homes:
        """Return homes from columns by name; other columns are left alone."""
        homes = cls.empty(len(columns[ZIPCODE]))
        with np.errstate(over="ignore"):  # becomes infinite, as in a tensor
            for name in HOME_COLUMN_NAMES:
                if name in columns:
                    homes.fill(name, slice(None), np.asarray(columns[name]))
        return homes

    @classmethod
    def of_requests(cls, requests: Sequence[Inputs]) -> Homes:
        """Return the homes of all requests, in their order; ``refusal.unusable_inputs`` has passed each.

        Neighbours of one kind are joined in one go: 18 columns a request, written one by one, would
        take longer than all that is computed with them.
        """
        kinds = groupby(requests, key=lambda inputs: (inputs[0], len(inputs[1][0])))
        blocks = [cls._block(names, rows, [arrays for _, arrays in some]) for (names, rows), some in kinds]
        if len(blocks) == 1:
            return blocks[0]
        if not blocks:
            return cls.empty(0)
        parts = zip(*((block.values, block.given, block.zipcodes) for block in blocks), strict=True)
        return cls(*map(np.concatenate, parts))

    @classmethod
    def _block(cls, names: tuple[str, ...], rows: int, requests: list[Sequence[Any]]) -> Homes:
        """Return the homes of requests with the same inputs and the same number of rows."""
        if names == (PACKED_INPUT,):
            return cls.packed(np.concatenate([homes for (homes,) in requests]))
        if names == SINGLE_INPUTS:
            return cls._singles(*zip(*requests, strict=True))
        positions, given, zipcode = _layout(names)
        zipcodes = np.concatenate([arrays[zipcode] for arrays in requests])[:, 0]
        # A list in which the ZIP codes are left out; bytes are joined several times faster than arrays.
        columns: list[Any] = list(chain.from_iterable(requests))
        del columns[zipcode :: len(names)]
        joined = np.frombuffer(b"".join(columns), dtype=np.float32)
        values = np.empty((len(requests), rows, len(HOME_COLUMN_NAMES)), dtype=np.float32)
        values.fill(np.nan)
        values[:, :, positions] = joined.reshape(len(requests), len(positions), rows).swapaxes(1, 2)
        values = values.reshape(-1, len(HOME_COLUMN_NAMES))
        values[:, POSITION[ZIPCODE]] = zipcodes
        return cls(values, given[np.newaxis].repeat(len(values), axis=0), zipcodes)

    @classmethod
    def _singles(cls, zipcodes: Sequence[npt.NDArray[np.int64]], rows: Sequence[Row]) -> Homes:
        """Return a home of each request whose columns were its parameters."""
        with np.errstate(over="ignore"):  # becomes infinite, as in a tensor
            values = np.array(rows, dtype=np.float64).astype(np.float32)  # None becomes NaN
        given = ~np.isnan(values)
        if values.size - np.count_nonzero(given) != sum([row.count(None) for row in rows]):  # somebody gave NaN
            given = np.array([[value is not None for value in row] for row in rows])
        homes = cls(values, given, np.empty(len(rows), dtype=np.int64))
        homes.fill(ZIPCODE, slice(None), np.concatenate(zipcodes)[:, 0])
        return homes

    @classmethod
    def packed(cls, values: npt.NDArray[np.float32]) -> Homes:
        """Return homes from one array [N,18], which is kept; required columns count as given even where they are NaN.

        What cannot be a ZIP code becomes ``NO_ZIPCODE``.
        """
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
        """Return the number of homes."""
        return len(self.values)


@lru_cache(maxsize=64)
def _layout(names: tuple[str, ...]) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.bool_], int]:
    """Return the positions of all columns but the ZIP code, which of the 18 are given, and the ZIP code's place."""
    given = np.isin(HOME_COLUMN_NAMES, names)
    return np.array([POSITION[name] for name in names if name != ZIPCODE]), given, names.index(ZIPCODE)
