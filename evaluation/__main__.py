"""``python -m evaluation``: one cell of the evaluation, or the whole report."""

from __future__ import annotations

import json
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from data.command_line import errors, run
from data.standin import find_or_generate, standin_data
from evaluation.findings import firm_graph
from evaluation.metrics import Valued, by_band, estimate, measure
from evaluation.plan import FULL, QUICK, sampled, trainings
from evaluation.runs import Columns, Level, Model, Runs, usual_level
from evaluation.slides import SlidesError
from evaluation.splits import Split
from evaluation.tables import HEADINGS
from evaluation.targets import amount
from training.sales import FIRM_SEED, read_sales

DOCS = Path(__file__).resolve().parent.parent / "docs"

console = Console()
app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.callback(invoke_without_command=True)
def cell(
    context: typer.Context,
    split: Annotated[Split, typer.Option(help="Which sales are kept from the model, and then valued.")] = Split.GROUPED,
    model: Annotated[Model, typer.Option(help="Which model to train.")] = Model.IMPROVED,
    columns: Annotated[Columns, typer.Option(help="All 18 columns of a home, or the eight required.")] = Columns.FULL,
    seed: Annotated[int, typer.Option(help="Of the split and of the training; 42 is the firm's.")] = FIRM_SEED,
    level: Annotated[
        Level | None,
        typer.Option(help="The market to value for; the latest on temporal and rolling splits unless given."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """How good a model is: train and test it on one split, or write the whole report."""
    if context.invoked_subcommand:
        return
    sales = read_sales(find_or_generate())
    tested = Runs(sales).outcome(split, seed, model, columns, level)
    found = {
        "split": split.value,
        "model": model.value,
        "columns": columns.value,
        "seed": seed,
        "level": (level or usual_level(split)).value,
        "data": asdict(sales.summary),
        **_measured(tested.valued),
    }
    if as_json:
        typer.echo(json.dumps(found))
        return
    table = Table(f"{model.value} model, {split.value} split, {columns.value} columns", "", "95 % interval")
    for name, value in found["metrics"].items():
        shown = (amount(name, value[key]) for key in ("value", "low", "high"))
        table.add_row(HEADINGS[name], next(shown), " to ".join(shown))
    console.print(table)


@app.command()
def report(
    quick: Annotated[bool, typer.Option(help="A small run on the stand-in market: do all parts work?")] = False,
    output: Annotated[
        Path | None, typer.Option(help="Folder; docs/, or a temporary one where the market is made up.")
    ] = None,
) -> None:
    """Evaluate every model on every split; write evaluation.md with its plots, and the slides."""
    from evaluation.report import write_report  # here, because a single cell needs no matplotlib
    from evaluation.slides.write import write_slides

    plan, files = (QUICK, standin_data()) if quick else (FULL, find_or_generate())
    # Figures of made-up homes must never replace the real ones.
    folder = output or (Path(tempfile.mkdtemp(prefix="evaluation-")) if files.standin else DOCS)
    folder.mkdir(parents=True, exist_ok=True)
    sales = sampled(plan, read_sales(files))
    bar = Progress(
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), console=errors
    )
    with bar:
        task = bar.add_task("starting", total=trainings(plan, sales))
        runs = Runs(sales, plan.folding, plan.boosting, lambda: bar.advance(task))
        for write in (write_report, write_slides):
            for path in write(runs, plan, files, folder, lambda step: bar.update(task, description=step)):
                bar.console.print(f"wrote {path}", soft_wrap=True)


@app.command("onnx")
def graph(as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False) -> None:
    """How exactly and how fast the improved model values as ONNX: trained on the firm's split, told in every way."""
    found = firm_graph(Runs(read_sales(find_or_generate())))
    if as_json:
        typer.echo(json.dumps(asdict(found)))
        return
    console.print(
        f"Of {found.sales:,} sales told in {found.ways} ways, the largest relative difference is "
        f"{amount('parity', found.parity)}; a home takes {amount('speed', found.speed)} on one thread."
    )


def _measured(valued: Valued) -> dict[str, Any]:
    return {
        "sales": len(valued.paid),
        "metrics": {name: asdict(found) for name, found in estimate(valued).items()},
        "by_predicted_price": {band: {"sales": len(part.paid), **measure(part)} for band, part in by_band(valued)},
    }


if __name__ == "__main__":
    run(app, SlidesError)
