"""``python -m desk.valuing FOLDER SERVICE NAME``: values the homes of one uploaded file, in a process of its own.

A file that nobody of ours has made is read here, within limits of memory, time and disk, so that no file harms the
pages or another file. ``client`` reads, values and writes; this module tells how far it is.
"""

from __future__ import annotations

import os
import resource
import sys
import time
import zipfile
from dataclasses import replace
from pathlib import Path

from client.bulk import value_homes
from client.errors import ClientError, UnusableFile, WrongColumns
from client.file_run import Run, open_run
from client.http_connection import Access
from client.patience import Patience
from client.valuation import ValuationClient
from desk.progress import Progress

GIVEN, VALUED, REFUSED = "homes", "valued", "refused"
"""The files in a folder, whose names say nothing of what people call theirs."""
MODEL = "house_price_minimal"
"""It takes homes of which any optional column is missing."""
MOST_HOMES = 100_000
MOST_MEMORY = 1 << 30
"""Bytes; 100,000 homes take a sixth of it."""
MOST_SECONDS = 1_200
"""Of processor time."""
MOST_WRITTEN = 400 << 20
"""Bytes in one file."""
MOST_UNPACKED = 400 << 20
"""Bytes that a workbook may hold unpacked; 100,000 homes have 60 MB."""
PATIENCE_S = 120.0
"""How long a service that is away is waited for."""
TELL_S = 0.25
EVERYTHING = 10


class Telling:
    """Writes the progress of a run into its folder, a few times a second."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._told = folder, 0.0
        self.progress = Progress()

    def tell(self, progress: Progress) -> None:
        """Write what is new at once."""
        self.progress, self._told = progress, time.monotonic()
        progress.write(self._folder)

    def fail(self, said: str, *, by_file: bool) -> None:
        """Write that no answer will come, and why."""
        self.tell(replace(self.progress, stage="failed", said=said, by_file=by_file))

    def of(self, run: Run) -> Progress:
        """Return the progress of a run that goes on."""
        settled = run.ledger.progress
        return Progress(
            "valuing",
            run.layout.homes,
            settled.homes,
            settled.rejected,
            workbook=not run.layout.table.separator,
            price_models=settled.price_models,
        )

    def advanced(self, run: Run) -> None:
        """Write how many homes are settled, if that was not done a moment ago."""
        done = run.ledger.progress.homes == run.layout.homes
        if done or time.monotonic() - self._told > TELL_S:
            progress = self.of(run)
            self.tell(replace(progress, stage="writing") if done and progress.workbook else progress)


def value(folder: Path, service: str, name: str) -> None:
    """Value the file in a folder, called ``name`` by whoever brought it; the progress says what came of it."""
    telling = Telling(folder)
    telling.tell(Progress())
    try:
        _refuse_bombs(folder / GIVEN)
        with (
            ValuationClient(service, "http", MODEL, access=Access(os.environ.get("API_KEY"))) as client,
            open_run(client, folder / GIVEN, folder / VALUED, folder / REFUSED, all_columns=True) as run,
        ):
            _refuse_wrong_numbers(run.layout.homes)
            telling.tell(telling.of(run))

            def waiting(error: ClientError, pause: float) -> None:
                telling.tell(replace(telling.of(run), stage="waiting", said=str(error)))

            client.patience = Patience(PATIENCE_S, when_away=True, told=waiting)
            value_homes(
                client, run.layout, run.ledger, batch=None, concurrency=2, advanced=lambda: telling.advanced(run)
            )
        telling.tell(replace(telling.of(run), stage="done"))
        (folder / GIVEN).unlink()
    except (UnusableFile, WrongColumns) as error:
        telling.fail(_for_people(str(error), folder, name), by_file=True)
    except MemoryError:
        telling.fail(f"{name} takes too much memory: split it", by_file=True)
    except ClientError as error:
        telling.fail(str(error), by_file=False)


def _refuse_bombs(path: Path) -> None:
    """Refuse a workbook that unpacks to more than any table of homes. Raises UnusableFile."""
    if not zipfile.is_zipfile(path):
        return
    try:
        with zipfile.ZipFile(path) as packed:
            size = sum(entry.file_size for entry in packed.infolist())
    except (zipfile.BadZipFile, NotImplementedError, ValueError) as error:
        raise UnusableFile(f"{path} cannot be read as an Excel workbook: open it in Excel and save it again") from error
    if size > MOST_UNPACKED:
        raise UnusableFile(
            f"{path} unpacks to {size >> 20:,} MB, at most {MOST_UNPACKED >> 20} MB are allowed: "
            "copy the table alone into a new workbook"
        )


def _refuse_wrong_numbers(homes: int) -> None:
    if not homes:
        raise UnusableFile("the file has a heading, but no homes below it")
    if homes > MOST_HOMES:
        raise UnusableFile(f"the file holds {homes:,} homes, at most {MOST_HOMES:,} are allowed: split it")


def _for_people(said: str, folder: Path, name: str) -> str:
    """Return what is said with the file's own name in place of where it lies here."""
    return said.replace(str(folder / GIVEN), name).replace(f"{folder}{os.sep}", "")


def limit() -> None:
    """Limit what this process may take, and let everything else go first."""
    os.nice(EVERYTHING)
    limits = (
        (resource.RLIMIT_DATA, MOST_MEMORY),
        (resource.RLIMIT_CPU, MOST_SECONDS),
        (resource.RLIMIT_FSIZE, MOST_WRITTEN),
        (resource.RLIMIT_CORE, 0),
    )
    for kind, most in limits:
        resource.setrlimit(kind, (most, most))


if __name__ == "__main__":
    limit()
    value(Path(sys.argv[1]), *sys.argv[2:4])
