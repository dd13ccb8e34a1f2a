"""Send the example homes to the running service and show what they are worth."""

from __future__ import annotations

import logging
import os
import sys
from pathlib import Path
from typing import Annotated

if not __package__:  # run as a script: Python looked for modules in client/ instead of above it
    sys.path[0] = str(Path(__file__).resolve().parent.parent)

import typer
from rich.console import Console

from client.errors import ClientError, HomeRefused, UnusableFile
from client.homes_file import HomesFile, find_examples, places_of, read_homes
from client.options import ApiKey, Ca, Protocol, Timeout, Tls, Url, access_of, default_url
from client.past_sales import past_sales
from client.report import AskedHome, json_lines, refusals, show
from client.valuation import ValuationClient

log = logging.getLogger(__name__)


def main(
    file: Annotated[
        Path | None,
        typer.Option(help=".csv or .xlsx of homes; default: the examples in DATA_DIR, data/, data/standin/."),
    ] = None,
    model: Annotated[str, typer.Option(help="house_price or house_price_minimal.")] = "house_price",
    protocol: Annotated[Protocol, typer.Option(help="Plain JSON, or KServe v2.")] = Protocol.generate,
    url: Url = None,
    limit: Annotated[int | None, typer.Option(min=1, help="Value only this many homes, from the first.")] = None,
    batch: Annotated[int | None, typer.Option(min=1, help="Homes per request; default: the server's most.")] = None,
    all_columns: Annotated[bool, typer.Option("--all-columns", help="Send optional columns too.")] = False,
    timeout: Timeout = 30.0,
    api_key: ApiKey = None,
    tls: Tls = False,
    ca: Ca = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object per home and line.")] = False,
) -> None:
    """Value the homes of a file and show price, range and, for past sales, the true price.

    Ends with 1 if a home was refused or the service failed, with 2 if it was not reached or the file is unusable.
    """
    logging.basicConfig(format="%(message)s", level=logging.INFO, stream=sys.stderr)
    try:
        homes = read_homes(file or find_examples(os.environ), limit)
        address, access = url or default_url(protocol), access_of(api_key, tls, ca)
        with ValuationClient(address, protocol.value, model, timeout=timeout, access=access) as client:
            outcomes = value_file(client, homes, batch, all_columns)
    except ClientError as error:
        log.error("%s", error)
        raise typer.Exit(error.exit_code) from error
    if as_json:
        for line in json_lines(outcomes):
            typer.echo(line)
    else:
        # A pipe has no width of its own; the table needs about this much.
        show(outcomes, Console(width=None if sys.stdout.isatty() else 120))
    for refusal in refusals(outcomes):
        log.error("%s", refusal)
    if any(isinstance(outcome.answer, HomeRefused) for outcome in outcomes):
        raise typer.Exit(HomeRefused.exit_code)


def value_file(client: ValuationClient, homes: HomesFile, batch: int | None, all_columns: bool) -> list[AskedHome]:
    """Return every home of the file with its valuation or refusal and, if it is a past sale, its price.

    The model's required inputs are sent; with ``all_columns`` also the optional ones that the file has.
    """
    wanted = [entry.name for entry in client.inputs if entry.required or all_columns]
    columns = homes.numbers(wanted)
    known = places_of(homes.table, [entry.name for entry in client.inputs]).values()
    if unused := [name for place, name in enumerate(homes.table.names) if place not in known]:
        log.info("not sent, since %s has no such input: %s", client.model, ", ".join(unused))
    answers = client.value_each(columns, batch)
    sent = [dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)]
    try:
        sales = past_sales(homes)
    except UnusableFile as error:  # the valuations are what was asked for
        log.warning("without sale prices: %s", error)
        sales = [None] * len(answers)
    return [
        AskedHome(row.line, home, answer, sale)
        for row, home, answer, sale in zip(homes.rows, sent, answers, sales, strict=True)
    ]


if __name__ == "__main__":
    typer.run(main)
