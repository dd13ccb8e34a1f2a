"""``python -m publishing``: train, publish, roll back and list versions of the price model."""

from __future__ import annotations

import json
import logging
import signal
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
from publishing.repository import PRICE_MODEL, SHIPPED, served, versions
from training import Kind

if TYPE_CHECKING:
    from publishing.comparison import Comparison

ROOT = Path(__file__).resolve().parent.parent
HANDOVER = ROOT / "build" / "handover"
EXAMPLE = ROOT / "build" / "example_home.json"

app = typer.Typer(add_completion=False, no_args_is_help=True, pretty_exceptions_enable=False)
console = Console()


def _repository(value: Path) -> Path:
    """Refuse a folder that is no model repository of this service, before anything is put into it."""
    if not (value / PRICE_MODEL / "config.pbtxt").is_file():
        raise typer.BadParameter(
            f"{value} holds no {PRICE_MODEL}/config.pbtxt, so it is no repository of this service: "
            f"name {SHIPPED.name}/ or a copy of it"
        )
    return value


Repository = Annotated[
    Path,
    typer.Option(
        envvar="MODEL_REPOSITORY",
        callback=_repository,
        help="The model repository, where versions are put.",
        exists=True,
        file_okay=False,
    ),
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
    model: Annotated[
        Path | None, typer.Option(help="A scikit-learn model by skops, joblib or pickle; only one you trust.")
    ] = None,
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

    from conversion.converted import Converted
    from data.demographics import read_demographics
    from data.standin import find_or_generate
    from publishing.admission import refuse_early
    from publishing.ensure import prepare
    from publishing.opening import open_apart
    from publishing.publish import asks_for_reason, publish_converted, publish_folder, publish_trained
    from training.sales import read_sales, with_sales

    kind = None if model or converted or version else train or "improved"
    files = with_sales(find_or_generate(), sales)
    refuse_early(files.standin, repository)
    if kind and not accept and (serving := asks_for_reason(kind, files.standin, repository)):
        accept = _reason(kind, serving)
    market, demographics = read_sales(files), read_demographics(files.demographics)
    held_out = market.table[market.held_out]
    how = (market, repository, accept, show_comparison)
    if kind:
        number = publish_trained(kind, *how)
    elif model:
        opened = open_apart(model, features or model.with_name("model_features.json"), HANDOVER, held_out)
        number = publish_converted(opened, *how)
    elif converted:
        number = publish_converted(Converted.read(converted, held_out), *how)
    else:
        assert version is not None, "one of the four is there"
        number = publish_folder(version, *how)
    prepare(repository, demographics)  # not before: a refused version must not bring its demographics along
    show(repository)
    console.print(f"Published version {number}.")
    if canary:
        _try_out(number, canary, repository)
    else:
        _follow(number, repository)


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
    """Roll a version back that a running service does not take up. Raises Refused when it had to be."""
    from publishing.admission import roll_back
    from publishing.canary import NotTakenOver, replicas

    if not replicas(address):
        console.print(f"No service is ready at {address}: the version is tried out by the next start.")
        return
    try:
        _wait(number, address, repository)
    except NotTakenOver as error:
        _, serving = roll_back(repository)
        raise Refused(f"the service does not take version {number} up, so {serving} serves again: {error}") from error


def _follow(number: int, repository: Path) -> None:
    """Wait until the service that the door knows answers with a version. Raises Refused when it does not."""
    from publishing.canary import NotTakenOver, replicas
    from publishing.door import is_open, read_record

    address = read_record(repository).service if is_open(repository) else ""
    if not address or not replicas(address):
        console.print("No service runs on this repository now: the next start serves it.")
        return
    try:
        _wait(number, address, repository)
    except NotTakenOver as error:
        raise Refused(f"the service has not followed: {error}") from error


def _wait(number: int, address: str, repository: Path) -> None:
    from publishing.canary import wait_for
    from publishing.ensure import example

    name = Card.read(served(repository) / PRICE_MODEL / str(number)).price_model
    price = wait_for(name, example(repository), address)
    console.print(f"The service at {address} answers with version {number}: ${price:,.0f} for the example home.")


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
    from publishing.admission import roll_back

    removed, serving = roll_back(repository)
    console.print(f"Removed version {removed}; version {serving} answers from the next poll on.")
    _follow(serving, repository)


@app.command()
def door(
    repository: Repository = REPOSITORY,
    service: Annotated[
        str, typer.Option(callback=_address, help="host:port of the servers that follow, for commands that wait.")
    ] = "",
    metrics_port: Annotated[int, typer.Option(help="Where Prometheus is answered; 0 for nowhere.")] = 0,
    seconds: Annotated[int, typer.Option(help="Processor time that the examination of a version may take.")] = 300,
) -> None:
    """Admit the versions that people put into the repository, or refuse them, for as long as this runs."""
    from publishing.confinement import Limits
    from publishing.door import Door, serve_metrics
    from publishing.ensure import bring_up_to_date, market

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: sys.exit(0))
    limits = Limits(processor_s=seconds)
    looking = Door(repository, market, service=service, limits=limits, prepare=lambda: bring_up_to_date(repository))
    if metrics_port:
        serve_metrics(looking, metrics_port)
    looking.watch()


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
    """List the versions of the price model, what became of each at the door, and what their cards say."""
    from publishing.door import read_record

    admitted = versions(served(repository) / PRICE_MODEL) if served(repository).is_dir() else []
    verdicts = read_record(repository).verdicts
    table = Table("version", "", "price_model", "trained on", "MAE, unseen", "R2", "range held", "ms a home")
    for number in sorted({*versions(repository / PRICE_MODEL), *admitted}):
        state = "serves" if number == max(admitted, default=0) else "admitted" if number in admitted else ""
        if not state:
            table.add_row(str(number), verdicts[number].state if number in verdicts else "not yet seen")
            continue
        card = Card.read(served(repository) / PRICE_MODEL / str(number))
        table.add_row(
            str(number),
            state,
            card.price_model,
            f"{card.data.sales:,} sales to {card.data.last_sale}{', stand-in' if card.data.standin else ''}",
            f"${card.held_out.mae:,.0f}",
            f"{card.held_out.r2:.3f}",
            f"{card.price_range.coverage:.1%}",
            f"{card.ms_per_home:.3f}",
        )
    _wide().print(table)
    for number, verdict in sorted(verdicts.items()):
        if verdict.reason:
            typer.echo(f"Version {number} {_BECAME[verdict.state]}: {verdict.reason}")


_BECAME = {"refused": "was refused", "incomplete": "is not complete yet", "unjudged": "waits"}


def _wide() -> Console:
    """Return a console wide enough for the tables: a pipe has no width of its own."""
    return console if console.is_terminal else Console(width=160)


if __name__ == "__main__":
    logging.getLogger("skl2onnx").setLevel(logging.WARNING)
    run(app, Refused)
