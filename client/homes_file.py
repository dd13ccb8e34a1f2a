"""A file of homes: where it is, and what it holds. Columns are known by name alone."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path

from data.tabular.encoding import TableError
from data.tabular.headers import find_columns
from data.tabular.notation import Notation
from data.tabular.reader import Row, Table, open_table

from .errors import UnusableFile

EXAMPLES_NAME = "future_unseen_examples.csv"
"""The name that ``data.files`` gives it: a client is used alone, so it is written twice and a test compares."""
_DATA = Path(__file__).resolve().parent.parent / "data"
_BLOCK = 1 << 20


@dataclass(frozen=True)
class HomesFile:
    """Hold homes as text, all of them as wide as the header."""

    table: Table
    rows: list[Row]

    def text(self, names: Iterable[str]) -> dict[str, list[str]]:
        """Return those of these columns that the file has. Raises UnusableFile where two may be the same."""
        places = places_of(self.table, names)
        return {name: [row.cells[place] for row in self.rows] for name, place in places.items()}

    def numbers(self, names: Iterable[str]) -> dict[str, list[float]]:
        """Return those of these columns that the file has as numbers.

        Raises UnusableFile, which names the first cell without a number.
        """
        text = self.text(names)
        notation = Notation.of(chain.from_iterable(text.values()), self.table.separator)
        return {name: [self._number(*cell, name, notation) for cell in enumerate(text[name])] for name in text}

    def _number(self, position: int, cell: str, name: str, notation: Notation) -> float:
        number = notation.number(cell)
        if number is None:
            raise UnusableFile(f"{self.table.place(self.rows[position].line)}: {notation.problem(name, cell)}")
        return number


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
    raise UnusableFile(f"{EXAMPLES_NAME} is not in {looked}: {advice}; or name another file with --file")


def open_homes(path: Path) -> Table:
    """Return a file of homes by its header. Raises UnusableFile."""
    with _explained():
        return open_table(path)


def places_of(table: Table, names: Iterable[str]) -> dict[str, int]:
    """Return where those of these columns stand that a file has. Raises UnusableFile where two may be the same."""
    with _explained():
        return find_columns(table.names, names, table.path)


def read_homes(path: Path, limit: int | None = None) -> HomesFile:
    """Read the homes of a file: the first ``limit`` of them, or all.

    Raises UnusableFile if it is no table or holds no homes.
    """
    with _explained():
        table = open_table(path)
        rows = list(islice(table.rows(), limit))
    for row in rows:
        if wrong := table.wrong_count(row):
            raise UnusableFile(f"{table.place(row.line)}: {wrong}")
    if not rows:
        raise UnusableFile(f"{path} holds no homes")
    return HomesFile(table, rows)


def read_in_parts(table: Table, size: int, skip: int = 0) -> Iterator[list[Row]]:
    """Yield the homes after the first ``skip``, ``size`` at a time; only those are in memory. Raises UnusableFile."""
    with _explained():
        rest = islice(table.rows(), skip, None)
        while part := list(islice(rest, size)):
            yield part


def survey(table: Table, places: Iterable[int]) -> tuple[int, Notation]:
    """Return the number of homes, and how the columns at these places write numbers. Raises UnusableFile.

    The whole file is read once, so that nothing is found to be wrong with it after half of it was valued.
    """
    homes, wanted = 0, list(places)

    def cells() -> Iterator[str]:
        nonlocal homes
        for row in table.rows():
            homes += 1
            yield from (row.cells[place] for place in wanted if place < len(row.cells))

    with _explained():
        notation = Notation.of(cells(), table.separator)
    return homes, notation


def fingerprint(path: Path) -> str:
    """Return the SHA-256 of a file; raises UnusableFile."""
    digest = hashlib.sha256()
    try:
        with path.open("rb") as file:
            while block := file.read(_BLOCK):
                digest.update(block)
    except OSError as error:
        raise UnusableFile(f"{path} cannot be read: {error.strerror}") from error
    return digest.hexdigest()


@contextmanager
def _explained() -> Iterator[None]:
    try:
        yield
    except TableError as error:
        raise UnusableFile(str(error)) from error
