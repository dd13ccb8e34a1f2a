"""``python -m conversion``: train, publish, roll back and list versions of the price model."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from conversion.card import read_card
from conversion.refused import Refused
from conversion.repository import PRICE_MODEL, remove_newest, versions
from data.files import DataError

ROOT = Path(__file__).resolve().parent.parent
HANDOVER = ROOT / "build" / "handover"
EXAMPLE = ROOT / "build" / "example_home.json"

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


@app.command()
def publish(
    model: Annotated[Path | None, typer.Option(help="A pickled scikit-learn model; only one that you trust.")] = None,
    features: Annotated[Path | None, typer.Option(help="Its model_features.json: the columns it reads.")] = None,
    converted: Annotated[Path | None, typer.Option(help="A folder that conversion.handover wrote.")] = None,
    version: Annotated[Path | None, typer.Option(help="A complete version folder: model.onnx and card.json.")] = None,
    repository: Repository = REPOSITORY,
) -> None:
    """Publish the next version: of the basic model, trained anew, or of what an option names."""
    from conversion.converted import Converted, convert_and_compare
    from conversion.ensure import prepare
    from conversion.handover import read_pickle
    from conversion.publish import publish_basic, publish_converted, publish_folder
    from conversion.sales import read_sales
    from data.standin import find_or_generate

    files = find_or_generate()
    sales = read_sales(files)
    held_out = sales.table[sales.held_out]
    prepare(repository, files.demographics)
    if version is not None:
        number = publish_folder(version, sales, repository)
    elif converted is not None:
        number, _ = publish_converted(Converted.read(converted, held_out), sales, repository)
    elif model is not None:
        estimator = read_pickle(model, features or model.with_name("model_features.json"), HANDOVER, held_out)
        number, _ = publish_converted(convert_and_compare(estimator, held_out), sales, repository)
    else:
        number, _ = publish_basic(sales, repository)
    show(repository)
    console.print(f"Published version {number}. A running service takes it up at its next poll.")


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
    # A pipe has no width of its own; the table needs about this much.
    (console if console.is_terminal else Console(width=140)).print(table)


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
