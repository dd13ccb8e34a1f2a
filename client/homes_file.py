"""A CSV file of homes: where it is found and what it says. Columns are known by name alone."""

from __future__ import annotations

import csv
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from .errors import UnusableFile

EXAMPLES_NAME = "future_unseen_examples.csv"
_DATA = Path(__file__).resolve().parent.parent / "data"


@dataclass(frozen=True)
class HomesFile:
    """The cells of a CSV file as text; the lines are counted as an editor does, with the header as 1."""

    path: Path
    rows: list[dict[str, str]]
    lines: list[int]
    column_names: tuple[str, ...]

    def numbers(self, names: Iterable[str]) -> dict[str, list[float]]:
        """These columns as numbers; UnusableFile names the first cell that is none."""
        return {name: [self._number(position, name) for position in range(len(self.rows))] for name in names}

    def _number(self, position: int, name: str) -> float:
        cell = self.rows[position][name]
        try:
            number = float(cell)
        except ValueError:
            number = math.nan
        if math.isfinite(number):
            return number
        found = f"'{cell}'" if cell.strip() else "empty"
        raise UnusableFile(f"{self.path}, line {self.lines[position]}: {name} is {found}, but must be a number")


def find_examples(environ: Mapping[str, str], data: Path = _DATA) -> Path:
    """The examples file in DATA_DIR if that is set, else in data/, else of the stand-in market."""
    folder = environ.get("DATA_DIR")
    folders = [Path(folder)] if folder else [data, data / "standin"]
    for path in (folder / EXAMPLES_NAME for folder in folders):
        if path.is_file():
            return path
    advice = (
        "correct DATA_DIR or unset it" if folder else "put it in data/, set DATA_DIR, or run `make up` for a stand-in"
    )
    looked = " nor in ".join(map(str, folders))
    raise UnusableFile(f"{EXAMPLES_NAME} is not in {looked}: {advice}; or name another CSV with --file")


def read_homes(path: Path, limit: int | None = None) -> HomesFile:
    """The homes of a CSV file with a header, the first so many of them."""
    rows: list[dict[str, str]] = []
    lines: list[int] = []
    try:
        # Excel writes a byte-order mark.
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.reader(file)
            names = tuple(next(reader, ()))
            if len(set(names)) < len(names):
                raise UnusableFile(f"{path} names a column twice in its header: {', '.join(names)}")
            for cells in reader:
                if limit is not None and len(rows) >= limit:
                    break
                if not cells:  # a blank line
                    continue
                if len(cells) != len(names):
                    raise UnusableFile(
                        f"{path}, line {reader.line_num}: {len(cells)} cells, the header has {len(names)}"
                    )
                rows.append(dict(zip(names, cells, strict=True)))
                lines.append(reader.line_num)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise UnusableFile(f"{path} cannot be read as CSV: {reason}") from error
    if not rows:
        raise UnusableFile(f"{path} holds no homes")
    return HomesFile(path, rows, lines, names)
