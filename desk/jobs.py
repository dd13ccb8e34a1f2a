"""Files of homes that are valued, or wait to be fetched: each in a folder of its own, for an hour.

The folders are in the temporary directory and nowhere else. Only who has the address of one finds it, and nobody can
guess that. What a desk left behind that was killed, the next one removes.
"""

from __future__ import annotations

import fcntl
import os
import re
import secrets
import shutil
import subprocess
import sys
import tempfile
import threading
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import IO

from desk.progress import Progress
from desk.valuing import GIVEN, MOST_SECONDS

MOST_RUNNING = 2
MOST_KEPT = 8
KEPT_S = 3_600.0
LONGEST_S = 2.0 * MOST_SECONDS
"""A file that takes longer is given up."""
NAME = "sound-realty-desk"
PROJECT = Path(__file__).resolve().parent.parent
TETHER = PROJECT / "serving" / "tether.py"
_KEY = re.compile(r"[\w-]{22}", re.ASCII)


class NoRoom(Exception):
    """As many files as may be are being valued."""


@dataclass
class Job:
    """Hold one file: where it lies, what whoever brought it calls it, and whether it is to go."""

    key: str
    folder: Path
    name: str
    gone: threading.Event = field(default_factory=threading.Event)
    """Set it to end the valuing and remove the folder."""

    @property
    def progress(self) -> Progress:
        """Return how far it is."""
        return Progress.read(self.folder)


class Jobs:
    """All files of one desk. Threads may share it.

    Raises OSError where the temporary directory cannot be written.
    """

    def __init__(self, service_url: str, *, kept_s: float = KEPT_S) -> None:
        sweep()
        self._service, self._kept_s = service_url, kept_s
        self._folder = Path(tempfile.mkdtemp(prefix=f"{NAME}-{os.getuid()}-"))
        self._lock_file = _lock(self._folder)
        self._lock = threading.Lock()
        self._jobs: dict[str, Job] = {}
        self._threads: list[threading.Thread] = []

    def receive(self, file: IO[bytes], name: str, api_key: str | None) -> Job:
        """Keep a copy of a file, and begin to value it with the key of whoever brought it.

        Raises NoRoom while others are being valued.
        """
        with self._lock:
            if sum(not job.progress.over for job in self._jobs.values()) >= MOST_RUNNING:
                raise NoRoom
            for oldest in [job for job in self._jobs.values() if job.progress.over][: len(self._jobs) + 1 - MOST_KEPT]:
                oldest.gone.set()
            key = secrets.token_urlsafe(16)
            job = self._jobs[key] = Job(key, self._folder / key, name)
            job.folder.mkdir(mode=0o700)
        with (job.folder / GIVEN).open("wb") as copy:
            shutil.copyfileobj(file, copy)
        thread = threading.Thread(target=self._look_after, args=(job, api_key), name="job", daemon=True)
        self._threads = [*filter(threading.Thread.is_alive, self._threads), thread]
        thread.start()
        return job

    def find(self, key: str) -> Job | None:
        """Return the file with this key; None where there is none, or no more."""
        job = self._jobs.get(key) if _KEY.fullmatch(key) else None
        return None if job is None or job.gone.is_set() else job

    def close(self) -> None:
        """End all valuing, and remove every file."""
        for job in [*self._jobs.values()]:
            job.gone.set()
        for thread in self._threads:
            thread.join(timeout=5.0)
        shutil.rmtree(self._folder, ignore_errors=True)
        self._lock_file.close()

    def _look_after(self, job: Job, api_key: str | None) -> None:
        """Have a file valued; then keep it for a while, and remove it."""
        try:
            _value(job, self._service, api_key)
            job.gone.wait(self._kept_s)
        finally:
            job.gone.set()
            self._jobs.pop(job.key, None)
            shutil.rmtree(job.folder, ignore_errors=True)


def _value(job: Job, service: str, api_key: str | None) -> None:
    """Run the process that values a file until it ends, is given up or is not wanted any more."""
    environment = {name: value for name, value in os.environ.items() if name != "API_KEY"}
    environment |= {"API_KEY": api_key} if api_key else {}
    # The kernel ends it with this thread, which therefore waits for it.
    command = [sys.executable, "-I", "-S", str(TETHER), str(os.getpid()), sys.executable, "-B", "-m", "desk.valuing"]
    process = subprocess.Popen([*command, str(job.folder), service, job.name], cwd=PROJECT, env=environment)
    try:
        for _ in range(int(LONGEST_S * 10)):
            if process.poll() is not None or job.gone.wait(0.1):
                break
    finally:
        process.kill()
        process.wait()
    if not job.gone.is_set() and not (progress := job.progress).over:
        said = f"{job.name} could not be valued within the limits of memory and time: split it into smaller files"
        replace(progress, stage="failed", said=said, by_file=True).write(job.folder)


def sweep() -> None:
    """Remove what desks left behind that were killed."""
    for folder in Path(tempfile.gettempdir()).glob(f"{NAME}-{os.getuid()}-*"):
        try:
            _lock(folder).close()
        except (BlockingIOError, FileNotFoundError):
            continue  # its desk runs, or removes it at this moment
        shutil.rmtree(folder, ignore_errors=True)


def _lock(folder: Path) -> IO[bytes]:
    """Return the lock of a desk's folder, which ends with its process. Raises BlockingIOError where another has it."""
    lock = (folder / "lock").open("wb")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        lock.close()
        raise
    return lock
