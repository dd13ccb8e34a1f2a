"""A CSV file of homes: where it is, and what it holds. Columns are known by name alone."""

from __future__ import annotations

import csv
import hashlib
import math
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from .errors import UnusableFile

EXAMPLES_NAME = "future_unseen_examples.csv"
"""The name that ``data.files`` gives it: a client is used alone, so it is written twice and a test compares."""
_DATA = Path(__file__).resolve().parent.parent / "data"
_BLOCK = 1 << 20


@dataclass(frozen=True)
class HomesFile:
    """Hold the cells of a CSV file as text; lines are counted as an editor counts them, with the header as 1."""

    path: Path
    rows: list[dict[str, str]]
    lines: list[int]
    column_names: tuple[str, ...]

    def numbers(self, names: Iterable[str]) -> dict[str, list[float]]:
        """Return these columns as numbers; raises UnusableFile, which names the first cell without a number."""
        return {name: [self._number(position, name) for position in range(len(self.rows))] for name in names}

    def _number(self, position: int, name: str) -> float:
        cell = self.rows[position][name]
        number = number_in(cell)
        if number is None:
            raise UnusableFile(f"{self.path}, line {self.lines[position]}: {no_number(name, cell)}")
        return number


@dataclass(frozen=True)
class Row:
    """Hold one home as the file has it, which may be more or fewer cells than the header."""

    line: int
    cells: list[str]


def find_examples(environ: Mapping[str, str], data: Path = _DATA) -> Path:
    """Return the examples file in DATA_DIR if that is set, else in data/, else that of the stand-in market.

    Raises UnusableFile where there is none.
    """
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
    """Read the homes of a CSV file with a header: the first ``limit`` of them, or all.

    Raises UnusableFile if it is no such file or holds no homes.
    """
    rows: list[dict[str, str]] = []
    lines: list[int] = []
    with _opened(path) as (names, records):
        for row in islice(records, limit):
            if len(row.cells) != len(names):
                raise UnusableFile(f"{path}, line {row.line}: {wrong_count(row, names)}")
            rows.append(dict(zip(names, row.cells, strict=True)))
            lines.append(row.line)
    if not rows:
        raise UnusableFile(f"{path} holds no homes")
    return HomesFile(path, rows, lines, names)


def read_names(path: Path) -> tuple[str, ...]:
    """Read the names of the columns; raises UnusableFile."""
    with _opened(path) as (names, _):
        return names


def read_in_parts(path: Path, size: int, skip: int = 0) -> Iterator[list[Row]]:
    """Yield the homes after the first ``skip``, ``size`` at a time; only those are in memory. Raises UnusableFile."""
    with _opened(path, errors="replace") as (_, records):
        rest = islice(records, skip, None)
        while part := list(islice(rest, size)):
            yield part


def fingerprint(path: Path) -> tuple[str, int]:
    """Return the SHA-256 of the file and its number of lines; raises UnusableFile."""
    digest, lines, last = hashlib.sha256(), 0, b"\n"
    try:
        with path.open("rb") as file:
            while block := file.read(_BLOCK):
                digest.update(block)
                lines += block.count(b"\n")
                last = block[-1:]
    except OSError as error:
        raise UnusableFile(f"{path} cannot be read: {error.strerror}") from error
    return digest.hexdigest(), lines + (last != b"\n")


def number_in(cell: str) -> float | None:
    """Return the finite number that the cell holds, if any."""
    try:
        number = float(cell)
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def no_number(name: str, cell: str, kind: str = "number") -> str:
    """Return what is wrong with a cell that holds no such number."""
    found = f"'{cell}'" if cell.strip() else "empty"
    return f"{name} is {found}, but must be a {kind}"


def wrong_count(row: Row, names: tuple[str, ...]) -> str:
    """Return what is wrong with a row that has more or fewer cells than the header."""
    return f"{len(row.cells)} cells, the header has {len(names)}"


@contextmanager
def _opened(path: Path, errors: str = "strict") -> Iterator[tuple[tuple[str, ...], Iterator[Row]]]:
    """Yield the header and the rows, without blank lines; raises UnusableFile for what is wrong with the file."""
    try:
        # Excel writes a byte-order mark.
        with path.open(newline="", encoding="utf-8-sig", errors=errors) as file:
            reader = csv.reader(file)
            names = tuple(next(reader, ()))
            if len(set(names)) < len(names):
                raise UnusableFile(f"{path} names a column twice in its header: {', '.join(names)}")
            yield names, (Row(reader.line_num, cells) for cells in reader if cells)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise UnusableFile(f"{path} cannot be read as CSV: {reason}") from error
