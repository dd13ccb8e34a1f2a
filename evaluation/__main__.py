"""``python -m evaluation``: one cell of the evaluation, one of its parts, or the whole report with the slides."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from data.command_line import errors, run
from data.files import DataFiles
from data.standin import find_or_generate, standin_data
from evaluation.ablation import FOLDS, SEEDS, StepFigures, ablation, jobs
from evaluation.drift import index_gain
from evaluation.findings import LEAST_SALES
from evaluation.gather import firm_graph, gather
from evaluation.metrics import by_band, by_group, estimate, measure
from evaluation.plan import FULL, QUICK, ReportPlan, sampled, trainings
from evaluation.runs import BY_DATE, GivenColumns, Model, Runs, ValuedSplit, usual_level
from evaluation.slides import SlidesError
from evaluation.splits import Split, zipcodes_of
from evaluation.tables import HEADINGS
from evaluation.targets import amount
from training.improved import Level
from training.sales import FIRM_SEED, Sales, read_sales
from training.valuations import ValuedSales

DOCS = Path(__file__).resolve().parent.parent / "docs"
SLIDES = "presentation"

console = Console()
app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.callback(invoke_without_command=True)
def cell(
    context: typer.Context,
    split: Annotated[Split, typer.Option(help="Which sales are kept from the model, and then valued.")] = Split.GROUPED,
    model: Annotated[Model, typer.Option(help="Which model to train.")] = Model.IMPROVED,
    columns: Annotated[
        GivenColumns, typer.Option(help="All 18 columns of a home, or the eight required.")
    ] = GivenColumns.FULL,
    seed: Annotated[int, typer.Option(help="Seed of the split and of the training; the firm's is 42.")] = FIRM_SEED,
    level: Annotated[
        Level | None,
        typer.Option(help="The market to value for; unless given, the latest on temporal and rolling splits."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Show how good a model is: train and test it on one split, or write the whole report."""
    if context.invoked_subcommand:
        return
    sales = read_sales(find_or_generate())
    tested = Runs(sales).tested(split, seed, model, columns, level)
    found = {
        "split": split.value,
        "model": model.value,
        "columns": columns.value,
        "seed": seed,
        "level": level or usual_level(split),
        "data": asdict(sales.summary),
        **_measured(tested.valued),
        "lowest_coverage_of_a_zipcode": _lowest_coverage(tested, sales),
    }
    if as_json:
        typer.echo(json.dumps(found))
        return
    table = Table(f"{model.value} model, {split.value} split, {columns.value} columns", "", "95 % interval")
    for name, value in found["metrics"].items():
        shown = (amount(name, value[key]) for key in ("value", "low", "high"))
        table.add_row(HEADINGS[name], next(shown), " to ".join(shown))
    console.print(table)


Quick = Annotated[bool, typer.Option(help="A small run on the stand-in market, to see that all parts work.")]
Output = Annotated[
    Path | None, typer.Option(help="Folder to write to; docs/, or a temporary one for the stand-in market.")
]


@app.command()
def report(
    quick: Quick = False,
    output: Output = None,
) -> None:
    """Evaluate every model on every split; write evaluation.md with its plots, comparables.md, and the slides."""
    plan, files = (QUICK, standin_data()) if quick else (FULL, find_or_generate())
    folder = _folder(output, files)
    with _progress() as bar:
        for path in _write_all(plan, files, folder, bar):
            bar.console.print(f"wrote {path}", soft_wrap=True)


def _write_all(plan: ReportPlan, files: DataFiles, folder: Path, bar: Progress) -> Iterator[Path]:
    """Write the report, the page of comparables and the slides; yield each path as soon as it is written."""
    from evaluation.comparables.findings import gather as gather_comparables
    from evaluation.comparables.page import write_comparables
    from evaluation.comparables.reason_quality import OTHER_SEEDS
    from evaluation.invented_homes import as_published, value_invented
    from evaluation.report import PICTURES, write_report  # here, because a single cell needs no matplotlib
    from evaluation.slides.build import write_presentations

    sales = sampled(plan, read_sales(files))
    task = bar.add_task("starting", total=trainings(plan, sales) + len(OTHER_SEEDS))
    runs = Runs(sales, plan.folding, plan.boosting, lambda: bar.advance(task))
    findings = gather(runs, plan, files, lambda step: bar.update(task, description=step))
    bar.update(task, description="plots and text")
    yield from write_report(findings, runs, folder)
    shown = gather_comparables(runs, plan, lambda step: bar.update(task, description=step))
    yield from write_comparables(shown, folder)
    bar.update(task, description="slides")
    homes = value_invented(files, partial(as_published, rounds=plan.boosting))
    yield from write_presentations(findings, homes, folder / PICTURES, folder / SLIDES)


@app.command()
def comparables(
    quick: Quick = False,
    output: Output = None,
) -> None:
    """Measure comparables, confidence and reasons, as an agent would have had them; write comparables.md."""
    from evaluation.comparables.findings import gather as gather_comparables
    from evaluation.comparables.findings import trainings as counted
    from evaluation.comparables.page import write_comparables

    plan, files = (QUICK, standin_data()) if quick else (FULL, find_or_generate())
    folder = _folder(output, files)
    with _progress() as bar:
        task = bar.add_task("starting", total=None)
        runs = Runs(sampled(plan, read_sales(files)), plan.folding, plan.boosting, lambda: bar.advance(task))
        bar.update(task, total=counted(runs))
        found = gather_comparables(runs, plan, lambda step: bar.update(task, description=step))
        for path in write_comparables(found, folder):
            bar.console.print(f"wrote {path}", soft_wrap=True)


def _folder(output: Path | None, files: DataFiles) -> Path:
    """Return where to write: figures of made-up homes must never replace the real ones."""
    folder = output or (Path(tempfile.mkdtemp(prefix="evaluation-")) if files.standin else DOCS)
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@app.command("ablation")
def steps(seeds: Annotated[int, typer.Option(min=2, help="How often folds and trees are drawn.")] = len(SEEDS)) -> None:
    """Print what each decision behind the improved model is worth."""
    sales = read_sales(find_or_generate())
    with _progress() as bar:
        task = bar.add_task("training", total=jobs(seeds))
        rows = ablation(sales, range(seeds), after_training=lambda: bar.advance(task))
    table = Table(
        "step", "MAE", "MdAPE", "R2", "gain", "8 columns: MAE", "gain", title=f"grouped, {FOLDS} folds, {seeds} seeds"
    )
    for row in rows:
        table.add_row(*_shown(row))
    console.print(table)


@app.command("months")
def six_months() -> None:
    """Print, as JSON, how monthly retraining would have gone, and what the market index is worth."""
    from evaluation.six_months import retrainings

    sales = read_sales(find_or_generate())
    runs = Runs(sales)
    found = {
        "index_gain": {
            split.value: {name: asdict(one) for name, one in index_gain(sales, runs.refits(split)).items()}
            for split in BY_DATE
        },
        "retrainings": [asdict(one) for one in retrainings(sales, runs.refits(Split.ROLLING))],
    }
    typer.echo(json.dumps(found, indent=1))


@app.command("onnx")
def graph(as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False) -> None:
    """Print how exactly and how fast the improved model of the firm's split values as ONNX, told in every way."""
    found = firm_graph(Runs(read_sales(find_or_generate())))
    if as_json:
        typer.echo(json.dumps(asdict(found)))
        return
    console.print(
        f"Of {found.sales:,} sales told in {found.ways} ways, the largest relative difference is "
        f"{amount('parity', found.parity)}; a home takes {found.milliseconds:.3f} ms on one thread, "
        f"{amount('relative_time', found.relative_time)} of the basic model's time."
    )


def _progress() -> Progress:
    """Return a bar that counts trainings on standard error."""
    return Progress(
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), console=errors
    )


def _measured(valued: ValuedSales) -> dict[str, Any]:
    """Return a cell's figures as they are printed in JSON."""
    return {
        "sales": len(valued.paid),
        "metrics": {name: asdict(found) for name, found in estimate(valued).items()},
        "by_predicted_price": {band: {"sales": len(part.paid), **measure(part)} for band, part in by_band(valued)},
    }


def _lowest_coverage(tested: ValuedSplit, sales: Sales) -> float | None:
    """Return the lowest coverage of the ZIP codes that have enough tested sales, in percent; None if none has."""
    parts = by_group(tested.valued, zipcodes_of(sales.table[tested.rows]))
    return min((part.coverage * 100 for _, part in parts if len(part.paid) >= LEAST_SALES), default=None)


def _shown(row: StepFigures) -> Iterator[str]:
    """Yield the cells of a step's row in the table of the ablation."""
    yield from (row.step, f"${row.mae:,.0f}", f"{row.mdape:.2f} %", f"{row.r2:.3f}")
    yield f"{row.gain:+,.0f} ± {row.noise:,.0f}" if row.compared else ""
    yield f"${row.mae_required:,.0f}"
    yield f"{row.gain_required:+,.0f} ± {row.noise_required:,.0f}" if row.compared else ""


if __name__ == "__main__":
    run(app, SlidesError)
