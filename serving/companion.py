"""Keeps a program running beside a server: the door, which decides what the server may load, and the desk."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from serving.replica import Stop

LOOK_SECONDS = 0.2
PAUSE_SECONDS = 5.0
"""Before a program that ended is started again: it may end at once each time."""
EXIT_SECONDS = 5.0

logger = logging.getLogger(__name__)


def keep_running(
    name: str, command: Sequence[str], stopping: Stop, folder: Path, environment: Mapping[str, str] | None = None
) -> None:
    """Run a program in a folder until ``stopping`` is set, again when it ends; the kernel kills it with this thread.

    ``environment`` is added to this process's own.
    """
    tether = str(Path(__file__).with_name("tether.py"))
    while not stopping.is_set():
        # Ctrl-C in a terminal reaches everything in the foreground; this one is told here when to end.
        process = subprocess.Popen(
            [sys.executable, "-I", "-S", tether, str(os.getpid()), *command],
            cwd=folder,
            env={**os.environ, **(environment or {})},
            start_new_session=True,
        )
        while process.poll() is None and not stopping.is_set():
            time.sleep(LOOK_SECONDS)
        if stopping.is_set():
            process.terminate()
            with suppress(subprocess.TimeoutExpired):
                process.wait(EXIT_SECONDS)
            process.kill()
            process.wait()
            return
        logger.warning("%s ended with exit code %s; starting it again in %g s", name, process.returncode, PAUSE_SECONDS)
        again = time.monotonic() + PAUSE_SECONDS
        while time.monotonic() < again and not stopping.is_set():
            time.sleep(LOOK_SECONDS)
