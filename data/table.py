"""A CSV file as text and as numbers, so that error messages can quote the text and its line."""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from data.files import DataError

DATE = "date"
DATE_FORMAT = "%Y%m%dT%H%M%S"
"""The sales file's form of a date: 20141013T000000."""

_FIRST_ROW_LINE = 2


@dataclass(frozen=True)
class Table:
    """Hold the columns of a CSV file in the order in which they were asked for, without its blank lines.

    ``text`` has the cells as they stand. ``numbers`` has them as float64 and dates as datetime64; NaN and NaT
    replace text that is neither. Both have the same index: a row's line in the file, less the header.
    """

    path: Path
    text: pd.DataFrame
    numbers: pd.DataFrame

    def place(self, index: int, column: str) -> str:
        """Return a cell in words: its file, its line as an editor counts it, its column and its value."""
        value = str(self.text.at[index, column]) or "empty"
        return f"{self.path.name}, line {index + _FIRST_ROW_LINE}: {column} is {value}"


def read_table(path: Path, columns: tuple[str, ...]) -> Table:
    """Read a CSV file that has exactly these columns, in any order.

    Raises:
        DataError: when a column is missing or unknown, when there are no rows, or when the file cannot be read
            as CSV.
    """
    try:
        text = pd.read_csv(path, dtype=str, keep_default_na=False, skip_blank_lines=False, encoding="utf-8-sig")
    except (pd.errors.ParserError, pd.errors.EmptyDataError, UnicodeDecodeError) as error:
        raise DataError(f"{path.name} is not a CSV file in UTF-8: {error}. Export it again to {path}.") from error
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error}. Correct its permissions or put it there again.") from error
    _check_header(path, list(text.columns), columns)
    if not isinstance(text.index, pd.RangeIndex):  # pandas makes an index of the first fields when rows are too long
        raise DataError(f"{path.name}: rows have more fields than the header has names; name every column.")
    text = text[list(columns)].fillna("")
    text = text[(text != "").any(axis=1)]
    if text.empty:
        raise DataError(f"{path.name} has a header but no rows; put the whole file into {path.parent}.")
    return Table(path, text, pd.DataFrame({name: _numbers(text[name]) for name in columns}))


def _numbers(cells: pd.Series[str]) -> pd.Series[float] | pd.Series[pd.Timestamp]:
    if cells.name == DATE:
        # The unit is given because pandas 2 and 3 choose different ones.
        return pd.to_datetime(cells, format=DATE_FORMAT, errors="coerce").astype("datetime64[ns]")
    return pd.to_numeric(cells, errors="coerce").astype("float64")


def _check_header(path: Path, found: list[str], wanted: tuple[str, ...]) -> None:
    complaints = [f"column '{name}' is missing" for name in wanted if name not in found]
    for name in found:
        if name not in wanted:
            nearest = difflib.get_close_matches(name.strip().lower(), wanted, n=1)
            complaints.append(f"column '{name}' is unknown" + (f", did you mean '{nearest[0]}'?" if nearest else ""))
    if complaints:
        columns = ", ".join(wanted)
        raise DataError(f"{path.name}, line 1: {'; '.join(complaints)}. The columns are, in any order: {columns}.")
