"""What is measured: servers, each with one or more ways to ask it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from benchmarks.load import Load, LoadResult
from benchmarks.payloads import Columns


class StartFailed(RuntimeError):
    """A server did not start; the message is its last words."""


@dataclass(frozen=True)
class Interface:
    """One way to ask a running server."""

    name: str
    ask: Callable[[Columns], list[float]]
    """Returns the prices of some homes; raises on anything but a good answer. Threads may call it at once."""
    drive: Callable[[Load, float], LoadResult]
    """Keeps a load on the server for so many seconds."""
    most_homes: int = 1_024
    """How many homes a request may hold."""


class Contender(Protocol):
    """A server that can be started again and again."""

    name: str
    about: str
    """How it is set, for the reader of the results."""
    priced: bool
    """Whether its prices are the model's; a floor answers made-up ones."""

    def start(self) -> None:
        """Start it and return at once. Raises StartFailed."""

    def stop(self) -> None:
        """End it and all that it started."""

    def check_alive(self) -> None:
        """Raise StartFailed when the process has ended."""

    @property
    def pid(self) -> int:
        """Return the root of its process tree."""

    def interfaces(self) -> list[Interface]:
        """Return the ways to ask it; the first one serves to measure the start."""
