"""What it costs to count the homes for the metrics: the service with and without, in turns of a second each."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from statistics import median

from benchmarks.contender import Interface
from benchmarks.homes import ValuedHomes
from benchmarks.load import Load
from benchmarks.measure import Step, check_prices
from benchmarks.places import BUILD
from benchmarks.process_tree import ProcessTree
from benchmarks.trained import Trained, lay_out
from benchmarks.triton_server import TritonServer
from serving.embedded import EmbeddedServer

LOADS = (Load(1, 8), Load(1, 32))
ENSEMBLE = "house_price"
_SWITCHED_OFF = "\n\nTritonPythonModel._count = lambda self, homes, uncounted: None\n"


@dataclass(frozen=True)
class Cost:
    """With counting as a ratio to without, of one turn each."""

    load: Load
    requests_per_s: float
    cpu_per_request: float


def measure(model: Trained, homes: ValuedHomes, rounds: int, seconds: float, step: Step) -> list[Cost]:
    """Both servers run all the time, and only one of them is asked. Raises what the load generator raises."""
    counting = lay_out(model, BUILD / "counting")
    silent = BUILD / "silent"
    shutil.rmtree(silent, ignore_errors=True)
    shutil.copytree(counting, silent)
    with (silent / "preprocessing" / "1" / "model.py").open("a") as code:
        code.write(_SWITCHED_OFF)
    servers = [TritonServer(path.name, path.name, path, ENSEMBLE, homes) for path in (counting, silent)]
    try:
        for server in servers:
            server.start()
            running: EmbeddedServer = server.server
            running.wait_ready([ENSEMBLE])
        return list(_turns(servers, homes, rounds, seconds, step))
    finally:
        for server in servers:
            server.stop()


def _turns(servers: list[TritonServer], homes: ValuedHomes, rounds: int, seconds: float, step: Step) -> Iterator[Cost]:
    interfaces = [server.interfaces()[0] for server in servers]
    trees = [ProcessTree(server.pid) for server in servers]
    for interface in interfaces:
        check_prices(interface, homes, 0, 1, priced=True)
    for load in LOADS:
        for number in range(rounds):
            step(f"round {number + 1} of {rounds}, {load.concurrency} at once")
            order = (0, 1) if number % 2 else (1, 0)
            taken = {place: _turn(interfaces[place], trees[place], load, seconds) for place in order}
            yield Cost(load, *(with_it / without for with_it, without in zip(taken[0], taken[1], strict=True)))


def _turn(interface: Interface, tree: ProcessTree, load: Load, seconds: float) -> tuple[float, float]:
    """Requests a second, and CPU seconds a request."""
    before = tree.cpu_seconds()
    driven = interface.drive(load, seconds)
    return driven.requests_per_s, (tree.cpu_seconds() - before) / driven.homes


def summary(costs: list[Cost]) -> str:
    """One line a load: medians over the rounds."""
    lines = []
    for load in LOADS:
        some = [cost for cost in costs if cost.load == load]
        speed, cpu = median(cost.requests_per_s for cost in some), median(cost.cpu_per_request for cost in some)
        lines.append(
            f"{load.concurrency} at once, {len(some)} rounds: {speed:.3f} times the requests/s of the service that "
            f"does not count, {cpu:.3f} times its CPU time a request"
        )
    return "\n".join(lines)
