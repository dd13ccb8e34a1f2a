"""``python -m publishing``: train, publish, roll back and list versions of the price model."""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table

from conversion import Refused
from data.command_line import run
from publishing.card import Card
from publishing.repository import PRICE_MODEL, remove_newest, versions
from training import Kind

if TYPE_CHECKING:
    from publishing.gate import Comparison

ROOT = Path(__file__).resolve().parent.parent
HANDOVER = ROOT / "build" / "handover"
EXAMPLE = ROOT / "build" / "example_home.json"

app = typer.Typer(add_completion=False, no_args_is_help=True, pretty_exceptions_enable=False)
console = Console()

Repository = Annotated[
    Path, typer.Option(envvar="MODEL_REPOSITORY", help="The model repository that Triton serves.", exists=True)
]
REPOSITORY = ROOT / "model_repository"


@app.command()
def ensure(repository: Repository = REPOSITORY) -> None:
    """Make sure that there is something to serve: train and publish where no version is there."""
    from publishing.ensure import ensure, example

    ensure(repository)
    EXAMPLE.parent.mkdir(exist_ok=True)
    EXAMPLE.write_text(json.dumps(example(repository)))


def _address(value: str) -> str:
    """Check an address before minutes of training."""
    host, _, port = value.rpartition(":")
    if value and not (host and port.isdecimal()):
        raise typer.BadParameter(f"{value!r} is not host:port, as in 127.0.0.1:8000")
    return value


@app.command()
def publish(
    train: Annotated[
        Kind | None, typer.Option(help="Which model to train; improved unless another option names one.")
    ] = None,
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
    _refuse_contradictions({"--train": train, "--model": model, "--converted": converted, "--version": version})
    if features and not model:
        raise typer.BadParameter("--features belongs to a model handed over: name that by --model")

    from conversion.converted import Converted, convert_estimator
    from conversion.handover import read_pickle
    from data.standin import find_or_generate
    from publishing.ensure import prepare
    from publishing.publish import (
        asks_for_reason,
        publish_converted,
        publish_folder,
        publish_trained,
        refuse_early,
    )
    from training.sales import read_sales, with_sales

    kind = None if model or converted or version else train or "improved"
    files = find_or_generate()
    with with_sales(files, sales) as found:
        refuse_early(found.standin, repository)
        if kind and not accept and (serving := asks_for_reason(kind, found.standin, repository)):
            accept = _reason(kind, serving)
        market = read_sales(found)
    held_out = market.table[market.held_out]
    how = (market, repository, accept, show_comparison)
    if kind:
        number = publish_trained(kind, *how)
    elif model:
        estimator = read_pickle(model, features or model.with_name("model_features.json"), HANDOVER, held_out)
        number = publish_converted(convert_estimator(estimator, held_out), *how)
    elif converted:
        number = publish_converted(Converted.read(converted, held_out), *how)
    else:
        assert version is not None, "one of the four is there"
        number = publish_folder(version, *how)
    prepare(repository, files.demographics)  # not before: a refused version must not bring its demographics along
    show(repository)
    console.print(f"Published version {number}.")
    if canary:
        _try_out(number, canary, repository)


def _refuse_contradictions(options: Mapping[str, object]) -> None:
    """Refuse options of which each names the model to publish. Raises typer.BadParameter."""
    given = [name for name, value in options.items() if value is not None]
    if len(given) > 1:
        raise typer.BadParameter(f"{' and '.join(given)} each name the model to publish: give one of them")


def _reason(kind: Kind, serving: str) -> str:
    """Ask on a terminal why prices may change. Raises Refused where nobody can be asked, or nothing is answered."""
    if sys.stdin.isatty():
        typer.echo(f"The {kind} model takes over from {serving} and changes the prices of many homes.")
        if reason := typer.prompt("Why? The new version keeps the reason in gate.json", default="", show_default=False):
            return str(reason)
    raise Refused(
        f"the {kind} model would take over from {serving} and change the prices of many homes: say why, "
        'as in `make publish ACCEPT="it knows grade, view and location"` (or --accept "reason")'
    )


def _try_out(number: int, address: str, repository: Path) -> None:
    from publishing.canary import NotTakenOver, is_running, wait_for
    from publishing.ensure import example

    if not is_running(address):
        console.print(f"No service is ready at {address}: the version is tried out by the next start.")
        return
    name = Card.read(repository / PRICE_MODEL / str(number)).price_model
    try:
        price = wait_for(name, example(repository), address)
    except NotTakenOver as error:
        _, serving = remove_newest(repository / PRICE_MODEL)
        raise Refused(f"the service does not take version {number} up, so {serving} serves again: {error}") from error
    console.print(f"The service at {address} answers with it: ${price:,.0f} for the example home.")


def show_comparison(comparison: Comparison) -> None:
    """Show it as a table, before the verdict."""
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
    from data.standin import find_or_generate
    from training.basic import save, train_basic
    from training.sales import read_sales

    sales = read_sales(find_or_generate())
    for path in save(train_basic(sales[sales.training]), folder):
        console.print(f"wrote {path}")


@app.command("versions")
def show(repository: Repository = REPOSITORY) -> None:
    """List the versions of the price model, with what their cards say."""
    table = Table("version", "price_model", "trained on", "held-out MAE", "R2", "range held", "ms a home")
    for number in versions(repository / PRICE_MODEL):
        try:
            card = Card.read(repository / PRICE_MODEL / str(number))
        except Refused as refused:
            table.add_row(str(number), f"[red]{refused}")
            continue
        table.add_row(
            str(number),
            card.price_model,
            f"{card.data.sales:,} sales to {card.data.last_sale}{', stand-in' if card.data.standin else ''}",
            f"${card.held_out.mae:,.0f}",
            f"{card.held_out.r2:.3f}",
            f"{card.price_range.coverage:.1%}",
            f"{card.ms_per_home:.3f}",
        )
    _wide().print(table)


def _wide() -> Console:
    """Return a console wide enough for the tables: a pipe has no width of its own."""
    return console if console.is_terminal else Console(width=140)


if __name__ == "__main__":
    logging.getLogger("skl2onnx").setLevel(logging.WARNING)
    run(app, Refused)
