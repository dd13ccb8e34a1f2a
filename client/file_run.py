"""A run on a file of homes: what is read, what is written, and what another run must share to go on with its files."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from .bulk import Layout
from .homes_file import fingerprint, open_homes
from .ledger import Ledger
from .valuation import ValuationClient
from .written import Form


@dataclass(frozen=True)
class Run:
    """Hold what ``client.bulk.value_homes`` needs, and where the homes without a price are written."""

    layout: Layout
    ledger: Ledger
    rejected: Path


@contextmanager
def open_run(
    client: ValuationClient, homes: Path, output: Path, rejected: Path | None = None, *, all_columns: bool = False
) -> Iterator[Run]:
    """Open a run that values the homes of a file; refused ones are written beside the output unless named.

    Raises UnusableFile where a file cannot be read or written, and WrongColumns where the homes lack a column that
    the model requires.
    """
    table, digest = open_homes(homes), fingerprint(homes)
    form, layout = Form.like(table, output), Layout.of(client, table, all_columns)
    form.check_length(output, layout.homes)
    beside = rejected or output.with_name(f"{output.stem}.rejected{output.suffix}")
    task = {
        "homes file": digest,
        "model": client.model,
        "set of columns": " ".join(entry.name for entry in layout.inputs),
        "header": ",".join(layout.headers[0]),
    }
    with Ledger(output, beside, task=task, headers=layout.headers, homes=layout.homes, form=form) as ledger:
        yield Run(layout, ledger, beside)
