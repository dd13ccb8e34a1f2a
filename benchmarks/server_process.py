"""A server that a command line starts: its process, its log, its end."""

from __future__ import annotations

import socket
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path

from benchmarks import BUILD, process_tree
from benchmarks.contender import StartFailed

LAST_WORDS = 800
"""Characters of the log that tell why a server ended."""


class ServerProcess:
    """A process with a log of its own, which ends together with all that it started."""

    def __init__(self, name: str, log: str) -> None:
        self._name, self._log = name, BUILD / "logs" / f"{log}.log"
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """Return the root of its process tree. Raises StartFailed when it was not started."""
        if self._process is None:
            raise StartFailed(f"{self._name} was not started")
        return self._process.pid

    def start(self, command: Sequence[str], folder: Path, environment: Mapping[str, str]) -> None:
        """Start the command in a folder and return at once."""
        self._log.parent.mkdir(parents=True, exist_ok=True)
        with self._log.open("wb") as sink:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=sink,
                stderr=subprocess.STDOUT,
                cwd=folder,
                env=environment,
                start_new_session=True,
            )

    def check_alive(self) -> None:
        """Raise StartFailed with the end of the log when the process has ended."""
        if self._process is None or self._process.poll() is not None:
            words = self._log.read_text(errors="replace").strip()[-LAST_WORDS:]
            raise StartFailed(f"{self._name} ended while starting: {words}")

    def stop(self) -> None:
        """End the process and all that it started."""
        if self._process is not None:
            process_tree.end(self._process.pid)
            self._process.wait()
        self._process = None


def free_ports(count: int) -> list[int]:
    """Return ports of the loopback interface that nobody listens on now."""
    with ExitStack() as held:
        sockets = [held.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [int(one.getsockname()[1]) for one in sockets]
