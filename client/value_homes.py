"""Value a file of any number of homes, in parts, and go on where an earlier run was broken off."""

from __future__ import annotations

import logging
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

if not __package__:  # run as a script: Python looked for modules in client/ instead of above it
    sys.path[0] = str(Path(__file__).resolve().parent.parent)

import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from client.bulk import value_homes
from client.errors import ClientError
from client.file_run import open_run
from client.ledger import Ledger, Settled
from client.options import ApiKey, Ca, Protocol, Timeout, Tls, Url, access_of, default_url
from client.patience import Patience
from client.valuation import ValuationClient

INTERRUPTED = 130
UNFINISHED = 2
log = logging.getLogger(__name__)


def main(
    homes: Annotated[
        Path, typer.Argument(help="CSV or .xlsx of homes with a header; columns are matched by name, others kept.")
    ],
    output: Annotated[
        Path | None, typer.Option(help="File to write, .csv or .xlsx: the homes' rows, prices, model; default: beside.")
    ] = None,
    rejected: Annotated[Path | None, typer.Option(help="File for homes without a price; default: beside.")] = None,
    protocol: Annotated[Protocol, typer.Option(help="KServe v2, or plain JSON.")] = Protocol.http,
    model: Annotated[str, typer.Option(help="house_price or house_price_minimal.")] = "house_price_minimal",
    batch: Annotated[int | None, typer.Option(min=1, help="Homes per request; default: the server's most.")] = None,
    concurrency: Annotated[int, typer.Option(min=1, max=64, help="Requests on the way at once.")] = 4,
    all_columns: Annotated[
        bool, typer.Option("--all-columns", help="Send optional columns too; empty cells are not given.")
    ] = False,
    patience: Annotated[float, typer.Option(min=0, help="Seconds to wait for a service that is away.")] = 120.0,
    url: Url = None,
    timeout: Timeout = 30.0,
    api_key: ApiKey = None,
    tls: Tls = False,
    ca: Ca = None,
) -> None:
    """Value the homes of a file. Broken off, by Ctrl-C or a crash, the same command goes on where it stopped.

    Ends with 0 if every home has a price, 1 if some were rejected, 2 if it is not finished, 130 after Ctrl-C.
    """
    logging.basicConfig(format="%(message)s", level=logging.INFO, stream=sys.stderr)
    try:
        output = output or homes.with_name(f"{homes.stem}.valued{homes.suffix}")
        address, access = url or default_url(protocol), access_of(api_key, tls, ca)
        with (
            ValuationClient(address, protocol.value, model, timeout=timeout, access=access) as client,
            open_run(client, homes, output, rejected, all_columns=all_columns) as run,
        ):
            layout, ledger, beside = run.layout, run.ledger, run.rejected
            before = ledger.progress.homes
            begin = time.monotonic()
            with Display(ledger, layout.homes) as display:
                # Only from here on: an address that never answered is more likely wrong than away.
                client.patience = Patience(patience, when_away=True, told=display.waiting)
                value_homes(client, layout, ledger, batch=batch, concurrency=concurrency, advanced=display.advanced)
    except ClientError as error:
        log.error("%s", error)
        raise typer.Exit(UNFINISHED) from error
    except KeyboardInterrupt as error:
        log.error("stopped; the same command goes on from here")
        raise typer.Exit(INTERRUPTED) from error
    for sentence in summary(ledger.progress, before, time.monotonic() - begin, beside):
        typer.echo(sentence)
    raise typer.Exit(1 if ledger.progress.rejected else 0)


def summary(settled: Settled, before: int, seconds: float, rejected: Path) -> list[str]:
    """Return what came of the homes, how fast, and who valued them; ``before`` of them in earlier runs."""
    homes = settled.homes - before
    said = [f"{settled.homes:,} homes: {settled.homes - settled.rejected:,} valued, {settled.rejected:,} rejected."]
    if before:
        said.append(f"{before:,} of them are from an earlier run.")
    if homes:
        said.append(f"{homes:,} homes in {seconds:.1f} s, {homes / max(seconds, 1e-9):,.0f} homes/s.")
    if settled.rejected:
        said.append(f"The rejected ones and the reasons are in {rejected}.")
    models = [f"{name} ({count:,} homes)" for name, count in settled.price_models.items()]
    if len(models) == 1:
        said.append(f"Valued by {next(iter(settled.price_models))}.")
    elif models:
        said.append(f"A new version went live meanwhile, so prices are of different models: {', '.join(models)}.")
    return said


@dataclass
class Display:
    """Show a progress bar on stderr, and a line when the run begins to wait for the service."""

    ledger: Ledger
    homes: int

    def __enter__(self) -> Display:
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        self._bar = Progress(*columns, console=Console(stderr=True))
        self._task = self._bar.add_task("valuing", total=self.homes, completed=self.ledger.progress.homes)
        self._away = False
        self._bar.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._bar.stop()

    def advanced(self) -> None:
        """Show how many homes are settled."""
        self._away = False
        self._bar.update(self._task, completed=self.ledger.progress.homes, description="valuing")

    def waiting(self, error: ClientError, pause: float) -> None:
        """Say why the run waits, once until it goes on."""
        if not self._away:
            self._bar.console.print(f"waiting, since {escape(str(error))}", highlight=False)
        self._away = True
        self._bar.update(self._task, description="waiting")


if __name__ == "__main__":
    typer.run(main)
