"""How results are written: in the kind of file that the homes came in, so that the same program opens both."""

from __future__ import annotations

import codecs
import csv
import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from data.tabular.reader import Table
from data.tabular.workbook import MOST_ROWS, write_workbook

from .errors import UnusableFile

Cells = Sequence[object]
WORKBOOK = ".xlsx"


@dataclass(frozen=True)
class Form:
    """Hold the form of the files that a run writes.

    A workbook cannot be written bit by bit. Until the run is complete its rows are in a CSV file beside it.
    """

    separator: str = ","
    mark: bytes = b""
    """What tells Excel that a CSV file is in UTF-8; not for files of homes that lack it."""
    workbook: bool = False

    @classmethod
    def like(cls, table: Table, output: Path) -> Form:
        """Return the form of a table, in the kind of file that the output's name asks for."""
        suffix = output.suffix.lower()
        workbook = suffix == WORKBOOK or (not table.separator and suffix != ".csv")
        mark = b"" if table.encoding == "utf-8" else codecs.BOM_UTF8
        return cls(table.separator or ",", b"" if workbook else mark, workbook)

    def check_length(self, output: Path, homes: int) -> None:
        """Refuse more homes than fit. Raises UnusableFile."""
        if self.workbook and homes >= MOST_ROWS:
            raise UnusableFile(
                f"{output} cannot hold {homes:,} homes, Excel's limit is {MOST_ROWS:,}: name a .csv file"
            )

    def text(self, rows: Iterable[Cells]) -> bytes:
        """Return rows as they are appended to a file."""
        text = io.StringIO()
        csv.writer(text, delimiter=self.separator, lineterminator="\n").writerows(rows)
        return text.getvalue().encode()

    def while_running(self, path: Path) -> Path:
        """Return where the rows of a file are until the run is complete."""
        return path.with_name(f"{path.name}.rows") if self.workbook else path

    def finish(self, path: Path) -> None:
        """Make the file of its rows. Raises OSError."""
        if not self.workbook:
            return
        draft = path.with_name(f".{path.name}")
        with self.while_running(path).open(newline="", encoding="utf-8") as rows:
            write_workbook(draft, csv.reader(rows, delimiter=self.separator))
        draft.replace(path)
