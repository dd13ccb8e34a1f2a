"""Replicas come, go, are replaced and die, and versions swap, while callers ask without pause: none of them notices.

The commands are the ones that docs/operations.md tells people to type.
"""

from __future__ import annotations

import os
import shutil
import signal
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import grpc
import pytest
import urllib3

from conversion.improved import convert_improved
from publishing.card import Card
from publishing.version import write_version
from tests.service.callers import HEALTH, Callers
from tests.stack.conftest import Stack, wait_until
from training.improved import ImprovedModel
from training.sales import Sales

CALM_S = 5

Scale = Callable[[int], None]


@pytest.fixture
def scale(stack: Stack) -> Iterator[Scale]:
    def scale(replicas: int) -> None:
        stack.compose("up", "--detach", "--scale", f"triton={replicas}", "--no-recreate")
        wait_for_replicas(stack, replicas)

    yield scale
    scale(1)


@pytest.fixture
def callers(stack: Stack, capsys: pytest.CaptureFixture[str]) -> Iterator[Callers]:
    """Keep callers asking all through the test, at first for a while in calm; print their counts at its end."""
    with Callers(stack.http, stack.grpc) as callers:
        time.sleep(CALM_S)
        calm = callers.take_seconds()
        yield callers
    stormy = callers.take_seconds()
    with capsys.disabled():
        requests = f"{callers.asked:,} requests, {len(callers.failures)} failed"
        slowest = f"slowest {callers.slowest_s * 1000:,.0f} ms, p99 {quantile(stormy) * 1000:.0f} ms"
        sys.stdout.write(f"\n  {requests}, {slowest}, {quantile(stormy) / quantile(calm):.1f} times that of calm\n")
    assert callers.failures == []


def quantile(seconds: list[float], share: float = 0.99) -> float:
    return sorted(seconds)[int(share * len(seconds))]


def wait_for_replicas(stack: Stack, count: int) -> None:
    """Wait until the gateway sends requests to so many replicas, and no others."""
    wait_until(lambda: gateway_sees(stack) == count, f"{count} replicas")


def gateway_metrics(stack: Stack) -> list[str]:
    gateway = stack.compose("ps", "--quiet", "gateway").strip()
    return stack.fetch(f"http://{stack.address(gateway)}:8404/metrics").splitlines()


def gateway_sees(stack: Stack) -> int:
    metrics = gateway_metrics(stack)
    up = [line for line in metrics if line.startswith("haproxy_server_status") and line.endswith(" 1")]
    return min(
        sum(f'proxy="{proxy}"' in line and 'state="UP"' in line for line in up)
        for proxy in ("triton_http", "triton_grpc")
    )


def tried_again(stack: Stack) -> float:
    """Return how often the gateway sent a request once more."""
    return sum(
        float(line.split()[-1])
        for line in gateway_metrics(stack)
        if line.startswith("haproxy_backend_retry_warnings_total")
    )


def test_scaling_up_and_down(stack: Stack, scale: Scale, callers: Callers) -> None:
    before = tried_again(stack)
    scale(3)
    assert tried_again(stack) == before, "a new replica gets no request before it values homes"
    scale(1)
    scale(2)
    assert len(stack.replicas()) == 2


def test_a_rolling_restart_replaces_every_replica(stack: Stack, scale: Scale, callers: Callers) -> None:
    scale(2)
    before = set(stack.replicas())
    stack.run("make", "rollout")
    after = set(stack.replicas())
    assert len(after) == 2 and not before & after


def test_a_replica_is_killed_and_comes_back(stack: Stack, scale: Scale, callers: Callers) -> None:
    scale(2)
    victim = stack.inspect(stack.replicas()[0])
    os.kill(victim["State"]["Pid"], signal.SIGKILL)
    wait_until(lambda: stack.inspect(victim["Id"])["RestartCount"] == victim["RestartCount"] + 1, "the restart policy")
    wait_for_replicas(stack, 2)


def test_a_replica_whose_preprocessing_died_leaves_and_comes_back(stack: Stack, scale: Scale, callers: Callers) -> None:
    """Triton 24.10 still calls itself ready; its supervisor does not."""
    scale(2)
    victim = stack.inspect(stack.replicas()[0])
    processes = stack.run("docker", "top", victim["Id"], "-o", "pid,args").splitlines()
    stub = next(line for line in processes if "python_backend_stub" in line and "preprocessing" in line)
    os.kill(int(stub.split()[0]), signal.SIGKILL)
    wait_until(lambda: stack.inspect(victim["Id"])["RestartCount"] == victim["RestartCount"] + 1, "the restart policy")
    wait_for_replicas(stack, 2)
    # gRPC's own failures come in a reply that HTTP calls a success, so the gateway can't ask again.
    in_flight = [failure for failure in callers.failures if failure.startswith("grpc")]
    assert len(in_flight) < callers.asked / 10
    callers.failures = [failure for failure in callers.failures if failure not in in_flight]


def test_health_says_no_while_no_replica_values_homes(stack: Stack, scale: Scale) -> None:
    def status(path: str) -> int:
        return urllib3.request("GET", f"http://{stack.http}{path}", retries=False, timeout=30).status

    scale(1)
    assert {status(path) for path in HEALTH} == {200}
    stack.compose("stop", "triton")
    assert {status(path) for path in HEALTH} == {503}
    with grpc.insecure_channel(stack.grpc) as channel, pytest.raises(grpc.RpcError) as refused:
        channel.unary_unary("/grpc.health.v1.Health/Check")(b"")
    assert refused.value.code() is grpc.StatusCode.UNAVAILABLE
    stack.compose("start", "triton")
    wait_for_replicas(stack, 1)
    assert {status(path) for path in HEALTH} == {200}


def test_a_new_version_goes_live_and_is_rolled_back(
    stack: Stack, scale: Scale, callers: Callers, improved: ImprovedModel, sales: Sales
) -> None:
    scale(2)
    first = Card.read(stack.folder / "model_repository/price_model/1").price_model
    callers.wait_for(first)
    challenger = stack.folder / "build" / "challenger"
    write_version(convert_improved(improved, sales.table[sales.held_out]), sales, fresh(challenger))

    printed = stack.compose(
        "run", "--rm", "models", "publish",
        "--version", "build/challenger", "--accept", "a better model", "--canary", "gateway:8000",
    )  # fmt: skip
    assert "Published version 2." in printed
    callers.wait_for(Card.read(challenger).price_model)

    stack.compose("run", "--rm", "models", "rollback")
    callers.wait_for(first)


def fresh(folder: Path) -> Path:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder
