"""A peer as a process."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
from contextlib import closing
from pathlib import Path

from benchmarks import process_tree
from benchmarks.catalogue import Peer
from benchmarks.contender import Interface, StartFailed
from benchmarks.places import BUILD, ROOT
from benchmarks.plain_http import json_interface
from benchmarks.requests import ValuedHomes

LAST_WORDS = 800


class PeerServer:
    """One of the catalogue's peers, in its environment."""

    priced = True

    def __init__(self, peer: Peer, python: Path, model: Path, homes: ValuedHomes) -> None:
        self.name, self.about = peer.name, peer.settings
        self._peer, self._python, self._model, self._homes = peer, python, model, homes
        self._log = BUILD / "logs" / f"{peer.folder}.log"
        self._process: subprocess.Popen[bytes] | None = None
        self._port = 0

    @property
    def pid(self) -> int:
        """The root of its process tree."""
        if self._process is None:
            raise StartFailed(f"{self.name} was not started")
        return self._process.pid

    def start(self) -> None:
        """Start it on a free port and return at once."""
        self._port = free_port()
        self._log.parent.mkdir(parents=True, exist_ok=True)
        with self._log.open("wb") as sink:
            self._process = subprocess.Popen(
                [str(self._python), *(part.format(port=self._port) for part in self._peer.command)],
                stdin=subprocess.DEVNULL,
                stdout=sink,
                stderr=subprocess.STDOUT,
                cwd=ROOT,
                env=self._environment(),
                start_new_session=True,
            )

    def check_alive(self) -> None:
        """Raises StartFailed with the end of its log when the process has ended."""
        if self._process is None or self._process.poll() is not None:
            words = self._log.read_text(errors="replace").strip()[-LAST_WORDS:]
            raise StartFailed(f"{self.name} ended while starting: {words}")

    def stop(self) -> None:
        """End it and all that it started."""
        if self._process is not None:
            process_tree.end(self._process.pid)
            self._process.wait()
        self._process = None

    def interfaces(self) -> list[Interface]:
        """The one that the catalogue names."""
        url = f"http://127.0.0.1:{self._port}{self._peer.path}"
        return [json_interface("JSON", url, self._homes, self._peer.write, self._peer.read)]

    def _environment(self) -> dict[str, str]:
        scratch = BUILD / "scratch" / self._peer.folder
        shutil.rmtree(scratch, ignore_errors=True)
        scratch.mkdir(parents=True)
        return {
            **os.environ,
            "PATH": os.pathsep.join([str(self._python.parent), os.environ.get("PATH", os.defpath)]),
            "PYTHONPATH": str(ROOT),
            "PYTHONDONTWRITEBYTECODE": "1",
            "BENCH_MODEL": str(self._model),
            "BENCH_PORT": str(self._port),
            "BENCH_SCRATCH": str(scratch),
            "OMP_NUM_THREADS": "1",  # as many processes as cores; threads on top would only get in their way
            "BENTOML_DO_NOT_TRACK": "True",
            "BENTOML_HOME": str(scratch),
            "RAY_AUTH_MODE": "disabled",
            "RAY_USAGE_STATS_ENABLED": "0",
        }


def free_port() -> int:
    """A port that nobody listens on, and the two after it are likely free too."""
    with closing(socket.socket()) as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])
