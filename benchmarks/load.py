"""What is asked of a server for a while, and what came of it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Load:
    """So many homes a request, so many requests in flight."""

    homes: int
    concurrency: int

    @property
    def key(self) -> str:
        """Return its short name: ``1x8`` is one home a request, eight requests in flight."""
        return f"{self.homes}x{self.concurrency}"


@dataclass(frozen=True)
class LoadResult:
    """What a load generator saw; ``homes`` were valued while it ran, its own warm-up included."""

    p50_ms: float
    p99_ms: float
    requests_per_s: float
    homes: int
    errors: int


SINGLE = (Load(1, 1), Load(1, 8), Load(1, 32))
"""One home a request: what an agent's screen sends."""
BATCHES = (Load(64, 4), Load(1024, 4))
"""Many homes a request: what a portfolio sends."""


class GeneratorFailed(RuntimeError):
    """The load generator did not run; the message is what it said."""
