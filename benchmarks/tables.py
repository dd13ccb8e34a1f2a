"""The rounds as tables: one set of them, for the terminal and as Markdown."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from rich.table import Table

from benchmarks.load import BATCHES, SINGLE, Load
from benchmarks.results import Results, Spread
from benchmarks.targets import targets

NOT_MEASURED = "–"  # noqa: RUF001

Shown = Callable[[float], str]


@dataclass(frozen=True)
class Grid:
    """A table: its title, its columns, its lines. The first column names the line."""

    title: str
    columns: tuple[str, ...]
    lines: Sequence[tuple[str, ...]]


def grids(results: Results) -> Iterator[Grid]:
    """Yield all tables of a run."""
    measured = set(results.loads())
    single = [load for load in SINGLE if load.key in measured]
    batches = [load for load in BATCHES if load.key in measured]
    one_home = [
        ("requests_per_s", "Requests/s, one home each", count),
        ("p50_ms", "p50 in ms, one home a request", milliseconds),
        ("p99_ms", "p99 in ms, one home a request", milliseconds),
    ]
    for metric, title, shown in one_home:
        yield _grid(results, title, metric, shown, single, lambda load: f"{load.concurrency} at once")
    many = [load for load in single if load.concurrency == 8] + batches
    for metric, title, shown in (
        ("homes_per_s", "Homes/s by homes a request", count),
        ("cpu_s_per_1000_homes", "CPU seconds per 1,000 homes, by homes a request", _seconds),
    ):
        yield _grid(results, title, metric, shown, many, lambda load: f"{load.homes:,} ({load.concurrency} at once)")
    yield _parts(results, single + batches)
    yield _starts(results)
    yield Grid(
        "Targets",
        ("Against", "Ahead at least", "Ahead", "Met"),
        [
            (target.text, f"{target.wanted:.2f}", spread(target.ahead, _ratio), _verdict(target.met))
            for target in targets(results)
            if target.ahead or not results.about["quick"]
        ],
    )


def rich_table(grid: Grid) -> Table:
    """Return a table for the terminal."""
    table = Table(title=grid.title, title_justify="left")
    for place, column in enumerate(grid.columns):
        table.add_column(column, justify="right" if place else "left")
    for line in grid.lines:
        table.add_row(*line)
    return table


def markdown_table(grid: Grid) -> str:
    """Return a table in Markdown, without its title."""
    rule = ("---", *["---:"] * (len(grid.columns) - 1))
    rows = (" | ".join(line).replace("\n", "<br>") for line in (grid.columns, rule, *grid.lines))
    return "\n".join(f"| {row} |" for row in rows)


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
    """Return where the processor's time goes in servers that are made of several processes."""
    lines = []
    for row in results.rows():
        parts = results.parts(row)
        if len(parts) > 1 and row.endswith(", JSON"):
            for part in parts:
                cells = [spread(results.part(row, load.key, part), count) for load in loads]
                lines.append((f"{row}: {part}", *cells))
    headings = [f"{load.homes:,} a request, {load.concurrency} at once" for load in loads]
    return Grid("Where the time goes: CPU microseconds a request", ("", *headings), lines)


def _starts(results: Results) -> Grid:
    lines = []
    for name in dict.fromkeys(start.contender for start in results.starts):
        cells = [
            _cell(results.start(name, metric), results.start_ratio(name, metric), shown)
            for metric, shown in (("startup_s", _seconds), ("peak_mb", count))
        ]
        lines.append((name, *cells))
    return Grid("Start and memory", ("", "Seconds to the first good answer", "Most memory, MB (PSS)"), lines)


def _cell(value: Spread | None, ratio: Spread | None, shown: Shown) -> str:
    if value is None:
        return NOT_MEASURED
    return f"{spread(value, shown)}\n[{spread(ratio, _ratio)}]"


def spread(found: Spread | None, shown: Shown) -> str:
    """Return a median as text, and how far the rounds were apart."""
    if found is None:
        return NOT_MEASURED
    middle, low, high = (shown(value) for value in (found.median, found.low, found.high))
    return middle if low == high else f"{middle} ({low} to {high})"


def versions(results: Results) -> Iterator[str]:
    """Yield the versions of what each server is made of, a line each."""
    everyone = {"service": results.about["versions"], **results.about["peers"]}
    for name, pins in everyone.items():
        yield f"{name}: {', '.join(f'{package} {pin}' for package, pin in pins.items())}"


def count(value: float) -> str:
    """Return a figure in whole numbers."""
    return f"{value:,.0f}"


def milliseconds(value: float) -> str:
    """Return milliseconds, to the hundredth."""
    return f"{value:.2f}"


def _seconds(value: float) -> str:
    return f"{value:.3g}"


def _ratio(value: float) -> str:
    return f"{value:.2f}x"


def _verdict(met: bool | None) -> str:
    return {True: "yes", False: "no", None: "not measured"}[met]
