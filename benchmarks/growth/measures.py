"""The three measurements: batches, offered load and the soak, on the service as it is shipped."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import cycle
from pathlib import Path

from benchmarks import perf_analyzer
from benchmarks.growth.findings import Batch, Moment
from benchmarks.load import Load
from benchmarks.measure import Step
from benchmarks.perf_analyzer import Offered
from benchmarks.process_tree import ProcessTree
from benchmarks.triton_server import TritonServer

MOST_A_REQUEST = 1_024
"""What the service takes at once, by its ``max_batch_size``."""
SHARED_MEMORY = Path("/dev/shm")
SOAK_LOADS = (Load(1, 8), Load(1024, 2))


@contextmanager
def running(service: TritonServer) -> Iterator[TritonServer]:
    """Start a service, wait until it is ready, and stop it afterwards."""
    service.start()
    try:
        service.server.wait_ready([service.ensemble.name])
        yield service
    finally:
        service.stop()


def batches(service: TritonServer, sizes: Sequence[int], seconds: float, step: Step) -> list[Batch]:
    """Measure homes a second by batch size, over every interface, one caller at a time."""
    found = []
    with running(service):
        for interface in service.interfaces():
            for size in sizes:
                step(f"batches of {size}, {interface.name}")
                requests = -(-size // MOST_A_REQUEST)
                load = Load(size // requests, requests)
                driven = interface.drive(load, seconds)
                found.append(Batch(interface.name, size, requests, driven.requests_per_s * load.homes, driven.p50_ms))
    return found


def offered(service: TritonServer, rates: Sequence[int], seconds: float, step: Step) -> list[Offered]:
    """Measure latency by offered load over gRPC, until the service no longer keeps up."""
    found: list[Offered] = []
    with running(service):
        target = service.ensemble.target("grpc", service.server.grpc_address, 1)
        for rate in rates:
            step(f"{rate} requests/s offered")
            found.append(perf_analyzer.offer(target, rate, seconds))
            if found[-1].answered_per_s < 0.8 * rate:
                break
    return found


def soak(service: TritonServer, minutes: float, segment_s: float, step: Step) -> list[Moment]:
    """Measure memory while single homes and full batches take turns."""
    moments, requests, errors = [], 0, 0
    with running(service):
        tree = ProcessTree(service.pid)
        plain = service.interfaces()[0]
        begin = time.monotonic()
        for load in cycle(SOAK_LOADS):
            minute = (time.monotonic() - begin) / 60
            shared = sum(path.stat().st_size for path in SHARED_MEMORY.glob(f"{service.server.shared_memory_prefix}*"))
            moments.append(Moment(minute, tree.memory_bytes() / 1e6, shared / 1e6, requests, errors))
            if minute >= minutes:
                return moments
            step(f"soak, minute {minute:.1f} of {minutes:g}")
            driven = plain.drive(load, segment_s)
            requests, errors = requests + driven.homes // load.homes, errors + driven.errors
    return moments
