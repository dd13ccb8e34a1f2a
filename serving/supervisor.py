"""Keeps an embedded server valuing homes: starts it again when it ended, or values none any more."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from pathlib import Path

from serving.bundle import ServerUnavailable
from serving.embedded import EmbeddedServer
from serving.replica import ENSEMBLE, PROBE_SECONDS, Replica, Stop

PAUSES = (1.0, 2.0, 5.0, 10.0, 20.0)
"""Seconds before the first start in a row, the second, and so on; after these it is given up."""
LASTING_SECONDS = 60.0
"""A server that valued homes for so long was started well: what happens then is no longer the same trouble."""

logger = logging.getLogger(__name__)


def supervise(server: EmbeddedServer, models: Sequence[str], stopping: Stop, pauses: Sequence[float] = PAUSES) -> None:
    """Watch a server that was started and is ready, until ``stopping`` is set; call it from the thread that started it.

    It is asked for a real price every second: health stays "ready" while a Python model behind it is dead.

    Raises:
        ServerUnavailable: when it was started ``len(pauses)`` times in a row and did not last; with the reason.
    """
    replica, ready, starts = _known_to_serve(server, models), time.monotonic(), 0
    while not stopping.wait(PROBE_SECONDS):
        trouble = _trouble(server, replica)
        if trouble is None:
            continue
        if time.monotonic() - ready >= LASTING_SECONDS:
            starts = 0
        if starts == len(pauses):
            raise ServerUnavailable(f"{trouble}; given up after {starts} starts in vain")
        logger.warning("%s; starting it again in %g s", trouble, pauses[starts])
        server.kill()
        if stopping.wait(pauses[starts]):
            return
        starts += 1
        try:
            server.restart()
            server.wait_ready(models, stopping=stopping)
        except ServerUnavailable as error:
            logger.warning("%s", error)
        replica, ready = _known_to_serve(server, models), time.monotonic()


def _known_to_serve(server: EmbeddedServer, models: Sequence[str]) -> Replica:
    """Return what is known of a server whose ``models`` are ready; homes it values only where they are among them."""
    replica = Replica(server.ports.http, server.repository if isinstance(server.repository, Path) else None)
    replica.served = ENSEMBLE in models
    return replica


def _trouble(server: EmbeddedServer, replica: Replica) -> str | None:
    """Return why the server must be started again, if it must."""
    if not server.is_alive:
        return str(server.failure(f"Triton ended with exit code {server.returncode}"))
    replica.look()
    return f"Triton runs but values no home any more ({replica.problem})" if replica.broken else None
