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
REFERENCE_INTERFACE = "JSON"

LOAD_METRICS = ("p50_ms", "p99_ms", "requests_per_s", "homes_per_s", "cpu_s_per_1000_homes")
START_METRICS = ("startup_s", "peak_mb")


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
    """CPU microseconds a request: of the server's own process, and of each step's."""

    @property
    def row(self) -> str:
        """The name of its line in a table."""
        return f"{self.contender}, {self.interface}"


@dataclass(frozen=True)
class Start:
    """One start in one round: seconds to the first good answer, and the most memory that it took, in MB."""

    contender: str
    round: int
    startup_s: float
    peak_mb: float


@dataclass(frozen=True)
class Spread:
    """The median over rounds, and how far they were apart."""

    median: float
    low: float
    high: float

    @classmethod
    def of(cls, values: Iterable[float]) -> Spread:
        found = list(values)
        return cls(median(found), min(found), max(found))

    @classmethod
    def of_median(cls, values: Iterable[float]) -> Spread:
        """The median and its 95 % interval, by order statistics; of five values or fewer, all of them."""
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
        """Contender and interface, in the order in which they were measured."""
        return list(dict.fromkeys(sample.row for sample in self.samples))

    def loads(self) -> list[str]:
        """The keys of the loads, in their order."""
        return list(dict.fromkeys(sample.load for sample in self.samples))

    def value(self, row: str, load: str, metric: str) -> Spread | None:
        """A metric over the rounds; None where it was not measured."""
        values = self._by_round(row, load, metric).values()
        return Spread.of(values) if values else None

    def ratio(self, row: str, load: str, metric: str, to: str = f"{SERVICE}, {REFERENCE_INTERFACE}") -> Spread | None:
        """Its ratio to another row, by default this service's plain JSON, taken within each round."""
        ratios = self.ratios(row, load, metric, to)
        return Spread.of(ratios) if ratios else None

    def ratios(self, row: str, load: str, metric: str, to: str) -> list[float]:
        """Its ratios to another row, one for each round that has both."""
        return _ratios(self._by_round(row, load, metric), self._by_round(to, load, metric))

    def parts(self, row: str) -> list[str]:
        """The processes that a row's contender is made of."""
        return list(
            dict.fromkeys(part for sample in self.samples if sample.row == row for part in sample.cpu_us_by_part)
        )

    def part(self, row: str, load: str, part: str) -> Spread | None:
        """CPU microseconds a request that one part takes, over the rounds."""
        found = [sample for sample in self.samples if sample.row == row and sample.load == load]
        values = [sample.cpu_us_by_part[part] for sample in found if part in sample.cpu_us_by_part]
        return Spread.of(values) if values else None

    def start(self, contender: str, metric: str) -> Spread | None:
        """A metric of the starts over the rounds."""
        values = self._starts_by_round(contender, metric).values()
        return Spread.of(values) if values else None

    def start_ratio(self, contender: str, metric: str) -> Spread | None:
        """Its ratio to this service, taken within each round."""
        ratios = _ratios(self._starts_by_round(contender, metric), self._starts_by_round(SERVICE, metric))
        return Spread.of(ratios) if ratios else None

    def errors(self) -> int:
        """Answers that were none, over all loads; a run is good when it is 0."""
        return sum(sample.errors for sample in self.samples)

    def write(self, path: Path) -> None:
        """As JSON: every sample, and the medians and ratios for those who read no Python."""
        path.parent.mkdir(parents=True, exist_ok=True)
        kept = {**asdict(self), "summary": self._summary()}
        path.write_text(json.dumps(kept, indent=1) + "\n")

    @classmethod
    def read(cls, path: Path) -> Results:
        """What ``write`` wrote."""
        kept = json.loads(path.read_text())
        samples = [Sample(**sample) for sample in kept["samples"]]
        starts = [Start(**start) for start in kept["starts"]]
        return cls(kept["about"], kept["settings"], kept["missing"], samples, starts)

    def _by_round(self, row: str, load: str, metric: str) -> dict[int, float]:
        found = (sample for sample in self.samples if sample.row == row and sample.load == load)
        return {sample.round: getattr(sample, metric) for sample in found}

    def _starts_by_round(self, contender: str, metric: str) -> dict[int, float]:
        return {start.round: getattr(start, metric) for start in self.starts if start.contender == contender}

    def _summary(self) -> list[dict[str, Any]]:
        lines = [
            _line({"row": row, "load": load, "metric": metric}, value, self.ratio(row, load, metric))
            for row in self.rows()
            for load in self.loads()
            for metric in LOAD_METRICS
            if (value := self.value(row, load, metric))
        ]
        contenders = dict.fromkeys(start.contender for start in self.starts)
        return lines + [
            _line({"row": row, "metric": metric}, value, self.start_ratio(row, metric))
            for row in contenders
            for metric in START_METRICS
            if (value := self.start(row, metric))
        ]


def _line(where: dict[str, str], value: Spread, ratio: Spread | None) -> dict[str, Any]:
    return {**where, "value": asdict(value), "ratio": asdict(ratio) if ratio else None}


def _ratios(values: dict[int, float], reference: dict[int, float]) -> list[float]:
    return [values[number] / reference[number] for number in values if reference.get(number)]
