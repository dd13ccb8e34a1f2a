"""A peer as a process."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from benchmarks import BUILD, ROOT
from benchmarks.catalogue import Peer
from benchmarks.contender import Interface
from benchmarks.payloads import ValuedHomes
from benchmarks.plain_http import json_interface
from benchmarks.server_process import ServerProcess, free_ports


class PeerServer:
    """One of the catalogue's peers, in its environment."""

    priced = True

    def __init__(self, peer: Peer, python: Path, model: Path, homes: ValuedHomes) -> None:
        self.name, self.about = peer.name, peer.settings
        self._peer, self._python, self._model, self._homes = peer, python, model, homes
        self._process = ServerProcess(peer.name, peer.folder)
        self._port = 0

    @property
    def pid(self) -> int:
        """Return the root of its process tree."""
        return self._process.pid

    def start(self) -> None:
        """Start it on a free port and return at once."""
        self._port = free_ports(1)[0]
        command = [str(self._python), *(part.format(port=self._port) for part in self._peer.command)]
        self._process.start(command, ROOT, self._environment())

    def check_alive(self) -> None:
        """Raise StartFailed with the end of its log when the process has ended."""
        self._process.check_alive()

    def stop(self) -> None:
        """End it and all that it started."""
        self._process.stop()

    def interfaces(self) -> list[Interface]:
        """Return the one interface that the catalogue names."""
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
