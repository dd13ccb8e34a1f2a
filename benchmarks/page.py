"""The pages with the results: docs/speed.md in short with its pictures, and all tables beside the figures."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.analysis_findings import AnalysisFindings, section
from benchmarks.catalogue import PEERS
from benchmarks.growth.findings import Growth, Moment
from benchmarks.growth.measures import MOST_A_REQUEST
from benchmarks.pictures import draw
from benchmarks.results import REFERENCE, SERVICE, Results
from benchmarks.tables import NOT_MEASURED, Grid, count, grids, markdown_table, milliseconds, versions
from benchmarks.targets import FLOOR, GRPC, limits

TEMPLATES = Path(__file__).with_name("templates")
SINGLE_SERVICE = f"{SERVICE}, single, JSON"
PACKED_SERVICE = f"{SERVICE}, packed, JSON"
SMOKE = "\n> A smoke run: it shows that everything works, its figures say nothing.\n"


def write_pages(
    results: Results, growth: Growth, docs: Path, kept: Path, analysis: AnalysisFindings | None = None
) -> list[Path]:
    """Write ``speed.md`` and its pictures into ``docs``, ``tables.md`` into ``kept``; return the paths."""
    pictures = draw(results, growth, docs / "speed")
    shared = {
        "about": results.about,
        "notice": SMOKE if results.about["quick"] or growth.about["quick"] else "",
        "last": growth.soak[-1],
        "grown": growth.about,
        "analysis": section(analysis) if analysis else "",
    }
    pages = {docs / "speed.md": _short(results, growth), kept / "tables.md": _full(results, growth)}
    for path, figures in pages.items():
        template = (TEMPLATES / f"{path.name}.template").read_text()
        path.write_text(template.format_map({**shared, **figures}))
    return [*pages, *pictures]


def best_peer(results: Results) -> str | None:
    """Return the row of the peer that answers the most single homes a second at 32 at once, or None without peers."""
    rates = {
        row: found.median
        for peer in PEERS
        if (found := results.value(row := f"{peer.name}, JSON", "1x32", "requests_per_s"))
    }
    return max(rates, key=rates.__getitem__, default=None)


def _short(results: Results, growth: Growth) -> dict[str, Any]:
    return {
        "standings": markdown_table(_standings(results)),
        "meaning": "\n".join(f"- {line}" for line in _meaning(results)),
        "best": max(growth.batches, key=lambda batch: batch.homes_per_s),
        "most": MOST_A_REQUEST,
        "first": growth.batches[0],
        "saturation": growth.saturation(),
        "gentlest": growth.offered[0],
        "hardest": growth.offered[-1],
    }


def _standings(results: Results) -> Grid:
    """Return the table of this service, the best peer and the floor, by their medians."""
    columns = (
        ("requests/s, 1 at once", "1x1", "requests_per_s", count),
        ("8 at once", "1x8", "requests_per_s", count),
        ("32 at once", "1x32", "requests_per_s", count),
        ("p99 at 32 at once, ms", "1x32", "p99_ms", milliseconds),
        ("homes/s in batches of 1,024", "1024x4", "homes_per_s", count),
    )
    rows = {
        REFERENCE: REFERENCE,
        SINGLE_SERVICE: f"{SINGLE_SERVICE}: one home, its columns as parameters",
        PACKED_SERVICE: f"{PACKED_SERVICE}: one input of all columns",
    }
    if peer := best_peer(results):
        rows[peer] = f"best peer: {peer}"
    rows[FLOOR] = "floor: an ensemble with the same inputs that does nothing, JSON"
    lines = []
    for row, name in rows.items():
        cells = [
            shown(found.median) if (found := results.value(row, load, metric)) else NOT_MEASURED
            for _, load, metric, shown in columns
        ]
        memory = results.start(row.removesuffix(", JSON"), "peak_mb")
        lines.append((name, *cells, count(memory.median) if memory else NOT_MEASURED))
    return Grid("", ("", *(heading for heading, *_ in columns), "memory, MB"), lines)


def _meaning(results: Results) -> Iterator[str]:
    """Yield what the table and the first picture say, each sentence only where its figures were measured."""

    def times(row: str, to: str = REFERENCE) -> str:
        found = [results.ratio(row, load, "requests_per_s", to) for load in ("1x1", "1x8", "1x32")]
        alone, *more, most = (f"{ratio.median:.2f}" if ratio else NOT_MEASURED for ratio in found)
        return f"{', '.join([alone, *more])} and {most}"

    peer = best_peer(results)
    ahead = [
        found.median
        for other in PEERS
        if (found := results.ratio(REFERENCE, "1x32", "requests_per_s", to=f"{other.name}, JSON"))
    ]
    if behind := [ratio for ratio in ahead if ratio > 1]:
        yield (
            f"**Peers.** At 32 callers at once {len(behind)} of {len(ahead)} peers answer fewer single homes than "
            f"this service, which is {min(behind):.1f} to {max(behind):.1f} times as fast."
        )
    if peer:
        yield (
            f"**The best peer**, {peer.removesuffix(', JSON')}, answers {times(peer)} times as many single homes as "
            "this service at 1, 8 and 32 at once."
        )
    if results.value(SINGLE_SERVICE, "1x32", "requests_per_s"):
        yield (
            f"**One home.** `house_price_single` takes it as plain JSON and answers {times(SINGLE_SERVICE)} times as "
            "many: its columns are parameters of the request, not tensors."
        )
    if results.value(PACKED_SERVICE, "1x32", "requests_per_s"):
        yield (
            f"**Packed.** With all columns in one input the service answers {times(PACKED_SERVICE)} times as many: "
            "a home costs less as one tensor than as 18."
        )
    if results.value(FLOOR, "1x32", "requests_per_s"):
        yield (
            f"**The floor** answers {times(FLOOR)} times as many: the difference is what checks, demographics, trees "
            "and metrics cost."
        )
    rates = {row: results.value(row, "1024x4", "homes_per_s") for row in (GRPC, peer or "")}
    if peer and (mine := rates[GRPC]) and (theirs := rates[peer]):
        yield (
            f"**Batches** of 1,024 are nearly all trees, for everybody: {mine.median:,.0f} homes/s here over gRPC, "
            f"{theirs.median:,.0f} by the best peer."
        )


def _full(results: Results, growth: Growth) -> dict[str, Any]:
    settled = growth.settled
    halves = settled[: len(settled) // 2 + 1], settled[len(settled) // 2 :]

    def change(megabytes: Callable[[Moment], float]) -> float:
        def level(half: list[Moment]) -> float:
            # The higher of two neighbours: memory differs by which of the two loads was on last.
            return median(max(map(megabytes, half[at : at + 2])) for at in range(max(1, len(half) - 1)))

        first, second = map(level, halves)
        return second - first

    missing = _list(f"{name}: {why}" for name, why in results.missing.items())
    return {
        "reference": REFERENCE,
        "errors": results.errors(),
        "tables": "\n\n".join(f"### {grid.title}\n\n{markdown_table(grid)}" for grid in grids(results)),
        "limits": _list(limits(results)) or "Not measured.",
        "settings": _list(f"{name}: {text}" for name, text in results.settings.items()),
        "missing": f"### Not measured\n\n{missing}\n\n" if missing else "",
        "versions": _list(versions(results)),
        "batches": markdown_table(_batches(growth)),
        "offered": markdown_table(_offered(growth)),
        "memory_change": change(lambda moment: moment.memory_mb),
        "shared_change": change(lambda moment: moment.shared_memory_mb),
        "since": settled[0].minute,
    }


def _batches(growth: Growth) -> Grid:
    interfaces = list(dict.fromkeys(batch.interface for batch in growth.batches))
    found = {(batch.homes, batch.interface): count(batch.homes_per_s) for batch in growth.batches}
    sizes = sorted({batch.homes for batch in growth.batches})
    lines = [(f"{size:,}", *(found.get((size, interface), NOT_MEASURED) for interface in interfaces)) for size in sizes]
    return Grid("", ("Homes at once", *(f"homes/s, {interface}" for interface in interfaces)), lines)


def _offered(growth: Growth) -> Grid:
    lines = [
        (count(one.offered_per_s), count(one.answered_per_s), milliseconds(one.p50_ms), milliseconds(one.p99_ms))
        for one in growth.offered
    ]
    return Grid("", ("Requests/s offered", "answered", "p50, ms", "p99, ms"), lines)


def _list(lines: Iterator[str] | list[str]) -> str:
    return "\n".join(f"- {line}" for line in lines)
