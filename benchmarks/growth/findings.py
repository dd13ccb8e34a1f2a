"""What was found about the growth of cost, as it is kept."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from benchmarks.perf_analyzer import Offered
from benchmarks.results import write_records


@dataclass(frozen=True)
class Batch:
    """Homes a second in batches of ``homes``, which go as several requests where the service takes fewer at once."""

    interface: str
    homes: int
    requests: int
    homes_per_s: float
    p50_ms: float


@dataclass(frozen=True)
class Moment:
    """The state of the server at one moment of the soak. Memory and shared memory in MB."""

    minute: float
    memory_mb: float
    shared_memory_mb: float
    requests: int
    errors: int


@dataclass(frozen=True)
class Growth:
    """Everything that was found, with where and when it was measured."""

    about: dict[str, Any]
    batches: list[Batch]
    offered: list[Offered]
    soak: list[Moment]

    def write(self, path: Path) -> None:
        """Write everything as JSON."""
        write_records(path, asdict(self))

    @classmethod
    def read(cls, path: Path) -> Growth:
        """Read what ``write`` wrote."""
        kept = json.loads(path.read_text())
        return cls(
            kept["about"],
            [Batch(**found) for found in kept["batches"]],
            [Offered(**found) for found in kept["offered"]],
            [Moment(**found) for found in kept["soak"]],
        )

    @property
    def settled(self) -> list[Moment]:
        """Return the soak from its first third on: before that, a server grows to its working size."""
        return self.soak[len(self.soak) // 3 :]

    def saturation(self, kept_up: float = 0.95) -> float:
        """Return the highest offered rate of which at least this share was answered, or 0 when there was none."""
        return max(
            (one.offered_per_s for one in self.offered if one.answered_per_s >= kept_up * one.offered_per_s), default=0
        )
