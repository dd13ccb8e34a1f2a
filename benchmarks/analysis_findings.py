"""What was found about the cost of analyses, as it is kept, and the page's part that tells it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from benchmarks.results import Results, Spread, write_records
from benchmarks.tables import Grid, count, markdown_table, milliseconds, spread

ANALYSIS_FILE = "analysis.json"


@dataclass(frozen=True)
class Turn:
    """Hold what an analysis of one home cost in one round; ``caller_ms`` is a median, the others are means.

    ``whole`` is how long ``market_analysis`` was asked, of which ``price_model`` and ``preprocessing`` were asked for
    the next two. ``cpu`` is the processor time of all processes: what it takes on one core.
    """

    round: int
    caller_ms: float
    whole_ms: float
    price_model_ms: float
    preprocessing_ms: float
    cpu_ms: float
    stub_mb: float


@dataclass(frozen=True)
class AnalysisFindings:
    """Hold the loads on each server, the turns, and how long choosing comparables alone takes."""

    results: Results
    turns: list[Turn]
    selection_ms: float
    failed: int
    """Analyses that failed while prices were asked for."""

    def write(self, path: Path) -> None:
        """Write everything as JSON."""
        kept: dict[str, Any] = asdict(self.results)
        kept |= {"turns": [asdict(turn) for turn in self.turns]}
        write_records(path, {**kept, "selection_ms": self.selection_ms, "failed": self.failed})

    @classmethod
    def read(cls, path: Path) -> AnalysisFindings:
        """Read what ``write`` wrote."""
        kept = TypeAdapter(dict[str, Any]).validate_json(path.read_bytes())
        turns = [Turn(**turn) for turn in kept["turns"]]
        return cls(Results.read(path), turns, kept["selection_ms"], kept["failed"])


def costs(found: AnalysisFindings) -> Grid:
    """Return where the time of an analysis goes; rounds as median, lowest and highest."""

    def over(value: Callable[[Turn], float], shown: Callable[[float], str] = milliseconds) -> str:
        return spread(Spread.of(map(value, found.turns)), shown)

    lines = [
        ("a caller waits, one after the other, JSON", over(lambda turn: turn.caller_ms)),
        ("in the server", over(lambda turn: turn.whole_ms)),
        ("of that: the price model, all mixtures of a home", over(lambda turn: turn.price_model_ms)),
        ("of that: preprocessing", over(lambda turn: turn.preprocessing_ms)),
        ("of that: choosing comparables, measured by itself", milliseconds(found.selection_ms)),
        (
            "of that: the rest",
            over(lambda turn: turn.whole_ms - turn.price_model_ms - turn.preprocessing_ms - found.selection_ms),
        ),
        ("processor time of all processes: what it takes on one core", over(lambda turn: turn.cpu_ms)),
        ("memory of the model's process, MB", over(lambda turn: turn.stub_mb, count)),
    ]
    return Grid("One home analysed, milliseconds", ("", "milliseconds, median (lowest to highest)"), lines)


def neighbours(found: AnalysisFindings) -> Grid:
    """Return what loaded and asked analyses cost those who ask for prices: requests/s and ratios within each round."""
    results = found.results
    first, *others = results.rows()
    lines = []
    for load in results.loads():
        homes, callers = load.split("x")
        name = f"{homes} a request, {callers} at once"
        lines.append((name, first, spread(results.value(first, load, "requests_per_s"), count), "1"))
        for row in others:
            ratio = Spread.of_median(results.ratios(row, load, "requests_per_s", to=first))
            rate = spread(results.value(row, load, "requests_per_s"), count)
            lines.append((name, row, rate, spread(ratio, "{:.3f}".format)))
    headings = ("house_price", "server", "requests/s", "ratio to the first, median and its 95 % interval")
    return Grid("Requests for prices beside analyses", headings, lines)


def section(found: AnalysisFindings) -> str:
    """Return the part of the page of speed that tells what analyses cost."""
    about = found.results.about
    return (
        "\n## Analyses\n\n"
        f"`market_analysis` on {about['cores']} cores, {about['rounds']} rounds, {about['date']}, commit "
        f"{about['commit']}. An analysis values up to 128 mixtures of a home and the typical one of its ZIP code.\n\n"
        f"{markdown_table(costs(found))}\n\n"
        f"{markdown_table(neighbours(found))}\n\n"
        f"In the last rows of each load {about['asked_per_s']} analyses a second are asked for at the same time; "
        f"{found.failed} of them failed. Measure it: `make bench BENCH=analysis`.\n"
    )
