"""What a server costs: the processor time and the memory of its process and of all that it started."""

from __future__ import annotations

import re
import threading
from collections import defaultdict
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType

import psutil

SECONDS_BETWEEN = 1.0
SERVER = "server"
_INSTANCE = re.compile(r"(\w+)_\d+_\d+")
_GONE = (psutil.NoSuchProcess, psutil.AccessDenied, FileNotFoundError, ProcessLookupError, PermissionError)


class ProcessTree:
    """A process and its descendants; as a context manager it remembers the most memory that they took."""

    def __init__(self, pid: int) -> None:
        self._root = psutil.Process(pid)
        self._seen: dict[int, tuple[str, float]] = {}
        self._stopping = threading.Event()
        self._watcher = threading.Thread(target=self._watch, daemon=True)
        self.peak_bytes = 0

    def processes(self) -> list[psutil.Process]:
        """Return the processes that run now, the root first."""
        with suppress(psutil.NoSuchProcess):
            return [self._root, *self._root.children(recursive=True)]
        return []

    def cpu_seconds_by_part(self) -> dict[str, float]:
        """Return the processor time so far, user and system, by what a process does.

        The parts are a model's name for its Python stubs in Triton, and ``server`` for the rest. A
        process that has ended counts with what was last seen of it.
        """
        for process in self.processes():
            with suppress(*_GONE):
                times = process.cpu_times()
                part = self._seen[process.pid][0] if process.pid in self._seen else part_of(process.cmdline())
                self._seen[process.pid] = part, times.user + times.system
        seconds: dict[str, float] = defaultdict(float)
        for part, spent in self._seen.values():
            seconds[part] += spent
        return dict(seconds)

    def memory_bytes(self) -> int:
        """Return the memory in use now, each shared page counted once: the proportional set size."""
        total = 0
        for process in self.processes():
            with suppress(*_GONE):
                total += _proportional(process.pid)
        return total

    def memory_bytes_of(self, part: str) -> int:
        """Return the memory in use now by the processes that do one part of the work."""
        total = 0
        for process in self.processes():
            with suppress(*_GONE):
                total += _proportional(process.pid) if part_of(process.cmdline()) == part else 0
        return total

    def __enter__(self) -> ProcessTree:
        self._watcher.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stopping.set()
        self._watcher.join()

    def _watch(self) -> None:
        while True:
            self.peak_bytes = max(self.peak_bytes, self.memory_bytes())
            if self._stopping.wait(SECONDS_BETWEEN):
                return


def part_of(command: Sequence[str]) -> str:
    """Return what a process does, by its command line: a stub has an argument like ``price_model_0_1``."""
    if not command or not command[0].endswith("triton_python_backend_stub"):
        return SERVER
    return next((name[1] for argument in command[1:] if (name := _INSTANCE.fullmatch(argument))), SERVER)


def end(pid: int, seconds: float = 10) -> None:
    """End a process and all that it started: ask it first, kill what is left after so many seconds."""
    with suppress(psutil.NoSuchProcess):
        root = psutil.Process(pid)
        tree = [root, *root.children(recursive=True)]
        root.terminate()
        psutil.wait_procs([root], timeout=seconds)
        _, alive = psutil.wait_procs(tree, timeout=2)
        for process in alive:
            with suppress(psutil.NoSuchProcess):
                process.kill()
        psutil.wait_procs(alive, timeout=5)


def _proportional(pid: int) -> int:
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) * 1024
    return 0
