"""What was found about growth, as it is kept."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from benchmarks.perf_analyzer import Offered


@dataclass(frozen=True)
class Batch:
    """Homes a second by homes a request; more than the service takes at once go as several requests."""

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
class Swap:
    """Seconds to check and publish a version, and from then to its first answer."""

    trees: int
    size_mb: float
    publish_s: float
    swap_s: float


@dataclass(frozen=True)
class Growth:
    """Everything, with where and when it was measured."""

    about: dict[str, Any]
    batches: list[Batch]
    offered: list[Offered]
    soak: list[Moment]
    swaps: list[Swap]

    def write(self, path: Path) -> None:
        """As JSON."""
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(asdict(self), indent=1) + "\n")

    @classmethod
    def read(cls, path: Path) -> Growth:
        """What ``write`` wrote."""
        kept = json.loads(path.read_text())
        return cls(
            kept["about"],
            [Batch(**found) for found in kept["batches"]],
            [Offered(**found) for found in kept["offered"]],
            [Moment(**found) for found in kept["soak"]],
            [Swap(**found) for found in kept["swaps"]],
        )

    @property
    def settled(self) -> list[Moment]:
        """The soak from its first third on: a server grows to its working size at first."""
        return self.soak[len(self.soak) // 3 :]

    def saturation(self, kept_up: float = 0.95) -> float:
        """The highest offered rate of which at least this share was answered; 0 when there was none."""
        return max(
            (one.offered_per_s for one in self.offered if one.answered_per_s >= kept_up * one.offered_per_s), default=0
        )
