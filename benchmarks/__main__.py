"""``python -m benchmarks``: this service beside its peers and limits; ``trials``: what settings are worth;
``growth``: how cost grows."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from benchmarks import wrk
from benchmarks.catalogue import PEERS
from benchmarks.places import BUILD, DOCS, RESULTS
from benchmarks.progress import shown_progress

# Before anything loads OpenMP: threads that wait asleep train many times faster where other work shares the cores.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
console = Console()
errors = Console(stderr=True)

NAMES = [peer.folder for peer in PEERS]


@app.callback(invoke_without_command=True)
def compare(
    context: typer.Context,
    quick: Annotated[bool, typer.Option(help="A smoke run: does everything work?")] = False,
    peer: Annotated[list[str] | None, typer.Option(help=f"Only these peers: {', '.join(NAMES)}.")] = None,
    rounds: Annotated[int | None, typer.Option(min=1, help="How often everybody takes a turn.")] = None,
    seconds: Annotated[float | None, typer.Option(min=1, help="How long each load lasts.")] = None,
    output: Annotated[
        Path | None, typer.Option(help="Folder for latest.json and latest.md; a smoke run's is build/bench/quick.")
    ] = None,
) -> None:
    """Measure this service, its peers and its limits in interleaved rounds."""
    if context.invoked_subcommand:
        return
    _require_wrk()
    if unknown := set(peer or ()) - set(NAMES):
        raise typer.BadParameter(f"there is no peer {', '.join(sorted(unknown))}: they are {', '.join(NAMES)}")
    from benchmarks.rounds import FULL, QUICK, run
    from benchmarks.tables import grids, markdown, rich_table

    plan = QUICK if quick else FULL
    plan = replace(plan, peers=tuple(peer or plan.peers), rounds=rounds or plan.rounds, seconds=seconds or plan.seconds)
    with shown_progress(errors) as step:
        results = run(plan, step)
    folder = output or (BUILD / "quick" if quick else RESULTS)
    results.write(folder / "latest.json")
    (folder / "latest.md").write_text(markdown(results))
    for grid in grids(results):
        console.print(rich_table(grid))
    for name, why in results.missing.items():
        errors.print(f"Not measured: {name}: {why}", markup=False)
    console.print(f"Written: {folder / 'latest.json'}, {folder / 'latest.md'}")
    if results.errors():
        errors.print(f"{results.errors()} requests got no good answer: see the samples in {folder / 'latest.json'}")
        raise typer.Exit(1)


@app.command()
def growth(
    quick: Annotated[bool, typer.Option(help="A smoke run: does everything work?")] = False,
    minutes: Annotated[float | None, typer.Option(min=0.05, help="How long the soak lasts; 10 if not given.")] = None,
) -> None:
    """Measure how cost grows, and write docs/speed.md with its plots; a smoke run writes to build/bench/quick."""
    _require_wrk()
    from benchmarks.growth.experiment import FULL, QUICK, grow
    from benchmarks.growth.page import write_page
    from benchmarks.perf_analyzer import Missing
    from benchmarks.results import Results

    plan = QUICK if quick else FULL
    plan = replace(plan, minutes=minutes or plan.minutes)
    try:
        with shown_progress(errors) as step:
            found = grow(plan, step)
    except Missing as missing:
        errors.print(str(missing), markup=False)
        raise typer.Exit(1) from missing
    kept = BUILD / "quick" if quick else RESULTS
    found.write(kept / "growth.json")
    results, tried = (
        Results.read(path) if (path := kept / f"{name}.json").is_file() else None for name in ("latest", "trials")
    )
    for path in write_page(found, results, tried, kept if quick else DOCS):
        console.print(f"Written: {path}")


@app.command()
def page() -> None:
    """Write docs/speed.md anew from the kept results."""
    from benchmarks.growth.findings import Growth
    from benchmarks.growth.page import write_page
    from benchmarks.results import Results

    kept = {name: RESULTS / f"{name}.json" for name in ("latest", "trials", "growth")}
    if missing := [path.name for path in kept.values() if not path.is_file()]:
        errors.print(
            f"{RESULTS} has no {', no '.join(missing)}: run `make bench`, `python -m benchmarks trials` "
            "and `python -m benchmarks growth`",
            markup=False,
        )
        raise typer.Exit(1)
    results, tried = Results.read(kept["latest"]), Results.read(kept["trials"])
    for path in write_page(Growth.read(kept["growth"]), results, tried, DOCS):
        console.print(f"Written: {path}")


@app.command()
def trials(
    quick: Annotated[bool, typer.Option(help="A smoke run: does everything work?")] = False,
    only: Annotated[list[str] | None, typer.Option(help="Only these, without keeping what is found.")] = None,
    load: Annotated[
        list[str] | None, typer.Option(help="Only these, like 1x8: homes a request, requests at once; nothing is kept.")
    ] = None,
    rounds: Annotated[int, typer.Option(min=1, help="Turns that each takes, at each load.")] = 7,
    seconds: Annotated[float, typer.Option(min=1, help="How long a turn lasts.")] = 1,
) -> None:
    """Measure what settings are worth: the service with one thing changed beside the service as it is shipped."""
    _require_wrk()
    from benchmarks.requests import ValuedHomes
    from benchmarks.tables import rich_table
    from benchmarks.trained import trained
    from benchmarks.trials import LOADS, TRIALS, grids, measure

    if unknown := set(only or ()) - {trial.name for trial in TRIALS}:
        names = ", ".join(trial.name for trial in TRIALS)
        raise typer.BadParameter(f"there is no trial {', '.join(sorted(unknown))}: they are {names}")
    if unknown := set(load or ()) - {known.key for known in LOADS}:
        raise typer.BadParameter(f"there is no load {', '.join(sorted(unknown))}: {', '.join(x.key for x in LOADS)}")
    chosen = [trial for trial in TRIALS if not only or trial.name in only]
    loads = [known for known in LOADS if not load or known.key in load]
    model = trained(quick)
    with shown_progress(errors) as step:
        results = measure(model, ValuedHomes.of(model), chosen, loads, 1 if quick else rounds, seconds, step)
    for grid in grids(results):
        console.print(rich_table(grid))
    if not (only or load or quick):
        results.write(RESULTS / "trials.json")
        console.print(f"Written: {RESULTS / 'trials.json'}")


def _require_wrk() -> None:
    if missing := wrk.missing():
        errors.print(missing)
        raise typer.Exit(1)


if __name__ == "__main__":
    app()
