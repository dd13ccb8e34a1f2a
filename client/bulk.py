"""Values a file of any length: read in parts, a few of which are on the way at once, written in the file's order."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

from data.tabular.headers import nearest
from data.tabular.notation import Notation
from data.tabular.reader import Row, Table

from .errors import HomeRefused, WrongColumns
from .given import LARGEST_WHOLE
from .homes_file import places_of, read_in_parts, survey
from .ledger import Ledger
from .valuation import OUTPUTS, Input, Valuation, ValuationClient

Answers = dict[int, Valuation | HomeRefused]
"""What became of the homes of a part that could be sent, by their positions in it."""


@dataclass(frozen=True)
class Alike:
    """Hold homes that give the same columns, which one request can carry: their positions in a part, and columns."""

    positions: list[int]
    columns: dict[str, list[float]]


@dataclass(frozen=True)
class Part:
    """Hold some rows of the file, sorted into those that can be sent and those that cannot."""

    rows: list[Row]
    alike: Sequence[Alike]
    """The rows that can be sent, in as many groups as they differ in the optional columns that they give."""
    faults: Mapping[int, str]
    """Why each of the others cannot be sent, by its position in ``rows``."""


@dataclass(frozen=True)
class Layout:
    """Hold a file of homes, and which of its columns the model takes."""

    table: Table
    inputs: Mapping[Input, int]
    """The inputs to send, and where their columns stand."""
    homes: int
    notation: Notation

    @classmethod
    def of(cls, client: ValuationClient, table: Table, all_columns: bool) -> Layout:
        """Return the layout of a file; of the optional columns, all that it has or none are sent.

        Raises WrongColumns if the file lacks a column that the model requires, and UnusableFile if any part of it
        cannot be read.
        """
        places = places_of(table, [entry.name for entry in client.inputs])
        if missing := [entry.name for entry in client.inputs if entry.required and entry.name not in places]:
            like = {name: nearest(name, [n for n in table.names if n]) for name in missing}
            hints = "".join(f"; is '{found}' {name}?" for name, found in like.items() if found)
            raise WrongColumns(f"{client.model} needs columns that {table.path} lacks: {', '.join(missing)}{hints}")
        inputs = {e: places[e.name] for e in client.inputs if e.name in places and (e.required or all_columns)}
        return cls(table, inputs, *survey(table, inputs.values()))

    @property
    def headers(self) -> tuple[list[str], list[str]]:
        """Return the headers of the two files written: of valued homes, and of rejected ones.

        Both keep the cells that were given: beside the results, or to be corrected and sent again. A column that is
        named like a result, as the price in a file of sales is, becomes ``given_price``.
        """
        names = self._kept(self.table.names)
        apart = [f"given_{name}" if name in OUTPUTS else name for name in names]
        return ["line", *apart, *OUTPUTS], ["line", "reason", *names]

    def sort(self, rows: list[Row]) -> Part:
        """Sort rows into numbers that can be sent and reasons why the others cannot.

        An optional column whose cell is empty is not given.
        """
        alike: dict[tuple[str, ...], Alike] = {}
        faults: dict[int, str] = {}
        for position, row in enumerate(rows):
            if wrong_count := self.table.wrong_count(row):
                faults[position] = wrong_count
                continue
            numbers, wrong = {}, []
            for entry, place in self.inputs.items():
                if not (entry.required or row.cells[place].strip()):
                    continue
                number, whole = self.notation.number(row.cells[place]), entry.datatype.startswith("INT")
                if number is None or (whole and not (number.is_integer() and abs(number) < LARGEST_WHOLE)):
                    kind = "whole number" if whole else "number"
                    wrong.append(self.notation.problem(entry.name, row.cells[place], kind))
                else:
                    numbers[entry.name] = number
            if wrong:
                faults[position] = "; ".join(wrong)
                continue
            group = alike.setdefault(tuple(numbers), Alike([], {name: [] for name in numbers}))
            group.positions.append(position)
            for name, number in numbers.items():
                group.columns[name].append(number)
        return Part(rows, [*alike.values()], faults)

    def valued(self, row: Row, valuation: Valuation) -> list[object]:
        """Return the cells of a home that has a price."""
        prices = (valuation.price, valuation.price_low, valuation.price_high)
        dollars = (self.notation.written(value, digits=2) for value in prices)
        return [row.line, *self._kept(row.cells), *dollars, valuation.price_model]

    def rejected(self, row: Row, reason: str) -> list[object]:
        """Return the cells of a home that has none."""
        return [row.line, reason, *self._kept(row.cells)]

    def _kept(self, cells: Sequence[str]) -> list[str]:
        """Return the cells without what this command added the last time, to a file that is valued again."""
        if len(cells) != len(self.table.names):
            return list(cells)
        added = {"line", "reason", *(OUTPUTS if OUTPUTS[-1] in self.table.names else ())}
        return [cell for name, cell in zip(self.table.names, cells, strict=True) if name not in added]


def value_homes(
    client: ValuationClient,
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
    on_the_way: deque[tuple[Part, Future[Answers]]] = deque()
    pool = ThreadPoolExecutor(concurrency, thread_name_prefix="valuing")
    try:
        for rows in read_in_parts(layout.table, min(batch or most, most), skip=ledger.progress.homes):
            part = layout.sort(rows)
            on_the_way.append((part, pool.submit(_ask, client, part)))
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


def _ask(client: ValuationClient, part: Part) -> Answers:
    answers: Answers = {}
    for group in part.alike:
        answers.update(zip(group.positions, client.value_each(group.columns), strict=True))
    return answers


def _settle(layout: Layout, ledger: Ledger, part: Part, asked: Future[Answers]) -> None:
    valued: list[list[object]] = []
    rejected: list[list[object]] = []
    models: list[str] = []
    answers = asked.result()
    for position, row in enumerate(part.rows):
        answer = part.faults.get(position) or answers[position]
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
