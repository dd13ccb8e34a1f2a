"""What a run found, as it is kept, and its ratios to this service."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from itertools import accumulate
from math import comb
from pathlib import Path
from statistics import median
from typing import Any

SERVICE = "this service"
REFERENCE = f"{SERVICE}, JSON"
"""The row that ratios are taken to unless another one is named."""


@dataclass(frozen=True)
class Sample:
    """One load on one interface in one round."""

    contender: str
    interface: str
    load: str
    round: int
    p50_ms: float
    p99_ms: float
    requests_per_s: float
    homes_per_s: float
    cpu_s_per_1000_homes: float
    errors: int
    cpu_us_by_part: dict[str, float] = field(default_factory=dict)
    """Processor time in microseconds a request: of the server's own process, and of each step's."""

    @property
    def row(self) -> str:
        """Return the name of its line in a table."""
        return f"{self.contender}, {self.interface}"


@dataclass(frozen=True)
class Start:
    """One start in one round: seconds to the first good answer, and the most memory that was in use, in MB."""

    contender: str
    round: int
    startup_s: float
    peak_mb: float


@dataclass(frozen=True)
class Spread:
    """The median over rounds, and how far the rounds were apart."""

    median: float
    low: float
    high: float

    @classmethod
    def of(cls, values: Iterable[float]) -> Spread:
        """Take the median, the lowest and the highest of values."""
        found = list(values)
        return cls(median(found), min(found), max(found))

    @classmethod
    def of_median(cls, values: Iterable[float]) -> Spread:
        """Take the median and its 95 % interval, by order statistics; with five values or fewer it holds them all."""
        found = sorted(values)
        # Of n values, k or fewer lie below the true median in one of 40 cases: a coin thrown n times.
        below = list(accumulate(comb(len(found), k) / 2 ** len(found) for k in range(len(found))))
        left_out = max(sum(chance < 0.025 for chance in below) - 1, 0)
        return cls(median(found), found[left_out], found[-1 - left_out])


@dataclass
class Results:
    """Everything that a run found."""

    about: dict[str, Any]
    settings: dict[str, str] = field(default_factory=dict)
    missing: dict[str, str] = field(default_factory=dict)
    samples: list[Sample] = field(default_factory=list)
    starts: list[Start] = field(default_factory=list)

    def rows(self) -> list[str]:
        """Return contender and interface of each row, in the order in which they were measured."""
        return list(dict.fromkeys(sample.row for sample in self.samples))

    def loads(self) -> list[str]:
        """Return the keys of the loads, in the order in which they were measured."""
        return list(dict.fromkeys(sample.load for sample in self.samples))

    def value(self, row: str, load: str, metric: str) -> Spread | None:
        """Return a metric over the rounds, or None where it was not measured."""
        values = self._by_round(row, load, metric).values()
        return Spread.of(values) if values else None

    def ratio(self, row: str, load: str, metric: str, to: str = REFERENCE) -> Spread | None:
        """Return a row's ratio to another, by default this service's plain JSON, taken within each round."""
        ratios = self.ratios(row, load, metric, to)
        return Spread.of(ratios) if ratios else None

    def ratios(self, row: str, load: str, metric: str, to: str) -> list[float]:
        """Return a row's ratios to another, one for each round that has both."""
        return _ratios(self._by_round(row, load, metric), self._by_round(to, load, metric))

    def parts(self, row: str) -> list[str]:
        """Return the names of the processes that a row's contender is made of."""
        return list(
            dict.fromkeys(part for sample in self.samples if sample.row == row for part in sample.cpu_us_by_part)
        )

    def part(self, row: str, load: str, part: str) -> Spread | None:
        """Return the processor time of one part in microseconds a request, over the rounds."""
        found = [sample for sample in self.samples if sample.row == row and sample.load == load]
        values = [sample.cpu_us_by_part[part] for sample in found if part in sample.cpu_us_by_part]
        return Spread.of(values) if values else None

    def start(self, contender: str, metric: str) -> Spread | None:
        """Return a metric of the starts over the rounds."""
        values = self._starts_by_round(contender, metric).values()
        return Spread.of(values) if values else None

    def start_ratio(self, contender: str, metric: str) -> Spread | None:
        """Return the ratio of a contender's start to this service's, taken within each round."""
        ratios = _ratios(self._starts_by_round(contender, metric), self._starts_by_round(SERVICE, metric))
        return Spread.of(ratios) if ratios else None

    def errors(self) -> int:
        """Return the number of failed requests over all loads; a run is good when it is 0."""
        return sum(sample.errors for sample in self.samples)

    def write(self, path: Path) -> None:
        """Write every sample as JSON; the tables are made from it."""
        write_records(path, asdict(self))

    @classmethod
    def read(cls, path: Path) -> Results:
        """Read what ``write`` wrote."""
        kept = json.loads(path.read_text())
        samples = [Sample(**sample) for sample in kept["samples"]]
        starts = [Start(**start) for start in kept["starts"]]
        return cls(kept["about"], kept["settings"], kept["missing"], samples, starts)

    def _by_round(self, row: str, load: str, metric: str) -> dict[int, float]:
        found = (sample for sample in self.samples if sample.row == row and sample.load == load)
        return {sample.round: getattr(sample, metric) for sample in found}

    def _starts_by_round(self, contender: str, metric: str) -> dict[int, float]:
        return {start.round: getattr(start, metric) for start in self.starts if start.contender == contender}


def _ratios(values: dict[int, float], reference: dict[int, float]) -> list[float]:
    return [values[number] / reference[number] for number in values if reference.get(number)]


def write_records(path: Path, kept: dict[str, Any]) -> None:
    """Write JSON with each record of a list on a line of its own, so that it is short and its changes show by line."""
    entries = []
    for name, value in kept.items():
        records = ",\n  ".join(map(json.dumps, value)) if isinstance(value, list) else ""
        entries.append(f'"{name}": ' + (f"[\n  {records}\n ]" if records else json.dumps(value)))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("{\n " + ",\n ".join(entries) + "\n}\n")
