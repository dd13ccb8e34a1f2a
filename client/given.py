"""Homes as Python programs have them, turned into one array of the right type for each input of the model."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from numbers import Real
from typing import Any, Protocol, Union

import numpy as np
import numpy.typing as npt
from tritonclient.utils import triton_to_np_dtype

from data.tabular.notation import Notation

from .errors import WrongColumns

LARGEST_WHOLE = 2**53
"""From here on a float skips whole numbers."""
_MISSING = ("<NA>", "NaT", "nan", "None")
"""How pandas, numpy and Python write that there is no value; the client does not need pandas."""


class Named(Protocol):
    """Values by name: a mapping, a DataFrame or one of its rows."""

    def keys(self) -> Iterable[Any]:
        """Return the names of the columns."""

    def __getitem__(self, name: Any, /) -> Any: ...


GivenHomes = Union[Named, Sequence[Named]]  # noqa: UP007  # evaluated when it is imported, where Protocols have no |
"""Homes as a caller may give them: a DataFrame, columns of equal length by name, a list of homes, or one home."""


def columns_of(homes: GivenHomes) -> dict[str, Any]:
    """Return homes as columns. Raises WrongColumns where they have no names, or not all the same ones."""
    if hasattr(homes, "keys"):
        names = [*homes.keys()]
        columns = {str(name): homes[name] for name in names}
        if len(columns) < len(names):
            raise WrongColumns(f"a column is there twice: {', '.join(map(str, names))}")
        single = [name for name, value in columns.items() if _is_single(value)]
        if single and len(single) < len(columns):
            raise WrongColumns(f"some columns are single values ({', '.join(single)}): give lists, or one home alone")
        return {name: [value] for name, value in columns.items()} if single else columns
    if isinstance(homes, (str, bytes, np.ndarray)) or not isinstance(homes, Iterable):
        raise WrongColumns(
            f"homes cannot be a {type(homes).__name__}, which has no names of columns: "
            "give a DataFrame, columns by name, a list of homes, or one home as a mapping"
        )
    rows: list[Mapping[Any, Any]] = []
    for position, home in enumerate(homes):
        if not hasattr(home, "keys"):
            raise WrongColumns(f"home {position} is a {type(home).__name__}: give each home as a mapping by column")
        rows.append({str(name): home[name] for name in home.keys()})  # noqa: SIM118  # of a row of a DataFrame, too
        if differing := sorted(rows[-1].keys() ^ rows[0].keys()):
            differ = ", ".join(differing)
            raise WrongColumns(f"homes 0 and {position} name different columns ({differ}): send them apart")
    return {name: [row[name] for row in rows] for name in rows[0]} if rows else {}


def _is_single(value: object) -> bool:
    return isinstance(value, (str, bytes)) or not isinstance(value, Iterable) or getattr(value, "ndim", 1) == 0


def typed(name: str, values: Any, datatype: str) -> npt.NDArray[Any]:
    """Return a column as an array [N] of Triton's ``datatype``; what is missing becomes NaN, which the service refuses.

    Raises WrongColumns, which names the first home whose value is no number.
    """
    numbers = _numbers(name, values)
    dtype = np.dtype(triton_to_np_dtype(datatype))
    if dtype.kind == "i":
        with np.errstate(invalid="ignore"):
            wrong = np.flatnonzero(~((numbers == np.rint(numbers)) & (np.abs(numbers) < LARGEST_WHOLE)))
        if wrong.size:
            position = int(wrong[0])
            found = "missing" if np.isnan(numbers[position]) else f"{numbers[position]}"
            raise WrongColumns(f"{name} of home {position} is {found}, but must be a whole number")
    with np.errstate(over="ignore"):  # becomes infinite, which the service refuses by name
        return numbers.astype(dtype)


def _numbers(name: str, values: Any) -> npt.NDArray[Any]:
    try:
        array = np.asarray(values)
    except ValueError as error:  # rows of different lengths
        raise WrongColumns(f"{name} is not one value for each home: {values!r:.60}") from error
    if array.ndim != 1:
        raise WrongColumns(f"{name} is not one value for each home: {values!r:.60}")
    if array.dtype.kind in "iuf":
        return array
    if array.dtype.kind == "b":
        return array.astype(np.float64)
    if array.dtype.kind not in "OUT":  # objects and text
        raise WrongColumns(f"{name} holds {array.dtype}, but must hold numbers")
    return np.array([_number(name, position, value) for position, value in enumerate(array.tolist())], np.float64)


def _number(name: str, position: int, value: object) -> float:
    what = f"{name} of home {position}"
    if isinstance(value, str):
        number = Notation().number(value)
        if number is None:
            raise WrongColumns(Notation().problem(what, value))
        return number
    if isinstance(value, (Real, Decimal, np.bool_)):
        try:
            return float(value)
        except OverflowError:
            return np.inf
    if repr(value) in _MISSING:
        return np.nan
    raise WrongColumns(f"{what} is {value!r:.60}, a {type(value).__name__}, but must be a number")
