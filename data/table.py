"""The columns of a data file as text and as numbers, so that error messages can quote the text and its line."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

from data.files import DataError
from data.tabular.encoding import TableError
from data.tabular.headers import find_columns, nearest
from data.tabular.notation import Notation
from data.tabular.reader import Row, Table, open_table


@dataclass(frozen=True)
class FileColumns:
    """Hold the columns of a file as text, in the order in which they were asked for."""

    table: Table
    lines: Sequence[int]
    text: dict[str, list[str]]
    notation: Notation

    def numbers(self, column: str) -> list[float]:
        """Return a column as numbers, with NaN for text that is none."""
        found = map(self.notation.number, self.text[column])
        return [math.nan if number is None else number for number in found]

    def complaint(self, row: int, column: str, allowed: str) -> str:
        """Return what is wrong with a cell: its file, line, column and value, and what is allowed."""
        value = self.text[column][row]
        wrong = f", which {doubt}" if (doubt := self.notation.doubt(value)) else f", allowed is {allowed}"
        return f"{self.table.place(self.lines[row])}: {column} is {value or 'empty'}{wrong}"


def read_columns(path: Path, columns: Sequence[str], words: Sequence[str] = ()) -> FileColumns:
    """Read a file that has exactly these columns, in any order; ``words`` are those that hold no numbers.

    Raises:
        DataError: when a column is missing or unknown, when there are no rows, or when the file cannot be read
            as a table.
    """
    try:
        table = open_table(path)
        places = find_columns(table.names, columns, path)
        _check_header(table, places, columns)
        rows = list(table.rows())
    except TableError as error:
        raise DataError(str(error)) from error
    if not rows:
        raise DataError(f"{path} has a header but no rows; put the whole file there.")
    _check_lengths(table, rows)
    text = {name: [row.cells[places[name]].strip() for row in rows] for name in columns}
    numbers = chain.from_iterable(cells for name, cells in text.items() if name not in words)
    return FileColumns(table, [row.line for row in rows], text, Notation.of(numbers, table.separator))


def _check_header(table: Table, places: dict[str, int], columns: Sequence[str]) -> None:
    complaints = [f"column '{name}' is missing" for name in columns if name not in places]
    for place, name in enumerate(table.names):
        if place not in places.values():
            meant = nearest(name, columns)
            complaints.append(f"column '{name}' is unknown" + (f", did you mean '{meant}'?" if meant else ""))
    if complaints:
        raise DataError(
            f"{table.path}, header: {'; '.join(complaints)}. The columns are, in any order: {', '.join(columns)}."
        )


def _check_lengths(table: Table, rows: Sequence[Row]) -> None:
    for row in rows:
        if wrong := table.wrong_count(row):
            raise DataError(f"{table.place(row.line)}: {wrong}; write each cell, empty ones too, between separators.")
