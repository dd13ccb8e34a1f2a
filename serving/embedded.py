"""Starts, watches and stops one embedded Triton server."""

from __future__ import annotations

import logging
import os
import platform
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from itertools import pairwise
from pathlib import Path
from types import TracebackType

from serving import log, readiness, stub_check, workspace
from serving.bundle import Bundle, ServerUnavailable, find_bundle
from serving.flags import EXIT_SECONDS, flags
from serving.ports import ANY_FREE, LOOPBACK, Ports, free
from serving.replica import Stop

READY_SECONDS = 300.0
"""Loading takes seconds on an idle machine. A model that fails, or a server that ends, is reported at once."""
CRASHES = frozenset({signal.SIGABRT, signal.SIGSEGV, signal.SIGBUS, signal.SIGFPE, signal.SIGILL})
"""Signals by which a process ends itself."""
STARTS = 3
"""How often a server is started that ends itself while it loads.

Triton 24.10 gives up on a stub that got no processor for a second while it loads, as when the machine was paused. It
frees the memory that both share, and ends by a signal as soon as the stub goes on. The next start meets a machine that
runs.
"""
KEPT_LOGS = 3
"""Logs of earlier starts, which hold the reason for a crash."""

logger = logging.getLogger(__name__)


class EmbeddedServer:
    """A Triton server on the loopback interface that polls ``repository``; use as a context manager.

    Args:
        repository: The model repository: a folder, or the ``s3://`` URL of a bucket.
        log_path: Where the server's complete log goes; those of earlier starts lie beside it, the newest as ``.1``.
        ports: 0 for a free port; the properties tell which it became.
        poll_seconds: How often the repository is looked at.

    Start it from a thread that outlives it: the kernel kills the server when that thread ends.
    """

    def __init__(
        self, repository: Path | str, *, log_path: Path, ports: Ports = ANY_FREE, poll_seconds: int = 1
    ) -> None:
        self.repository = repository
        self.log_path = log_path
        self.ports = ports
        self.poll_seconds = poll_seconds
        self.admin_key = secrets.token_urlsafe(24)
        self._process: subprocess.Popen[bytes] | None = None
        self._workspace: workspace.Workspace | None = None

    @property
    def http_address(self) -> str:
        """Return ``host:port`` of the HTTP endpoint."""
        return f"{LOOPBACK}:{self.ports.http}"

    @property
    def grpc_address(self) -> str:
        """Return ``host:port`` of the gRPC endpoint."""
        return f"{LOOPBACK}:{self.ports.grpc}"

    @property
    def metrics_address(self) -> str:
        """Return ``host:port`` of the Prometheus metrics."""
        return f"{LOOPBACK}:{self.ports.metrics}"

    @property
    def pid(self) -> int | None:
        """Return the server's process id, which is also its process group; None before the start."""
        return self._process.pid if self._process else None

    @property
    def returncode(self) -> int | None:
        """Return the exit code, negative for a signal; None before the start and while the server runs."""
        return self._process.poll() if self._process else None

    @property
    def is_alive(self) -> bool:
        """Return whether the process runs; it may still be loading models."""
        return self._process is not None and self._process.poll() is None

    @property
    def shared_memory_prefix(self) -> str | None:
        """Return what the names of the server's segments in ``/dev/shm`` begin with; None when stopped."""
        return self._workspace.shared_memory_prefix if self._workspace else None

    def start(self) -> None:
        """Start the process and return at once; :meth:`wait_ready` waits for the models.

        Raises:
            ServerUnavailable: if it cannot run here, a port is taken, or the repository is missing.
        """
        if self._process is not None:
            raise RuntimeError("The server was started already; stop it first")
        if isinstance(self.repository, Path) and not self.repository.is_dir():
            raise ServerUnavailable(f"The model repository {self.repository} is not a folder; set MODEL_REPOSITORY")
        bundle = find_bundle()
        workspace.sweep()
        self.ports = free(self.ports)
        self._workspace = workspace.Workspace()
        self.log_path.parent.mkdir(parents=True, exist_ok=True)
        tether = str(Path(__file__).with_name("tether.py"))
        backends = self._workspace.lay_out_backends(bundle)
        python = self._workspace.plain_path(Path(sys.prefix), "python")
        libraries = self._workspace.lay_out_libraries(bundle)
        environment = server_environment(bundle, libraries, os.environ, python / "bin")
        stub_check.check(backends / "python" / bundle.python_stub.name, environment)
        repository = self.repository
        if isinstance(repository, Path):
            repository = self._workspace.plain_path(repository.resolve(), "models")
        arguments = flags(
            repository,
            backends,
            ports=self.ports,
            poll_seconds=self.poll_seconds,
            admin_key=self.admin_key,
            shared_memory_prefix=self._workspace.shared_memory_prefix,
        )
        command = [str(bundle.binary), *arguments]
        _keep_earlier(self.log_path)
        with self.log_path.open("wb") as sink:
            self._process = subprocess.Popen(
                [sys.executable, "-I", "-S", tether, str(os.getpid()), *command],
                stdin=subprocess.DEVNULL,
                stdout=sink,
                stderr=subprocess.STDOUT,
                env=environment,
                start_new_session=True,
            )

    def wait_ready(self, models: Iterable[str], timeout: float = READY_SECONDS, stopping: Stop | None = None) -> None:
        """Return when every one of ``models`` serves, or as soon as ``stopping`` is set.

        A server that ends itself by a signal while it loads is started again, at the same ports: see STARTS.

        Raises:
            ServerUnavailable: as soon as the server exits or one of the models failed to load,
                with the server's own reason; after ``timeout`` seconds at the latest.
        """
        models = waiting = list(models)
        starts = 1
        deadline = time.monotonic() + timeout
        while stopping is None or not stopping.is_set():
            if not self.is_alive:
                code = self.returncode
                problem = self.failure(f"Triton ended with exit code {code} while loading")
                if code is None or -code not in CRASHES or starts == STARTS:
                    raise problem
                logger.warning("%s; starting it again", problem)
                self.restart()
                waiting, starts, deadline = models, starts + 1, time.monotonic() + timeout
            try:
                waiting = [model for model in waiting if not readiness.model_is_ready(self.http_address, model)]
                if not waiting:
                    return
                index = readiness.repository_index(self.http_address, self.admin_key)
            except readiness.Unreachable:
                index = None
            if index is not None:
                self._raise_if_failed(waiting, index)
            if time.monotonic() > deadline:
                raise self.failure(f"Not ready after {timeout:.0f} s: {', '.join(waiting)}")
            time.sleep(0.05)

    def stop(self) -> None:
        """End the server, gently at first, and remove all that it left; do nothing when it is not running."""
        if self._process is not None:
            self._process.terminate()
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(EXIT_SECONDS + 5)
            self.kill()
            self._process.wait()
        if self._workspace is not None:
            self._workspace.remove()
        self._process = self._workspace = None

    def restart(self) -> None:
        """Start anew, at the same ports, whatever state the server is in; raises what :meth:`start` raises."""
        self.kill()
        self.stop()
        self.start()

    def kill(self) -> None:
        """Kill the server and its stubs at once; :meth:`stop` still cleans up after it."""
        # The id of a process that has ended may belong to another one by now; `stop` ends its stubs.
        if self.pid is not None and self.is_alive:
            with suppress(ProcessLookupError):
                os.killpg(self.pid, signal.SIGKILL)

    def __enter__(self) -> EmbeddedServer:
        try:
            self.start()
        except ServerUnavailable:
            self.stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _raise_if_failed(self, waiting: list[str], index: list[readiness.ModelState]) -> None:
        """Raise when nothing is being loaded any more and one of ``waiting`` still does not serve.

        UNLOADING does not count as work: when one version fails at the start, Triton 24.10 takes
        down the model's other versions too and leaves them in that state.
        """
        known = {entry.name for entry in index}
        for model in waiting:
            if model not in known:
                raise self.failure(f"The repository {self.repository} has no model named {model}")
        serving = {entry.name for entry in index if entry.state == "READY"}
        failed = [entry for entry in index if entry.state == "UNAVAILABLE" and entry.reason != "unloaded"]
        if failed and not serving.issuperset(waiting) and not any(entry.state == "LOADING" for entry in index):
            reasons = "; ".join(f"{entry.name} {entry.version}: {log.plain(entry.reason)}" for entry in failed)
            raise ServerUnavailable(
                f"Failed to load: {reasons}; a broken version keeps the model's older ones from starting, "
                f"so repair or remove its folder; the complete log is {self.log_path}"
            )

    def failure(self, headline: str) -> ServerUnavailable:
        """Return an error that adds the last errors of the log, and its path, to ``headline``."""
        errors = "; ".join(log.last_errors(self.log_path)) or "it wrote no error"
        return ServerUnavailable(f"{headline}: {errors}; the complete log is {self.log_path}")


def _keep_earlier(log_path: Path) -> None:
    """Give the logs of earlier starts their next numbers, and forget the oldest."""
    names = [log_path, *(log_path.with_name(f"{log_path.name}.{number}") for number in range(1, KEPT_LOGS + 1))]
    for older, newer in reversed(list(pairwise(names))):
        if older.exists():
            older.replace(newer)


def server_environment(
    bundle: Bundle, first: Path, inherited: Mapping[str, str], programs: Path | None = None
) -> dict[str, str]:
    """Return the server's environment: the stubs find this Python's packages through PATH.

    Args:
        bundle: The server.
        first: The folder of the libraries that come before the bundle's.
        inherited: The environment of this process.
        programs: The folder with this Python, if its real path is none that a stub can open.
    """
    programs = programs or Path(sys.executable).parent
    environment = {key: value for key, value in inherited.items() if key != "PYTHONHOME"}
    libraries = [first, bundle.libraries, inherited.get("LD_LIBRARY_PATH")]
    environment["LD_LIBRARY_PATH"] = os.pathsep.join(str(folder) for folder in libraries if folder)
    environment["PATH"] = os.pathsep.join([str(programs), inherited.get("PATH", os.defpath)])
    # Byte code written into a version's folder would look like a new version to the poller.
    environment["PYTHONDONTWRITEBYTECODE"] = "1"
    # Each stub would start a thread for every processor, and none of them has work for a second one.
    environment.setdefault("OPENBLAS_NUM_THREADS", "1")
    # onnxruntime tells its maker what it runs, unless it is told not to.
    environment.setdefault("ORT_DISABLE_TELEMETRY", "1")
    if jemalloc := _jemalloc():
        environment["LD_PRELOAD"] = os.pathsep.join(filter(None, [jemalloc, inherited.get("LD_PRELOAD")]))
    return environment


def _jemalloc() -> str | None:
    """Return the path of jemalloc, if it is here: with it many small tensors are served about a quarter faster."""
    folders = (f"/usr/lib/{platform.machine()}-linux-gnu", "/usr/lib64", "/usr/lib", "/usr/local/lib")
    return next((path for folder in folders if os.access(path := f"{folder}/libjemalloc.so.2", os.R_OK)), None)
