"""Reads a table row by row: its header first, then its rows as text, each with the number that an editor shows."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from .encoding import TableError, encoding_of, refuse_unless_plain
from .workbook import is_workbook, sheet_rows

SEPARATORS = ",;\t"
_QUOTED = re.compile(r'"[^"]*"?')


@dataclass(frozen=True)
class Row:
    """Hold one row as the file has it, which may be more or fewer cells than the header."""

    line: int
    cells: list[str]


@dataclass(frozen=True)
class Table:
    """Hold what a file's header says, and how the file is written. The rows stay in the file."""

    path: Path
    names: tuple[str, ...]
    """The names of the columns as they stand, without blanks around them and without empty columns at the end."""
    encoding: str
    """Empty for a workbook."""
    separator: str
    """Empty for a workbook."""

    def rows(self) -> Iterator[Row]:
        """Yield the rows from the first to the last, without blank ones. Raises TableError.

        Empty cells beyond the header's last name are left out. A workbook's rows are all as wide as the header,
        since each of its cells says which column it stands in; a row of a CSV file that ends early may lack a
        cell anywhere, so it stays as it is.
        """
        width = len(self.names)
        records = _records(self.path, self.encoding, self.separator)
        next(records, None)
        for row in records:
            if not any(cell.strip() for cell in row.cells[width:]):
                del row.cells[width:]
            if not self.separator:
                row.cells.extend([""] * (width - len(row.cells)))
            yield row

    def place(self, line: int) -> str:
        """Return where a row stands, in words."""
        return f"{self.path}, {'line' if self.separator else 'row'} {line}"

    def wrong_count(self, row: Row) -> str | None:
        """Return what is wrong with a row that has more or fewer cells than the header, if it has."""
        if len(row.cells) == len(self.names):
            return None
        return f"{len(row.cells)} cells, the header has {len(self.names)}"


def open_table(path: Path) -> Table:
    """Return a table by its header, which is the first row that is not blank. Raises TableError.

    Whether it is a workbook is told by its content, not by its name.
    """
    refuse_unless_plain(path)
    try:
        encoding = "" if is_workbook(path) else encoding_of(path)
        separator = _separator(path, encoding) if encoding else ""
    except OSError as error:
        raise TableError(f"{path} cannot be read: {error.strerror}") from error
    header = next(_records(path, encoding, separator), None)
    if header is None:
        raise TableError(f"{path} is empty: its first row must name the columns")
    names = [cell.strip() for cell in header.cells]
    while not names[-1]:
        del names[-1]
    table = Table(path, tuple(names), encoding, separator)
    if twice := sorted({name for name in names if name and names.count(name) > 1}):
        raise TableError(f"{table.place(header.line)}: the header names {', '.join(twice)} twice; rename or remove one")
    return table


def _records(path: Path, encoding: str, separator: str) -> Iterator[Row]:
    rows = _text_rows(path, encoding, separator) if separator else sheet_rows(path)
    return (Row(line, cells) for line, cells in rows if any(cell.strip() for cell in cells))


def _text_rows(path: Path, encoding: str, separator: str) -> Iterator[tuple[int, list[str]]]:
    try:
        with path.open(newline="", encoding=encoding) as file:
            # Strict, because a quotation mark that is never closed would swallow the rest of the file as one cell.
            reader = csv.reader(file, delimiter=separator, strict=True)
            try:
                for cells in reader:
                    yield reader.line_num, cells
            except csv.Error as error:
                raise TableError(
                    f"{path}, line {reader.line_num}: {error}; correct its quotation marks and separators"
                ) from error
    except OSError as error:
        raise TableError(f"{path} cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise TableError(f"{path} was changed while it was read: start again") from error


def _separator(path: Path, encoding: str) -> str:
    """Return what separates the names in the header: the character that is there most often, a comma for one name."""
    with path.open(newline="", encoding=encoding) as file:
        header = next((line for line in file if line.strip(f'{SEPARATORS}" \r\n')), "")
    outside = _QUOTED.sub("", header)
    most = max(outside.count(separator) for separator in SEPARATORS)
    found = [separator for separator in SEPARATORS if outside.count(separator) == most]
    if most and len(found) > 1:
        raise TableError(
            f"{path}: its header may be separated by {' or '.join(map(repr, found))}; "
            "put names that contain one into quotation marks"
        )
    return found[0]
