"""Something dies, hangs or runs out, while callers ask: what they see of it, and how long it takes until all is well.

``FAULTS=all`` runs every fault, CI those that no other test has. Each prints its line; docs/reliability.md has a table.
"""

from __future__ import annotations

import os
import signal
import socket
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass

import pytest

from tests.service.callers import Callers
from tests.stack.conftest import DEADLINE_S, Stack, wait_until
from tests.stack.test_scaling import gateway_sees, wait_for_replicas

PAUSE_S = 20
REPLICAS = 2
NOTICED_S = 4
"""The gateway's checks take two looks, half a second apart, and two seconds where nobody answers."""

Harm = Callable[[Stack], None]


def processes(stack: Stack, container: str) -> dict[int, str]:
    """Return the command lines in a container by process id of this machine."""
    lines = stack.run("docker", "top", container, "-o", "pid,args").splitlines()[1:]
    return {int(pid): args for pid, _, args in (line.strip().partition(" ") for line in lines)}


def container(stack: Stack, service: str) -> str:
    return stack.compose("ps", "--quiet", service).split()[0]


def find(stack: Stack, service: str, words: str) -> list[int]:
    """Return the processes of the first container of a service whose command lines have these words."""
    pids: list[int] = []

    def look() -> list[int]:
        pids[:] = [pid for pid, args in processes(stack, container(stack, service)).items() if words in args]
        return pids

    wait_until(look, words)
    return pids


def killed(service: str, words: str) -> Harm:
    def kill(stack: Stack) -> None:
        for pid in find(stack, service, words):
            with suppress(ProcessLookupError):  # it went with the one before it
                os.kill(pid, signal.SIGKILL)

    return kill


def paused(service: str, words: str) -> Harm:
    def pause(stack: Stack) -> None:
        pids = find(stack, service, words)
        for pid in pids:
            os.kill(pid, signal.SIGSTOP)
        time.sleep(PAUSE_S)
        for pid in pids:
            with suppress(ProcessLookupError):  # it may have been given up meanwhile
                os.kill(pid, signal.SIGCONT)

    return pause


def full_shared_memory(stack: Stack) -> None:
    replica = container(stack, "triton")
    fill = "head -c 300m /dev/zero > /dev/shm/full; true"
    stack.run("docker", "exec", replica, "sh", "-c", fill)
    time.sleep(PAUSE_S)
    with suppress(AssertionError):  # the replica may have been replaced, and its memory with it
        stack.run("docker", "exec", replica, "rm", "-f", "/dev/shm/full")


def little_memory(stack: Stack) -> None:
    """Leave a replica less memory than it asks for: the kernel ends a process of it."""
    replica = container(stack, "triton")
    limit = stack.inspect(replica)["HostConfig"]["Memory"]
    stack.run("docker", "update", "--memory", "220m", "--memory-swap", "220m", replica)
    with suppress(AssertionError):  # what fills the memory may be what is ended
        stack.run("docker", "exec", replica, "sh", "-c", "head -c 120m /dev/zero > /dev/shm/full; true")
    time.sleep(PAUSE_S)
    stack.run("docker", "update", "--memory", str(limit), "--memory-swap", str(2 * limit), replica)
    with suppress(AssertionError):  # the replica may have been started anew
        stack.run("docker", "exec", replica, "rm", "-f", "/dev/shm/full")


LIMIT_FILES = """
import pathlib, resource
for folder in pathlib.Path("/proc").glob("[0-9]*"):
    if b"tritonserver" in (folder / "cmdline").read_bytes().split(bytes(1))[0]:
        resource.prlimit(int(folder.name), resource.RLIMIT_NOFILE, (256, 256))
"""


def few_descriptors(stack: Stack) -> None:
    """Leave a replica 256 open files, and open more connections to it than that, past the gateway."""
    replica = container(stack, "triton")
    stack.run("docker", "exec", replica, "python3", "-c", LIMIT_FILES)
    with ExitStack() as opened:
        with suppress(OSError):  # those that find no descriptor left
            for _ in range(300):
                opened.enter_context(socket.create_connection((stack.address(replica), 8000), timeout=1))
        time.sleep(PAUSE_S)


@contextmanager
def connections(stack: Stack, count: int) -> Iterator[list[socket.socket]]:
    host, _, port = stack.http.partition(":")
    with ExitStack() as opened:
        yield [opened.enter_context(socket.create_connection((host, int(port)))) for _ in range(count)]


def idle_connections(stack: Stack) -> None:
    with connections(stack, 3_000):
        time.sleep(PAUSE_S)


def slow_connections(stack: Stack) -> None:
    """Send a request's head a byte at a time."""
    with connections(stack, 500) as opened:
        for letter in "POST /v2/models/house_price/"[:PAUSE_S]:
            for connection in opened:
                with suppress(OSError):  # the gateway hangs up on those that take too long
                    connection.send(letter.encode())
            time.sleep(1)


@dataclass(frozen=True)
class Fault:
    """Hold what is done, and whom callers may feel it through: nobody, gRPC alone, or everybody."""

    name: str
    harm: Harm
    felt_by: tuple[str, ...] = ()
    in_ci: bool = False


STUB, TRITON, SUPERVISOR = "preprocessing", "tritonserver --", "replica.py"
EVERYBODY = ("generate", "http", "grpc", "single", "health")
FAULTS = (
    Fault("a Python stub is killed", killed("triton", STUB), ("grpc",)),
    Fault("a Python stub is paused", paused("triton", STUB), ("grpc",)),
    Fault("Triton is killed", killed("triton", TRITON), ("grpc",)),
    Fault("Triton is paused", paused("triton", TRITON), ("grpc",), in_ci=True),
    Fault("the supervisor is killed", killed("triton", SUPERVISOR), ("grpc",)),
    Fault("the supervisor is paused", paused("triton", SUPERVISOR)),
    Fault("the door is killed", killed("door", "publishing"), in_ci=True),
    Fault("the door is paused", paused("door", "publishing")),
    Fault("the gateway is killed", killed("gateway", "haproxy"), EVERYBODY, in_ci=True),
    Fault("the gateway is paused", paused("gateway", "haproxy"), EVERYBODY),
    Fault("/dev/shm is full", full_shared_memory, ("grpc",)),
    Fault("a replica is out of memory", little_memory, ("grpc",)),
    Fault("a replica has 256 open files", few_descriptors, ("grpc",)),
    Fault("3,000 connections are idle", idle_connections, in_ci=True),
    Fault("500 connections are slow", slow_connections),
)
CHOSEN = [fault for fault in FAULTS if fault.in_ci or os.environ.get("FAULTS") == "all"]


@pytest.fixture(scope="module")
def replicas(stack: Stack) -> Iterator[None]:
    stack.compose("up", "--detach", "--scale", f"triton={REPLICAS}", "--no-recreate")
    wait_for_replicas(stack, REPLICAS)
    yield
    stack.compose("up", "--detach", "--scale", "triton=1", "--no-recreate")
    wait_for_replicas(stack, 1)


@pytest.mark.parametrize("fault", CHOSEN, ids=lambda fault: fault.name)
def test_callers_feel_no_more_than_is_promised(
    fault: Fault, stack: Stack, replicas: None, capsys: pytest.CaptureFixture[str]
) -> None:
    with Callers(stack.http, stack.grpc) as callers:
        callers.answering()
        begin = time.monotonic()
        fault.harm(stack)
        seconds = _seconds_until_well(stack, begin)
        failed_meanwhile = list(callers.failures)
        callers.answering()
    failed = Counter(failure.split()[0] for failure in callers.failures)
    with capsys.disabled():
        counts = f"{callers.asked:,} requests, failed {dict(failed) or 0}, slowest {callers.slowest_s:.1f} s"
        sys.stdout.write(f"\n  {fault.name}: {counts}, well after {seconds:.0f} s\n")
    assert set(failed) <= set(fault.felt_by), failed_meanwhile[:3]


def _seconds_until_well(stack: Stack, begin: float) -> float:
    """Return how long after ``begin`` something was last seen not to be well; the gateway takes a moment to see."""
    looked = last_unwell = time.monotonic()
    while looked - last_unwell < NOTICED_S:
        assert looked - begin < DEADLINE_S
        if not _is_well(stack):
            last_unwell = time.monotonic()
        time.sleep(0.2)
        looked = time.monotonic()
    return last_unwell - begin


def _is_well(stack: Stack) -> bool:
    services = stack.compose("ps", "--quiet", "door", "gateway").split()
    try:
        return len(services) == 2 and gateway_sees(stack) == REPLICAS
    except (OSError, AssertionError, StopIteration):
        return False
