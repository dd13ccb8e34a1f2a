"""docs/speed.md: the text with the figures of both runs in place, and the plots."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.growth.findings import Growth, Moment
from benchmarks.growth.measures import MOST_A_REQUEST
from benchmarks.growth.plots import draw
from benchmarks.limits import limits
from benchmarks.results import Results
from benchmarks.tables import markdown, markdown_table
from benchmarks.trials import grids

TEMPLATE = Path(__file__).with_name("page.md")
PAGE, PICTURES = "speed.md", "speed"
NO_RESULTS, NO_TRIALS = (f"Not measured yet: `{command}`." for command in ("make bench", "python -m benchmarks trials"))
SMOKE = "\n> A smoke run: it shows that everything works, its figures say nothing.\n"


def write_page(growth: Growth, results: Results | None, tried: Results | None, folder: Path) -> list[Path]:
    """Write the page and its plots into ``folder``; returns their paths."""
    pictures = draw(growth, folder / PICTURES)
    page = folder / PAGE
    page.write_text(TEMPLATE.read_text().format_map(_figures(growth, results, tried)))
    return [page, *pictures]


def _trials(tried: Results) -> str:
    about = tried.about
    parts = [f"{about['date']}, commit {about['commit']}, {about['rounds']} rounds of {about['seconds']:g} s a load."]
    parts += [f"**{grid.title}**\n\n{markdown_table(grid)}" for grid in grids(tried)]
    return "\n\n".join(parts)


def _figures(growth: Growth, results: Results | None, tried: Results | None) -> dict[str, Any]:
    last, settled = growth.soak[-1], growth.settled
    halves = settled[: len(settled) // 2 + 1], settled[len(settled) // 2 :]

    def change(megabytes: Callable[[Moment], float]) -> float:
        def level(half: list[Moment]) -> float:
            # The higher of two neighbours: memory differs by which of the two loads was on last.
            return median(max(map(megabytes, half[at : at + 2])) for at in range(max(1, len(half) - 1)))

        first, second = map(level, halves)
        return second - first

    return {
        "about": growth.about,
        "notice": SMOKE if growth.about["quick"] else "",
        "comparison": markdown(results).replace("\n## ", "\n### ").removeprefix("# Speed\n\n")
        if results
        else NO_RESULTS,
        "limits": limits(results),
        "trials": _trials(tried) if tried else NO_TRIALS,
        "best": max(growth.batches, key=lambda batch: batch.homes_per_s),
        "most": MOST_A_REQUEST,
        "first": growth.batches[0],
        "saturation": growth.saturation(),
        "gentlest": growth.offered[0],
        "hardest": growth.offered[-1],
        "last": last,
        "memory_change": change(lambda moment: moment.memory_mb),
        "shared_change": change(lambda moment: moment.shared_memory_mb),
        "since": settled[0].minute,
        "swaps": "\n".join(
            f"| {swap.trees:,} | {swap.size_mb:.1f} | {swap.publish_s:.2f} | {swap.swap_s:.2f} |"
            for swap in growth.swaps
        ),
    }
