"""``python -m conversion``: train, publish, roll back and list versions of the price model."""

from __future__ import annotations

import json
import logging
import sys
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table

from conversion.card import read_card
from conversion.refused import Refused
from conversion.repository import PRICE_MODEL, remove_newest, versions
from data.files import DataError

if TYPE_CHECKING:
    from conversion.gate import Comparison

ROOT = Path(__file__).resolve().parent.parent
HANDOVER = ROOT / "build" / "handover"
EXAMPLE = ROOT / "build" / "example_home.json"


class Train(str, Enum):
    """The models that this project trains."""

    basic = "basic"
    improved = "improved"


app = typer.Typer(add_completion=False, no_args_is_help=True, pretty_exceptions_enable=False)
console = Console()
errors = Console(stderr=True)

Repository = Annotated[
    Path, typer.Option(envvar="MODEL_REPOSITORY", help="The model repository that Triton serves.", exists=True)
]
REPOSITORY = ROOT / "model_repository"


@app.command()
def ensure(repository: Repository = REPOSITORY) -> None:
    """Make sure that there is something to serve: train and publish where no version is there."""
    from conversion.ensure import ensure, example

    ensure(repository)
    EXAMPLE.parent.mkdir(exist_ok=True)
    EXAMPLE.write_text(json.dumps(example(repository)))


def _address(value: str) -> str:
    """Checked before minutes of training."""
    host, _, port = value.rpartition(":")
    if value and not (host and port.isdecimal()):
        raise typer.BadParameter(f"{value!r} is not host:port, as in 127.0.0.1:8000")
    return value


@app.command()
def publish(
    train: Annotated[
        Train, typer.Option(help="Which model to train, unless another option names one.")
    ] = Train.improved,
    model: Annotated[Path | None, typer.Option(help="A pickled scikit-learn model; only one that you trust.")] = None,
    features: Annotated[Path | None, typer.Option(help="Its model_features.json: the columns it reads.")] = None,
    converted: Annotated[Path | None, typer.Option(help="A folder that conversion.handover wrote.")] = None,
    version: Annotated[Path | None, typer.Option(help="A complete version folder: model.onnx and card.json.")] = None,
    sales: Annotated[Path | None, typer.Option(help="Sales to train on instead of those in the data folder.")] = None,
    accept: Annotated[str, typer.Option(help="Why prices may change beyond the gate's bound.")] = "",
    canary: Annotated[
        str,
        typer.Option(
            callback=_address, help="host:port of a service that must take the version up, or it is rolled back."
        ),
    ] = "",
    repository: Repository = REPOSITORY,
) -> None:
    """Train a model, or take the one that an option names, and publish it if it may replace the one that serves."""
    from conversion.converted import Converted, convert_and_compare
    from conversion.ensure import prepare
    from conversion.handover import read_pickle
    from conversion.publish import (
        asks_for_reason,
        publish_basic,
        publish_converted,
        publish_folder,
        publish_improved,
        refuse_early,
    )
    from conversion.sales import read_sales, with_sales
    from data.standin import find_or_generate

    files = find_or_generate()
    with with_sales(files, sales) as found:
        refuse_early(found.standin, repository)
        if not (accept or version or converted or model) and (
            serving := asks_for_reason(train.value, found.standin, repository)
        ):
            accept = _reason(train, serving)
        market = read_sales(found)
    held_out = market.table[market.held_out]
    how = (market, repository, accept, show_comparison)
    if version is not None:
        number = publish_folder(version, *how)
    elif converted is not None:
        number = publish_converted(Converted.read(converted, held_out), *how)
    elif model is not None:
        estimator = read_pickle(model, features or model.with_name("model_features.json"), HANDOVER, held_out)
        number = publish_converted(convert_and_compare(estimator, held_out), *how)
    else:
        number = (publish_improved if train is Train.improved else publish_basic)(*how)
    prepare(repository, files.demographics)  # not before: a refused version must not bring its demographics along
    show(repository)
    console.print(f"Published version {number}.")
    if canary:
        _try_out(number, canary, repository)


def _reason(train: Train, serving: str) -> str:
    """Ask on a terminal why prices may change. Raises Refused where nobody can be asked, or nothing is answered."""
    if sys.stdin.isatty():
        typer.echo(f"The {train.value} model takes over from {serving} and changes the prices of many homes.")
        if reason := typer.prompt("Why? The new version's card keeps the reason", default="", show_default=False):
            return str(reason)
    raise Refused(
        f"the {train.value} model would take over from {serving} and change the prices of many homes: say why, "
        'as in `make publish ACCEPT="it knows grade, view and location"` (or --accept "reason")'
    )


def _try_out(number: int, address: str, repository: Path) -> None:
    from conversion.canary import NotTakenOver, is_running, wait_for
    from conversion.ensure import example

    if not is_running(address):
        console.print(f"No service is ready at {address}: the version is tried out by the next start.")
        return
    name = read_card(repository / PRICE_MODEL / str(number))["price_model"]
    try:
        price = wait_for(name, example(repository), address)
    except NotTakenOver as error:
        _, serving = remove_newest(repository / PRICE_MODEL)
        raise Refused(f"the service does not take version {number} up, so {serving} serves again: {error}") from error
    console.print(f"The service at {address} answers with it: ${price:,.0f} for the example home.")


def show_comparison(comparison: Comparison) -> None:
    """As a table, before the verdict."""
    table = Table(
        f"on the same {comparison.sales:,} sales",
        comparison.serving,
        comparison.challenger,
        "",
        caption=f"Sales {comparison.basis}.",
    )
    for given, found in (("all columns", comparison.all_columns), ("required columns", comparison.required_columns)):
        change = f"{found.difference:+,.0f} ({found.low:+,.0f} to {found.high:+,.0f})"
        table.add_row(f"MAE, {given}", f"${found.serving:,.0f}", f"${found.challenger:,.0f}", change)
    table.add_row("time for a home", "1", f"{comparison.speed_ratio:.2f}", "")
    table.add_row("examples moved far", "", f"{comparison.moved:.0%}", f"most {comparison.largest_move:.0%}")
    _wide().print(table)


@app.command()
def rollback(repository: Repository = REPOSITORY) -> None:
    """Remove the newest version: the one before it, still loaded, answers from the next poll on."""
    removed, serving = remove_newest(repository / PRICE_MODEL)
    console.print(f"Removed version {removed}; version {serving} answers from the next poll on.")


@app.command()
def create_model(folder: Annotated[Path, typer.Argument(help="Where to write them.")] = ROOT / "build/model") -> None:
    """Write the basic model as model.pkl and model_features.json, as the firm's own script does."""
    from conversion.create_model import create_model, save
    from conversion.sales import read_sales
    from data.standin import find_or_generate

    sales = read_sales(find_or_generate())
    for path in save(create_model(sales.table, sales.prices), folder):
        console.print(f"wrote {path}")


@app.command("versions")
def show(repository: Repository = REPOSITORY) -> None:
    """List the versions of the price model, with what their cards say."""
    table = Table("version", "price_model", "trained on", "held-out MAE", "R2", "range held", "ms a home")
    for number in versions(repository / PRICE_MODEL):
        try:
            card = read_card(repository / PRICE_MODEL / str(number))
        except Refused as refused:
            table.add_row(str(number), f"[red]{refused}")
            continue
        data, held_out = card["data"], card["held_out"]
        table.add_row(
            str(number),
            card["price_model"],
            f"{data['sales']:,} sales to {data['last_sale']}{', stand-in' if data['standin'] else ''}",
            f"${held_out['mae']:,.0f}",
            f"{held_out['r2']:.3f}",
            f"{card['price_range']['coverage']:.1%}",
            f"{card['ms_per_home']:.3f}",
        )
    _wide().print(table)


def _wide() -> Console:
    """A pipe has no width of its own; the tables need about this much."""
    return console if console.is_terminal else Console(width=140)


def main() -> None:
    """Run the command line; a refusal is one message and exit code 1."""
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    logging.getLogger("skl2onnx").setLevel(logging.WARNING)
    try:
        app()
    except (Refused, DataError) as error:
        errors.print(f"[bold red]{type(error).__name__}:[/] ", end="")
        errors.print(str(error), markup=False, highlight=False, soft_wrap=True)
        raise SystemExit(1) from error


if __name__ == "__main__":
    main()
