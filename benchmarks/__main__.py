"""``python -m benchmarks``: this service beside its peers and limits.

``growth``: how cost grows. ``compare``: two checkouts against each other. ``analysis``:
what analyses cost. ``page``: the pages anew.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.logging import RichHandler
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from benchmarks import BUILD, DOCS, RESULTS, wrk
from benchmarks.catalogue import PEERS

# Before anything loads OpenMP: threads that wait asleep train many times faster where other work shares the cores.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
console = Console()
errors = Console(stderr=True)

NAMES = [peer.folder for peer in PEERS]
QUICK_FOLDER, BASIC_FOLDER = BUILD / "quick", BUILD / "basic"
ROUNDS_FILE, GROWTH_FILE = "latest.json", "growth.json"

Quick = Annotated[bool, typer.Option("--quick", help="A smoke run: does everything work?")]


@app.callback(invoke_without_command=True)
def measure_rounds(
    context: typer.Context,
    quick: Quick = False,
    peer: Annotated[list[str] | None, typer.Option(help=f"Only these peers: {', '.join(NAMES)}.")] = None,
    rounds: Annotated[int | None, typer.Option(min=1, help="How often everybody takes a turn.")] = None,
    seconds: Annotated[float | None, typer.Option(min=1, help="How long each load lasts.")] = None,
    basic: Annotated[bool, typer.Option("--basic", help="Serve the basic model, beside one peer.")] = False,
    output: Annotated[
        Path | None,
        typer.Option(help=f"Folder for {ROUNDS_FILE}; build/bench/quick or basic for a smoke run or the basic model."),
    ] = None,
) -> None:
    """Measure this service, its peers and its limits in interleaved rounds."""
    if context.invoked_subcommand:
        return
    _require_wrk()
    if unknown := set(peer or ()) - set(NAMES):
        raise typer.BadParameter(f"there is no peer {', '.join(sorted(unknown))}: they are {', '.join(NAMES)}")
    from benchmarks.rounds import BASIC, FULL, QUICK, run_rounds
    from benchmarks.tables import grids, rich_table

    plan = BASIC if basic else QUICK if quick else FULL
    plan = replace(plan, peers=tuple(peer or plan.peers), rounds=rounds or plan.rounds, seconds=seconds or plan.seconds)
    with _shown_progress() as step:
        results = run_rounds(plan, step)
    kept = output or (BASIC_FOLDER if basic else QUICK_FOLDER if quick else RESULTS)
    results.write(kept / ROUNDS_FILE)
    for grid in grids(results):
        console.print(rich_table(grid))
    for name, why in results.missing.items():
        errors.print(f"Not measured: {name}: {why}", markup=False)
    console.print(f"Written: {kept / ROUNDS_FILE}")
    if not basic:
        _write_pages(kept)
    if results.errors():
        errors.print(f"{results.errors()} requests failed: see the samples in {kept / ROUNDS_FILE}")
        raise typer.Exit(1)


@app.command()
def growth(
    quick: Quick = False,
    minutes: Annotated[float | None, typer.Option(min=0.05, help="How long the soak lasts; 10 if not given.")] = None,
) -> None:
    """Measure how cost grows: with the batch, with the offered load, and over time."""
    _require_wrk()
    from benchmarks.growth.experiment import FULL, QUICK, grow
    from benchmarks.perf_analyzer import Missing

    plan = QUICK if quick else FULL
    try:
        with _shown_progress() as step:
            found = grow(replace(plan, minutes=minutes or plan.minutes), step)
    except Missing as missing:
        errors.print(str(missing), markup=False)
        raise typer.Exit(1) from missing
    kept = QUICK_FOLDER if quick else RESULTS
    found.write(kept / GROWTH_FILE)
    console.print(f"Written: {kept / GROWTH_FILE}")
    _write_pages(kept)


@app.command()
def analysis(
    quick: Quick = False,
    rounds: Annotated[int | None, typer.Option(min=1, help="Turns that each server takes; 9 if not given.")] = None,
    seconds: Annotated[float, typer.Option(min=1, help="How long each load lasts.")] = 5,
) -> None:
    """Measure what an analysis costs, and what analyses cost those who ask for prices, in alternating rounds."""
    _require_wrk()
    from benchmarks.analysis import ANALYSES, run_analysis
    from benchmarks.analysis_findings import ANALYSIS_FILE, costs, neighbours
    from benchmarks.tables import rich_table
    from benchmarks.trained import trained

    with _shown_progress() as step:
        step("the model")
        number, each = (rounds or 1, 20) if quick else (rounds or 9, ANALYSES)
        found = run_analysis(trained(quick), number, 1 if quick else seconds, each, step)
    kept = QUICK_FOLDER if quick else RESULTS
    found.write(kept / ANALYSIS_FILE)
    for grid in (costs(found), neighbours(found)):
        (console if console.is_terminal else Console(width=140)).print(rich_table(grid))
    console.print(f"Written: {kept / ANALYSIS_FILE}")
    if not quick:
        _write_pages(kept)
    if found.failed or found.results.errors():
        errors.print(f"{found.results.errors()} requests and {found.failed} callers of analyses failed")
        raise typer.Exit(1)


@app.command()
def page() -> None:
    """Write docs/speed.md, its pictures and the full tables anew from the kept results."""
    if not _write_pages(RESULTS):
        raise typer.Exit(1)


@app.command()
def compare(
    other: Annotated[Path, typer.Argument(help="Another checkout of this project.", exists=True, file_okay=False)],
    rounds: Annotated[int, typer.Option(min=1, help="Turns that each checkout takes.")] = 9,
    seconds: Annotated[float, typer.Option(min=1, help="How long each load lasts.")] = 5,
    load: Annotated[
        str, typer.Option(help="1, 8, 32: so many callers with single homes; 64, 1024: batches of so many.")
    ] = "1,8,32,1024",
    version: Annotated[
        Path | None,
        typer.Option(help="The version folder that both serve; if not given, a model is trained.", exists=True),
    ] = None,
    quick: Annotated[bool, typer.Option("--quick", help="Serve a small model.")] = False,
) -> None:
    """Measure this checkout and another with the same price model, in alternating rounds."""
    _require_wrk()
    from benchmarks.compare import LOADS, NotPublished, comparison, run_comparison
    from benchmarks.perf_analyzer import Missing
    from benchmarks.tables import rich_table
    from benchmarks.trained import brought, trained

    if unknown := set(load.split(",")) - {str(number) for number in LOADS}:
        known = ", ".join(map(str, LOADS))
        raise typer.BadParameter(f"there is no load {', '.join(sorted(unknown))}: they are {known}")
    loads = [LOADS[int(number)] for number in load.split(",")]
    try:
        with _shown_progress() as step:
            model = brought(version) if version else trained(quick)
            results = run_comparison(other, model, loads, rounds, seconds, step)
    except (Missing, NotPublished) as reason:
        errors.print(str(reason), markup=False)
        raise typer.Exit(1) from reason
    for name, about in results.settings.items():
        console.print(f"{name}: {about}", soft_wrap=True, highlight=False)
    console.print(f"Rounds: {rounds}, {seconds:g} s a load. Both serve {results.about['model']}", soft_wrap=True)
    table = rich_table(comparison(results, loads))
    # A pipe has no width of its own; the table needs about this much.
    (console if console.is_terminal else Console(width=140)).print(table)
    if results.errors():
        errors.print(f"{results.errors()} requests failed")
        raise typer.Exit(1)


def _write_pages(kept: Path) -> bool:
    """Write the pages from the results in a folder; tell whether both results were there.

    The pages of a smoke run, or of one with a folder of its own, lie beside its results.
    """
    from benchmarks.analysis_findings import ANALYSIS_FILE, AnalysisFindings
    from benchmarks.growth.findings import Growth
    from benchmarks.results import Results

    for name, command in ((ROUNDS_FILE, "make bench"), (GROWTH_FILE, "make bench BENCH=growth")):
        if not (kept / name).is_file():
            errors.print(f"No pages: {kept} has no {name}, which `{command}` writes", markup=False)
            return False
    from benchmarks.page import write_pages

    results, found = Results.read(kept / ROUNDS_FILE), Growth.read(kept / GROWTH_FILE)
    analyses = AnalysisFindings.read(kept / ANALYSIS_FILE) if (kept / ANALYSIS_FILE).is_file() else None
    for path in write_pages(results, found, DOCS if kept == RESULTS else kept, kept, analyses):
        console.print(f"Written: {path}")
    return True


@contextmanager
def _shown_progress() -> Iterator[Callable[[str], None]]:
    """Show a line that says what is being done; log records appear above it."""
    columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    with Progress(*columns, console=errors, transient=True) as progress:
        handler = RichHandler(console=progress.console, show_path=False)
        logging.basicConfig(level=logging.INFO, format="%(message)s", handlers=[handler])
        task = progress.add_task("starting")

        def step(what: str) -> None:
            progress.update(task, description=what)
            if not progress.console.is_terminal:
                progress.console.print(what, markup=False, highlight=False)

        yield step


def _require_wrk() -> None:
    if missing := wrk.missing():
        errors.print(missing)
        raise typer.Exit(1)


if __name__ == "__main__":
    app()
