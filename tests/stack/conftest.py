"""The stack of ``docker-compose.yml`` on a real Docker engine, in a copy of the project."""

from __future__ import annotations

import json
import logging
import os
import shutil
import subprocess
import time
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from data.files import DataFiles
from serving.ports import ANY_FREE, free
from tests.conftest import ROOT
from tests.service.asking import Asker

FILES = ("docker-compose.yml", "docker-compose.embedded.yml")
REQUIRED = "STACK_TESTS"
"""Set to ``required`` where a missing engine is a failure."""


DEADLINE_S = 300
"""For what takes seconds on an idle machine: that it happens is asserted, not how fast."""

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Stack:
    """Hold a project folder with its stack; ``http`` and ``grpc`` are the gateway's ``host:port``."""

    folder: Path
    environment: dict[str, str]

    @property
    def http(self) -> str:
        return f"127.0.0.1:{self.environment['HTTP_PORT']}"

    @property
    def grpc(self) -> str:
        return f"127.0.0.1:{self.environment['GRPC_PORT']}"

    @property
    def served(self) -> Path:
        """Return where the volume lies that only the door writes; this machine's root can read it."""
        volume = f"{self.environment['COMPOSE_PROJECT_NAME']}_served"
        return Path(self.run("docker", "volume", "inspect", "--format", "{{.Mountpoint}}", volume).strip())

    def run(self, *command: str) -> str:
        """Run a command as a person types it in the project's folder; return what it prints."""
        done = subprocess.run(
            command, cwd=self.folder, env=self.environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    def compose(self, *arguments: str) -> str:
        return self.run("docker", "compose", *arguments)

    def replicas(self) -> list[str]:
        """Return the ids of the running Triton containers."""
        return self.compose("ps", "--quiet", "triton").split()

    def wait_healthy(self, container: str) -> None:
        """Wait until a container passes its health check."""
        deadline = time.monotonic() + DEADLINE_S
        while (state := self.inspect(container)["State"])["Health"]["Status"] != "healthy":
            assert time.monotonic() < deadline, f"{state}\n{self.run('docker', 'logs', '--tail', '20', container)}"
            time.sleep(0.2)

    def fetch(self, url: str) -> str:
        """Return what a page says; it must be there."""
        with urllib.request.urlopen(url, timeout=60) as page:
            return str(page.read().decode())

    def inspect(self, container: str) -> dict[str, Any]:
        details: list[dict[str, Any]] = json.loads(self.run("docker", "inspect", container))
        return details[0]

    def address(self, container: str, network: str = "inside") -> str:
        """Return a container's IP address in one of the stack's networks, reachable from this machine."""
        networks = self.inspect(container)["NetworkSettings"]["Networks"]
        return str(next(entry["IPAddress"] for name, entry in networks.items() if name.endswith(f"_{network}")))


@pytest.fixture(scope="session")
def engine() -> None:
    """Require Docker with Compose v2; otherwise say why these tests do not run."""
    for command in (["docker", "info"], ["docker", "compose", "version"]):
        if shutil.which("docker") is None or subprocess.run(command, capture_output=True, check=False).returncode:
            reason = f"needs a Docker engine with Compose v2: `{' '.join(command)}` fails"
            pytest.fail(reason) if os.environ.get(REQUIRED) == "required" else pytest.skip(reason)


@pytest.fixture(scope="session")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Copy what git tracks or would add: a clean clone with today's changes."""
    folder = tmp_path_factory.mktemp("stack") / "project"
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=ROOT,
        capture_output=True,
        check=True,
    )
    for name in filter(None, listed.stdout.decode().split("\0")):
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, folder / name)
    return folder


@pytest.fixture(scope="session")
def stack(engine: None, project: Path, files: DataFiles, request: pytest.FixtureRequest) -> Iterator[Stack]:
    """Run ``docker compose up`` of the embedded variant, once for all tests."""
    stack = Stack(
        project,
        {
            **{name: value for name, value in os.environ.items() if name in ("PATH", "HOME")},
            "COMPOSE_FILE": os.pathsep.join(FILES),
            "COMPOSE_PROJECT_NAME": f"test-{os.getpid()}",
            "DATA_DIR": str(files.folder),
            "EXAMINATION_SECONDS": "20",
            "HTTP_PORT": str(free_port()),
            "GRPC_PORT": str(free_port()),
            "PROMETHEUS_PORT": str(free_port()),
        },
    )
    try:
        stack.compose("up", "--detach", "--build")
        stack.wait_healthy(stack.compose("ps", "--quiet", "gateway").strip())
        yield stack
    finally:
        if request.session.testsfailed:
            log.error(stack.compose("logs", "--tail", "60", "models", "door", "triton", "gateway", "desk"))
        stack.compose("--profile", "*", "down", "--volumes", "--timeout", "1")


@pytest.fixture(scope="session")
def stack_asker(stack: Stack) -> Iterator[Asker]:
    asker = Asker(stack.http, stack.grpc)
    yield asker
    asker.close()


def free_port() -> int:
    """Return a port that nobody listens on."""
    return free(ANY_FREE).http


def wait_until(happened: Callable[[], object], what: str, seconds: float = DEADLINE_S) -> None:
    """Ask again and again; fail the test when it has waited too long."""
    deadline = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < deadline, f"waited {seconds} s for {what}"
        time.sleep(0.2)
