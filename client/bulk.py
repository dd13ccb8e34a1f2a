"""Values a file of any length: read in parts, a few of which are on the way at once, written in the file's order."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from .errors import HomeRefused, WrongColumns
from .homes_file import Row, no_number, number_in, read_in_parts, wrong_count
from .ledger import Ledger
from .valuation import OUTPUTS, Input, Valuation, ValuationClient

ID = "id"
"""A column of the homes file that is copied into the output, if it is there."""
LARGEST_WHOLE = 2**53
"""From here on a float skips whole numbers."""


@dataclass(frozen=True)
class Part:
    """Hold some rows of the file, sorted into those that can be sent and those that cannot."""

    rows: list[Row]
    columns: Mapping[str, list[float]]
    """The rows that can be sent, in their order."""
    faults: Mapping[int, str]
    """Why each of the others cannot be sent, by its position in ``rows``."""


@dataclass(frozen=True)
class Layout:
    """Hold which column stands where in the file, and which columns the model takes."""

    names: tuple[str, ...]
    inputs: tuple[Input, ...]

    @classmethod
    def of(cls, client: ValuationClient, names: tuple[str, ...], all_columns: bool) -> Layout:
        """Return the layout of a file with these columns; of the optional ones, all that it has or none are sent.

        Raises WrongColumns if the file lacks a column that the model requires.
        """
        missing = [entry.name for entry in client.inputs if entry.required and entry.name not in names]
        if missing:
            raise WrongColumns(f"{client.model} needs columns that the file does not have: {', '.join(missing)}")
        return cls(names, tuple(e for e in client.inputs if e.name in names and (e.required or all_columns)))

    @property
    def headers(self) -> tuple[list[str], list[str]]:
        """Return the headers of the two files written: of valued homes, and of rejected ones.

        Rejected homes keep their cells, to be corrected and sent again.
        """
        ident = [ID] if ID in self.names else []
        return ["line", *ident, *OUTPUTS], ["line", "reason", *self._kept(self.names)]

    def sort(self, rows: list[Row]) -> Part:
        """Sort rows into numbers that can be sent and reasons why the others cannot."""
        places = [(entry.name, self.names.index(entry.name), entry.datatype.startswith("INT")) for entry in self.inputs]
        columns: dict[str, list[float]] = {name: [] for name, _, _ in places}
        faults: dict[int, str] = {}
        for position, row in enumerate(rows):
            if len(row.cells) != len(self.names):
                faults[position] = wrong_count(row, self.names)
                continue
            numbers = [number_in(row.cells[place]) for _, place, _ in places]
            wrong = [
                no_number(name, row.cells[place], "whole number" if whole else "number")
                for number, (name, place, whole) in zip(numbers, places, strict=True)
                if number is None or (whole and not (number.is_integer() and abs(number) < LARGEST_WHOLE))
            ]
            if wrong:
                faults[position] = "; ".join(wrong)
                continue
            for column, number in zip(columns.values(), numbers, strict=True):
                assert number is not None
                column.append(number)
        return Part(rows, columns, faults)

    def valued(self, row: Row, valuation: Valuation) -> list[object]:
        """Return the cells of a home that has a price."""
        dollars = (f"{value:.2f}" for value in (valuation.price, valuation.price_low, valuation.price_high))
        ident = [row.cells[self.names.index(ID)]] if ID in self.names else []
        return [row.line, *ident, *dollars, valuation.price_model]

    def rejected(self, row: Row, reason: str) -> list[object]:
        """Return the cells of a home that has none."""
        return [row.line, reason, *self._kept(row.cells)]

    def _kept(self, cells: Sequence[str]) -> list[str]:
        """Return the cells without line and reason, which a file of rejected homes has from the last time."""
        if len(cells) != len(self.names):
            return list(cells)
        return [cell for name, cell in zip(self.names, cells, strict=True) if name not in ("line", "reason")]


def value_homes(
    client: ValuationClient,
    homes: Path,
    layout: Layout,
    ledger: Ledger,
    *,
    batch: int | None,
    concurrency: int,
    advanced: Callable[[], None],
) -> None:
    """Value the homes that the ledger does not have yet, and complete it.

    A request holds ``batch`` homes, or as many as the service takes. At most ``concurrency`` requests are
    on the way, and one part more is in memory. Whatever is raised meanwhile, the ledger holds all rows
    before that, and the same call goes on from there. A refusal of the request itself is raised as
    HomeRefused: no row is rejected for it.
    """
    most = client.max_batch_size
    on_the_way: deque[tuple[Part, Future[list[Valuation | HomeRefused]]]] = deque()
    pool = ThreadPoolExecutor(concurrency, thread_name_prefix="valuing")
    try:
        for rows in read_in_parts(homes, min(batch or most, most), skip=ledger.progress.homes):
            part = layout.sort(rows)
            on_the_way.append((part, pool.submit(client.value_each, part.columns)))
            if len(on_the_way) > concurrency:
                _settle(layout, ledger, *on_the_way.popleft())
                advanced()
        while on_the_way:
            _settle(layout, ledger, *on_the_way.popleft())
            advanced()
        ledger.complete()
    finally:
        client.patience.given_up.set()
        pool.shutdown(wait=False, cancel_futures=True)


def _settle(layout: Layout, ledger: Ledger, part: Part, answers: Future[list[Valuation | HomeRefused]]) -> None:
    valued: list[list[object]] = []
    rejected: list[list[object]] = []
    models: list[str] = []
    answer_of_next = iter(answers.result())
    for position, row in enumerate(part.rows):
        answer = part.faults.get(position) or next(answer_of_next)
        if isinstance(answer, Valuation):
            valued.append(layout.valued(row, answer))
            models.append(answer.price_model)
        elif isinstance(answer, str):
            rejected.append(layout.rejected(row, answer))
        elif answer.rows:
            rejected.append(layout.rejected(row, answer.reason))
        else:
            raise answer
    ledger.write(valued, rejected, len(part.rows), models)
