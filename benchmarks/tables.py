"""A run as tables: one set of them, for the terminal and as Markdown."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from rich.table import Table

from benchmarks.load import BATCHES, SINGLE, Load
from benchmarks.results import REFERENCE_INTERFACE, SERVICE, Results, Spread
from benchmarks.targets import outcomes

REFERENCE = f"{SERVICE}, {REFERENCE_INTERFACE}"
NOT_MEASURED = "–"  # noqa: RUF001

Shown = Callable[[float], str]


@dataclass(frozen=True)
class Grid:
    """A table: its title, its columns, its lines."""

    title: str
    columns: tuple[str, ...]
    lines: list[tuple[str, ...]]


def grids(results: Results) -> Iterator[Grid]:
    """All tables of a run."""
    measured = set(results.loads())
    single = [load for load in SINGLE if load.key in measured]
    batches = [load for load in BATCHES if load.key in measured]
    one_home = [
        ("requests_per_s", "Requests/s, one home each", _count),
        ("p50_ms", "p50 in ms, one home a request", _milliseconds),
        ("p99_ms", "p99 in ms, one home a request", _milliseconds),
    ]
    for metric, title, shown in one_home:
        yield _grid(results, title, metric, shown, single, lambda load: f"{load.concurrency} at once")
    many = [load for load in single if load.concurrency == 8] + batches
    for metric, title, shown in (
        ("homes_per_s", "Homes/s by homes a request", _count),
        ("cpu_s_per_1000_homes", "CPU seconds per 1,000 homes, by homes a request", _seconds),
    ):
        yield _grid(results, title, metric, shown, many, lambda load: f"{load.homes:,} ({load.concurrency} at once)")
    yield _parts(results, single + batches)
    yield _starts(results)
    yield Grid(
        "Targets",
        ("Against", "Ahead at least", "Ahead", "Met"),
        [
            (outcome.text, f"{outcome.wanted:.2f}", spread(outcome.ahead, _ratio), _verdict(outcome.met))
            for outcome in outcomes(results)
            if outcome.ahead or not results.about["quick"]
        ],
    )


def rich_table(grid: Grid) -> Table:
    """For the terminal."""
    table = Table(title=grid.title, title_justify="left")
    for place, column in enumerate(grid.columns):
        table.add_column(column, justify="right" if place else "left")
    for line in grid.lines:
        table.add_row(*line)
    return table


def markdown_table(grid: Grid) -> str:
    """For readers."""
    rule = ("---", *["---:"] * (len(grid.columns) - 1))
    rows = (" | ".join(line).replace("\n", "<br>") for line in (grid.columns, rule, *grid.lines))
    return "\n".join(f"| {row} |" for row in rows)


def markdown(results: Results) -> str:
    """For readers: machine, settings and all tables."""
    about = results.about
    parts = [
        "# Speed",
        f"{about['date']}, {about['processor']}, {about['cores']} cores, {about['memory_gb']} GB, {about['system']}, "
        f"Python {about['python']}, commit {about['commit']}. {about['rounds']} interleaved rounds, "
        f"{about['seconds']:g} s a load, load generators on the same cores. Model: {about['model']}, "
        f"{about['trees']} trees; load average before the run {about['load_before']}.",
        f"Each cell: median over the rounds (lowest to highest); below it, in brackets, its ratio to {REFERENCE}, "
        "taken within each round.",
    ]
    if about["quick"]:
        parts.append("**A smoke run: it shows that everything works, its figures say nothing.**")
    parts.append(f"Requests that got no good answer: {results.errors()}.")
    parts += [f"## {grid.title}\n\n{markdown_table(grid)}" for grid in grids(results)]
    parts.append("## How each is set\n\n" + "\n".join(f"- {name}: {text}" for name, text in results.settings.items()))
    if results.missing:
        parts.append("## Not measured\n\n" + "\n".join(f"- {name}: {why}" for name, why in results.missing.items()))
    parts.append("## Versions\n\n" + "\n".join(_versions(results)))
    return "\n\n".join(parts) + "\n"


def _grid(
    results: Results, title: str, metric: str, shown: Shown, loads: list[Load], heading: Callable[[Load], str]
) -> Grid:
    lines = []
    for row in results.rows():
        cells = [
            _cell(results.value(row, load.key, metric), results.ratio(row, load.key, metric), shown) for load in loads
        ]
        if any(cell != NOT_MEASURED for cell in cells):
            lines.append((row, *cells))
    return Grid(title, ("", *map(heading, loads)), lines)


def _parts(results: Results, loads: list[Load]) -> Grid:
    """Of servers that are made of several processes, where the processor's time goes."""
    lines = []
    for row in results.rows():
        parts = results.parts(row)
        if len(parts) > 1 and row.endswith(REFERENCE_INTERFACE):
            for part in parts:
                cells = [spread(results.part(row, load.key, part), _count) for load in loads]
                lines.append((f"{row}: {part}", *cells))
    headings = [f"{load.homes:,} a request, {load.concurrency} at once" for load in loads]
    return Grid("Where the time goes: CPU microseconds a request", ("", *headings), lines)


def _starts(results: Results) -> Grid:
    lines = []
    for name in dict.fromkeys(start.contender for start in results.starts):
        cells = [
            _cell(results.start(name, metric), results.start_ratio(name, metric), shown)
            for metric, shown in (("startup_s", _seconds), ("peak_mb", _count))
        ]
        lines.append((name, *cells))
    return Grid("Start and memory", ("", "Seconds to the first good answer", "Most memory, MB (PSS)"), lines)


def _cell(value: Spread | None, ratio: Spread | None, shown: Shown) -> str:
    if value is None:
        return NOT_MEASURED
    return f"{spread(value, shown)}\n[{spread(ratio, _ratio)}]"


def spread(found: Spread | None, shown: Shown) -> str:
    """The median, and how far the rounds were apart."""
    if found is None:
        return NOT_MEASURED
    middle, low, high = (shown(value) for value in (found.median, found.low, found.high))
    return middle if low == high else f"{middle} ({low} to {high})"


def _versions(results: Results) -> Iterator[str]:
    everyone = {"service": results.about["versions"], **results.about["peers"]}
    for name, pins in everyone.items():
        yield f"- {name}: {', '.join(f'{package} {pin}' for package, pin in pins.items())}"


def _count(value: float) -> str:
    return f"{value:,.0f}"


def _milliseconds(value: float) -> str:
    return f"{value:.2f}"


def _seconds(value: float) -> str:
    return f"{value:.3g}"


def _ratio(value: float) -> str:
    return f"{value:.2f}x"


def _verdict(met: bool | None) -> str:
    return {True: "yes", False: "no", None: "not measured"}[met]
