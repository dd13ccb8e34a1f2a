"""How long a caller waits for a service that is busy or away."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import count
from threading import Event
from typing import TypeVar

from .errors import ClientError

FIRST_PAUSE_S = 0.25
LONGEST_PAUSE_S = 5.0

T = TypeVar("T")


def _nobody(error: ClientError, pause: float) -> None:
    """Do nothing about a wait."""


@dataclass(frozen=True)
class Patience:
    """Asks again, until ``seconds`` after the first failure. Valuing changes nothing, so asking twice is safe."""

    seconds: float = 30.0
    when_away: bool = False
    """Whether to wait for a service that is down or failing too, not only for one that says when to come back."""
    told: Callable[[ClientError, float], None] = _nobody
    """Called before each wait with its reason and its seconds, from any thread that asks."""
    given_up: Event = field(default_factory=Event)
    """Set it to end all waiting at once."""

    def ask(self, question: Callable[[], T]) -> T:
        """Return the answer; raises the last error when time is up, and at once an error that waiting cannot mend."""
        pauses = _pauses()
        end: float | None = None
        while True:
            try:
                return question()
            except ClientError as error:
                if error.retry_after is None and not (self.when_away and error.passing):
                    raise
                pause = next(pauses)
                # At least a little, whatever the service says: it may have told all of its callers 0.
                pause = pause if error.retry_after is None else max(error.retry_after, FIRST_PAUSE_S)
                end = end or time.monotonic() + self.seconds
                if time.monotonic() + pause > end:
                    raise
                self.told(error, pause)
                if self.given_up.wait(pause):
                    raise


def _pauses() -> Iterator[float]:
    """Return an endless series of pauses: 0.25, 0.5, 1 ... seconds, up to the longest."""
    return (min(LONGEST_PAUSE_S, FIRST_PAUSE_S * 2 ** min(step, 10)) for step in count())
