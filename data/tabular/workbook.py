"""Excel workbooks (.xlsx): the rows of the first sheet as text, and rows of text as a sheet."""

from __future__ import annotations

import logging
import re
import warnings
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from datetime import date, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

from .encoding import TableError
from .notation import ambiguous

_ZIP = b"PK\x03\x04"
_OLE = b"\xd0\xcf\x11\xe0"
"""What Excel's old format begins with, and a workbook that has a password."""
_MOST_EXACT = 10**15
"""Excel keeps 15 digits of a number."""
_NUMBER = re.compile(r"-?(?:0|[1-9]\d{0,14})(?:\.\d+)?", re.ASCII)
"""What is written as a number: not an id like 0017, nor a text like 1E5."""
_MOST_TEXT = 32_767
"""Characters in a cell."""
MOST_ROWS = 1_048_576
"""Rows in a sheet."""

log = logging.getLogger(__name__)


def is_workbook(path: Path) -> bool:
    """Return whether a file is a workbook, by its first bytes. Raises TableError for one that openpyxl cannot read."""
    with path.open("rb") as file:
        start = file.read(len(_ZIP))
    if start == _OLE:
        raise TableError(f"{path} is an old Excel file (.xls) or has a password: save it as .xlsx without one")
    return start == _ZIP


def sheet_rows(path: Path) -> Iterator[tuple[int, list[str]]]:
    """Yield the rows of a workbook's first sheet, numbered as Excel numbers them. Raises TableError."""
    import openpyxl  # imported here: only whoever brings a workbook needs it

    with ExitStack() as stack:
        stack.enter_context(warnings.catch_warnings())
        # They tell of formats and extensions that would be lost; nothing is written back.
        warnings.simplefilter("ignore")
        try:
            # An open file, because openpyxl goes by the names of others; values instead of formulas.
            file = stack.enter_context(path.open("rb"))
            workbook = openpyxl.load_workbook(file, read_only=True, data_only=True)
            stack.callback(workbook.close)
            sheet = workbook.worksheets[0]
            if len(workbook.worksheets) > 1:
                _tell_sheet(path, sheet.title)
            sheet.reset_dimensions()  # some programs write wrong ones
            for number, cells in enumerate(sheet.iter_rows(values_only=True), start=1):
                yield number, [_text(cell) for cell in cells]
        except Exception as error:  # a damaged file ends openpyxl in any of a dozen of them
            raise _unreadable(path, error) from error


def write_workbook(path: Path, rows: Iterable[Sequence[str]]) -> None:
    """Write rows into a new workbook, numbers as numbers. Raises OSError."""
    from openpyxl import Workbook
    from openpyxl.cell import WriteOnlyCell
    from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE

    workbook = Workbook(write_only=True)
    sheet = workbook.create_sheet()

    def cell(text: str) -> Any:
        if _NUMBER.fullmatch(text):
            return float(text) if "." in text else int(text)
        made = WriteOnlyCell(sheet, ILLEGAL_CHARACTERS_RE.sub("", text)[:_MOST_TEXT])
        made.data_type = "s"  # openpyxl takes text that begins with = for a formula
        return made

    for row in rows:
        sheet.append([cell(text) if text else None for text in row])
    workbook.save(path)


@lru_cache  # a file is read more than once, and told of once
def _tell_sheet(path: Path, title: str) -> None:
    log.info("%s has several sheets: only the first, '%s', is read", path, title)


def _text(cell: object) -> str:
    """Return a cell as a CSV file would have it; true and false are 1 and 0."""
    if cell is None:
        return ""
    if isinstance(cell, bool):
        return str(int(cell))
    if isinstance(cell, float):
        text = str(int(cell)) if cell.is_integer() and abs(cell) < _MOST_EXACT else repr(cell)
        # The cell is a number without any doubt: with one more digit it cannot be taken for one with a thousands mark.
        return f"{text}0" if ambiguous(text) else text
    if isinstance(cell, datetime):
        return f"{cell:%Y%m%dT%H%M%S}"
    return f"{cell:%Y%m%dT000000}" if isinstance(cell, date) else str(cell)


def _unreadable(path: Path, error: Exception) -> TableError:
    reason = " ".join(str(error).split()) or type(error).__name__
    return TableError(f"{path} cannot be read as an Excel workbook ({reason:.100}): open it in Excel and save it again")
