"""Starting, failing and stopping the embedded server, and what is left of it afterwards."""

from __future__ import annotations

import http.client
import os
import re
import resource
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest
import tritonclient.grpc as triton
from tritonclient.utils import InferenceServerException

from serving import workspace
from serving.bundle import ServerUnavailable
from serving.embedded import STARTS, EmbeddedServer, _keep_earlier
from serving.ports import LOOPBACK, Ports
from serving.readiness import ADMIN_HEADER, repository_index
from serving.tether import MOST_FILES
from tests.conftest import ROOT
from tests.service.echo import ECHO, REFUSES, eventually, publish


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    publish(tmp_path / "repository", ECHO)
    return tmp_path / "repository"


@pytest.fixture
def server(repository: Path, tmp_path: Path) -> Iterator[EmbeddedServer]:
    with EmbeddedServer(repository, log_path=tmp_path / "triton.log") as started:
        started.wait_ready(["echo"])
        yield started


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedServer]:
    """Start a server for the tests that leave it as it was."""
    folder = tmp_path_factory.mktemp("shared")
    publish(folder / "repository", ECHO)
    with EmbeddedServer(folder / "repository", log_path=folder / "triton.log") as started:
        started.wait_ready(["echo"])
        yield started


def prefix_of(server: EmbeddedServer) -> str:
    assert server.shared_memory_prefix is not None
    return server.shared_memory_prefix


def left_of(prefix: str) -> dict[str, Sequence[object]]:
    folders = Path(tempfile.gettempdir()).glob(f"{prefix.removesuffix('-')}*")
    found: dict[str, Sequence[object]] = {
        "stubs": workspace.stubs(prefix),
        "segments": workspace.segments(prefix),
        "folders": list(folders),
    }
    return {kind: items for kind, items in found.items() if items}


def nothing_left_of(prefix: str) -> bool:
    """Wait until nothing is left: a killed stub is visible until the kernel has removed it."""
    return eventually(lambda: left_of(prefix) == {})


def status_of(address: str, method: str, path: str, headers: dict[str, str] | None = None) -> int:
    connection = http.client.HTTPConnection(address, timeout=60)
    try:
        connection.request(method, path, headers=headers or {})
        return connection.getresponse().status
    finally:
        connection.close()


def test_stopping_leaves_nothing(server: EmbeddedServer) -> None:
    prefix = prefix_of(server)
    assert set(left_of(prefix)) == {"stubs", "segments", "folders"}
    server.stop()
    assert nothing_left_of(prefix)
    assert not server.is_alive


def test_a_folder_may_have_any_name(tmp_path: Path) -> None:
    """It may also have one that a shell would split."""
    folder = tmp_path / "Jane's homes (new) $1 & Zürich"
    folder.mkdir()
    publish(folder / "repository", ECHO)
    with EmbeddedServer(folder / "repository", log_path=folder / "triton.log") as server:
        server.wait_ready(["echo"])
        publish(folder / "repository", ECHO, version=2)

        def ready() -> set[str]:
            states = repository_index(server.http_address, server.admin_key)
            return {state.version for state in states if state.state == "READY"}

        assert eventually(lambda: ready() == {"1", "2"})


def test_a_stopped_server_starts_again(server: EmbeddedServer) -> None:
    server.stop()
    server.start()
    server.wait_ready(["echo"])
    assert server.is_alive


@pytest.mark.parametrize("whole_group", [True, False], ids=["group", "server alone"])
def test_a_killed_server_leaves_nothing_once_stopped(server: EmbeddedServer, whole_group: bool) -> None:
    prefix, pid = prefix_of(server), server.pid
    assert pid is not None
    if whole_group:
        os.killpg(pid, signal.SIGKILL)
    else:
        os.kill(pid, signal.SIGKILL)
    assert eventually(lambda: not server.is_alive)
    assert server.returncode == -signal.SIGKILL
    server.stop()
    assert nothing_left_of(prefix)


def test_a_killed_supervisor_takes_the_server_along_and_the_next_start_cleans_up(
    repository: Path, tmp_path: Path
) -> None:
    supervisor_code = f"""
import pathlib, time
from serving.embedded import STARTS, EmbeddedServer, _keep_earlier
server = EmbeddedServer(pathlib.Path({str(repository)!r}), log_path=pathlib.Path({str(tmp_path / "first.log")!r}))
server.start()
server.wait_ready(["echo"])
print(server.pid, server.shared_memory_prefix, flush=True)
time.sleep(3600)
"""
    command = [sys.executable, "-c", supervisor_code]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as supervisor:
        assert supervisor.stdout is not None
        pid, prefix = supervisor.stdout.readline().split()
        assert left_of(prefix)
        supervisor.kill()
    assert eventually(lambda: has_ended(int(pid)))
    with EmbeddedServer(repository, log_path=tmp_path / "second.log"):
        assert nothing_left_of(prefix)


def has_ended(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def test_the_next_start_leaves_a_living_server_alone(shared: EmbeddedServer) -> None:
    workspace.sweep()
    assert set(left_of(prefix_of(shared))) == {"stubs", "segments", "folders"}
    assert status_of(shared.http_address, "GET", "/v2/models/echo/ready") == 200


def test_a_taken_port_is_reported_before_anything_starts(repository: Path, tmp_path: Path) -> None:
    with socket.socket() as listener:
        listener.bind((LOOPBACK, 0))
        listener.listen()
        taken = listener.getsockname()[1]
        server = EmbeddedServer(repository, log_path=tmp_path / "triton.log", ports=Ports(0, taken, 0))
        with pytest.raises(ServerUnavailable, match=rf"^Port {taken} is not free .*set GRPC_PORT[^\n]*$"):
            server.start()
    assert server.pid is None
    assert server.shared_memory_prefix is None


def test_waiting_ends_with_the_models_own_reason_when_it_fails_to_load(tmp_path: Path) -> None:
    publish(tmp_path / "repository", REFUSES)
    server = EmbeddedServer(tmp_path / "repository", log_path=tmp_path / "triton.log")
    with server, pytest.raises(ServerUnavailable, match=r"echo 1: .*the moon is in the wrong phase") as caught:
        server.wait_ready(["echo"])
    assert str(tmp_path / "triton.log") in str(caught.value)


def test_waiting_for_a_model_that_is_not_there_ends_at_once(shared: EmbeddedServer) -> None:
    with pytest.raises(ServerUnavailable, match="no model named nobody"):
        shared.wait_ready(["nobody"])


def test_waiting_ends_when_the_server_does(server: EmbeddedServer) -> None:
    server.kill()
    assert eventually(lambda: not server.is_alive)
    with pytest.raises(ServerUnavailable, match="ended with exit code -9"):
        server.wait_ready(["echo"])


SLOW = """
import time
class TritonPythonModel:
    def initialize(self, args): time.sleep(2)
"""


@contextmanager
def crashing(server: EmbeddedServer, times: int) -> Iterator[None]:
    """End the server by a signal of its own while it loads, in so many starts."""

    def crash() -> None:
        ended: set[int | None] = {None}
        while len(ended) <= times:
            assert eventually(
                lambda: server.pid not in ended and server.is_alive and bool(workspace.stubs(prefix_of(server)))
            )
            pid = server.pid
            assert pid is not None
            os.kill(pid, signal.SIGABRT)
            ended.add(pid)

    with ThreadPoolExecutor() as pool:
        crashes = pool.submit(crash)
        yield
        crashes.result()


def test_a_server_that_crashes_while_it_loads_is_started_again(
    repository: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """It is what Triton 24.10 does when a stub gets no processor for a second, as on a machine that was paused."""
    publish(repository, SLOW, "slow")
    with EmbeddedServer(repository, log_path=tmp_path / "triton.log") as server:
        address = server.http_address
        with crashing(server, times=1):
            server.wait_ready(["echo", "slow"])
        assert server.http_address == address
        assert status_of(address, "GET", "/v2/models/slow/ready") == 200
    assert re.findall("ended with exit code -6 while loading.*; starting it again", caplog.text)
    assert "slow" in (tmp_path / "triton.log.1").read_text()  # the log of the start that crashed


def test_a_server_that_always_crashes_while_it_loads_is_given_up(repository: Path, tmp_path: Path) -> None:
    publish(repository, SLOW, "slow")
    server = EmbeddedServer(repository, log_path=tmp_path / "triton.log")
    with server, crashing(server, times=STARTS), pytest.raises(ServerUnavailable, match="exit code -6 while loading"):
        server.wait_ready(["slow"])
    for number in range(5):
        (tmp_path / "triton.log").write_text(str(number))
        _keep_earlier(tmp_path / "triton.log")
    assert [path.read_text() for path in sorted(tmp_path.glob("triton.log*"))] == ["4", "3", "2"]


def test_a_server_may_open_as_many_files_as_its_user(server: EmbeddedServer) -> None:
    assert server.pid is not None
    now, most = resource.prlimit(server.pid, resource.RLIMIT_NOFILE)
    assert now == most or now >= MOST_FILES


def test_waiting_has_a_deadline(repository: Path, tmp_path: Path) -> None:
    publish(repository, "import time\nclass TritonPythonModel:\n    def initialize(self, a): time.sleep(600)", "slow")
    server = EmbeddedServer(repository, log_path=tmp_path / "triton.log")
    with server, pytest.raises(ServerUnavailable, match="Not ready after 2 s: slow"):
        server.wait_ready(["slow"], timeout=2)


def test_a_broken_new_version_leaves_the_serving_one_alone(server: EmbeddedServer, repository: Path) -> None:
    publish(repository, REFUSES, version=2)

    def version_is_refused() -> bool:
        entries = repository_index(server.http_address, server.admin_key)
        return any(entry.version == "2" and entry.state == "UNAVAILABLE" for entry in entries)

    assert eventually(version_is_refused)
    server.wait_ready(["echo"])
    assert status_of(server.http_address, "GET", "/v2/models/echo/versions/1/ready") == 200
    assert status_of(server.http_address, "GET", "/v2/models/echo/versions/2/ready") == 400


def test_a_start_with_a_broken_newest_version_names_it_and_says_what_to_do(repository: Path, tmp_path: Path) -> None:
    publish(repository, REFUSES, version=2)
    server = EmbeddedServer(repository, log_path=tmp_path / "triton.log")
    with server, pytest.raises(ServerUnavailable, match=r"echo 2: .*wrong phase.*remove its folder"):
        server.wait_ready(["echo"])


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/v2/repository/index"),
        ("POST", "/v2/repository/models/echo/unload"),
        ("GET", "/v2/systemsharedmemory/status"),
        ("GET", "/v2/trace/setting"),
        ("GET", "/v2/logging"),
    ],
)
def test_what_reaches_beyond_predicting_needs_the_key(shared: EmbeddedServer, method: str, path: str) -> None:
    assert status_of(shared.http_address, method, path) == 403
    assert status_of(shared.http_address, method, path, {ADMIN_HEADER: "guess"}) == 403
    assert status_of(shared.http_address, method, path, {ADMIN_HEADER: shared.admin_key}) != 403


def test_the_key_works(shared: EmbeddedServer) -> None:
    assert status_of(shared.http_address, "POST", "/v2/repository/index", {ADMIN_HEADER: shared.admin_key}) == 200


def test_grpc_needs_the_key_too(shared: EmbeddedServer) -> None:
    with triton.InferenceServerClient(shared.grpc_address) as client:
        with pytest.raises(InferenceServerException, match="restricted"):
            client.get_model_repository_index()
        header = {f"triton-grpc-protocol-{ADMIN_HEADER}": shared.admin_key}
        assert [entry.name for entry in client.get_model_repository_index(headers=header).models] == ["echo"]


def test_each_start_has_its_own_key(tmp_path: Path) -> None:
    keys = {EmbeddedServer(tmp_path, log_path=tmp_path / "log").admin_key for _ in range(2)}
    assert len(keys) == 2


def test_it_listens_on_the_loopback_interface_only(shared: EmbeddedServer) -> None:
    listening = [
        connection.laddr
        for connection in psutil.Process(shared.pid).net_connections()
        if connection.status == psutil.CONN_LISTEN
    ]
    # gRPC writes the same address the IPv6 way.
    assert {address.ip.removeprefix("::ffff:") for address in listening} == {LOOPBACK}
    assert {address.port for address in listening} == {shared.ports.http, shared.ports.grpc, shared.ports.metrics}
