"""What a setting is worth: the service as it is shipped beside itself with one thing changed, in turns.

All of them run all the time, and only one is asked, for a second or so; ratios are taken within a round.
A machine's noise is larger than what most settings are worth, so each ratio comes with the 95 % interval of
its median: more rounds make it narrower.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from benchmarks.contender import Interface
from benchmarks.load import BATCHES, SINGLE, Driven, Load
from benchmarks.machine import describe
from benchmarks.measure import Step, check_prices, sample
from benchmarks.places import BUILD
from benchmarks.process_tree import ProcessTree
from benchmarks.requests import ValuedHomes
from benchmarks.results import Results, Spread
from benchmarks.tables import Grid, spread
from benchmarks.trained import Trained, lay_out
from benchmarks.triton_server import TritonServer

ENSEMBLE = "house_price"
SHIPPED = "shipped"
BESIDE = "JSON beside a portfolio"
PORTFOLIO, AGENTS = Load(1024, 1), Load(1, 4)
LOADS = (*SINGLE, *BATCHES, AGENTS)
AHEAD_S = 1.0
"""How long the portfolio is under way before the agents ask: its load generator warms up."""


@dataclass(frozen=True)
class Trial:
    """One thing changed in a repository that is not shipped so."""

    name: str
    about: str
    change: Callable[[Path], None]


def _replaced(file: str, old: str, new: str) -> Callable[[Path], None]:
    def change(repository: Path) -> None:
        path = repository / file
        text = path.read_text()
        if old not in text:
            raise ValueError(f"{file} has no {old!r}: this trial no longer says what it changes")
        path.write_text(text.replace(old, new))

    return change


def _all(*changes: Callable[[Path], None]) -> Callable[[Path], None]:
    def change(repository: Path) -> None:
        for one in changes:
            one(repository)

    return change


_PREPROCESSING, _PRICE_MODEL = "preprocessing/config.pbtxt", "price_model/config.pbtxt"
_WAITING = "dynamic_batching { max_queue_delay_microseconds: 200 }"
_ONE_INSTANCE = _replaced(_PRICE_MODEL, "count: 2", "count: 1")

TRIALS = (
    Trial(
        "no-counting",
        "homes are not counted for the metrics",
        _replaced("preprocessing/1/model.py", "self._count(homes, uncounted)", "pass"),
    ),
    Trial(
        "queue-delay",
        "both steps wait 0.2 ms for more requests",
        _all(*(_replaced(file, "dynamic_batching { }", _WAITING) for file in (_PREPROCESSING, _PRICE_MODEL))),
    ),
    Trial("two-preprocessing", "two instances of the preprocessing", _replaced(_PREPROCESSING, "count: 1", "count: 2")),
    Trial("one-price-model", "one instance of the price model, not two", _ONE_INSTANCE),
    Trial(
        "two-threads",
        "one instance of the price model, with two threads",
        _all(_ONE_INSTANCE, _replaced(_PRICE_MODEL, 'string_value: "1"', 'string_value: "2"')),
    ),
    Trial(
        "no-garbage-collection",
        "the preprocessing does without Python's garbage collector",
        _replaced("preprocessing/1/model.py", "import json\n", "import gc\nimport json\n\ngc.disable()\n"),
    ),
)


def measure(
    model: Trained,
    homes: ValuedHomes,
    trials: Sequence[Trial],
    loads: Sequence[Load],
    rounds: int,
    seconds: float,
    step: Step,
) -> Results:
    """The trials and the shipped service at these loads. Raises what the load generators raise, or WrongPrice."""
    about = {**describe(), "rounds": rounds, "seconds": seconds, "model": model.name, "trees": 2 * model.rounds}
    results = Results(about, {trial.name: trial.about for trial in trials})
    servers = [_server(SHIPPED, model, homes), *(_server(trial.name, model, homes, trial) for trial in trials)]
    try:
        for server in servers:
            step(f"{server.name}: starting")
            server.start()
            server.server.wait_ready([ENSEMBLE])
        trees = {server.name: ProcessTree(server.pid) for server in servers}
        for load in loads:
            for number in range(1, rounds + 1):
                for server in servers if number % 2 else reversed(servers):
                    interface = _interface(server, load)
                    step(f"round {number} of {rounds}, {server.name}, {interface.name}: {load.key}")
                    check_prices(interface, homes, 0, load.homes, priced=True)
                    results.samples.append(sample(server.name, interface, load, seconds, number, trees[server.name]))
    finally:
        for server in servers:
            server.stop()
    return results


def _server(name: str, model: Trained, homes: ValuedHomes, trial: Trial | None = None) -> TritonServer:
    repository = lay_out(model, BUILD / "trials" / name)
    if trial:
        trial.change(repository)
    return TritonServer(name, "", repository, ENSEMBLE, homes, protocols=("grpc",))


def _interface(server: TritonServer, load: Load) -> Interface:
    json, grpc = server.interfaces()
    if load == AGENTS:
        return Interface(BESIDE, json.ask, lambda load, seconds: _beside_a_portfolio(json, grpc, load, seconds))
    return json if load.homes == 1 else grpc


def _beside_a_portfolio(json: Interface, grpc: Interface, load: Load, seconds: float) -> Driven:
    """Single homes while another caller sends full batches, one after the other."""
    enough = seconds + 2 * AHEAD_S
    with ThreadPoolExecutor(1) as pool:
        portfolio = pool.submit(grpc.drive, PORTFOLIO, enough)
        time.sleep(AHEAD_S)
        driven = json.drive(load, seconds)
        portfolio.result()
    return driven


def grids(results: Results) -> Iterator[Grid]:
    """Each trial as ratios to the shipped service."""
    measured = set(results.loads())
    named = [(load, f"{load.homes:,} a request, {load.concurrency} at once") for load in (*SINGLE, *BATCHES)]
    loads = [(load, name) for load, name in named if load.key in measured]
    served = [*loads, *([(AGENTS, "agents beside a portfolio")] if AGENTS.key in measured else [])]
    yield _grid(results, "Requests/s, as a ratio to the service as it is shipped", "requests_per_s", served)
    yield _grid(results, "CPU time a home, as a ratio to the service as it is shipped", "cpu_s_per_1000_homes", loads)


def _grid(results: Results, title: str, metric: str, loads: list[tuple[Load, str]]) -> Grid:
    lines = []
    for name, about in results.settings.items():
        ratios = [
            results.ratios(f"{name}, {_way(load)}", load.key, metric, to=f"{SHIPPED}, {_way(load)}")
            for load, _ in loads
        ]
        lines.append((about, *(spread(Spread.of_median(some), "{:.3f}x".format) for some in ratios)))
    return Grid(title, ("", *(heading for _, heading in loads)), lines)


def _way(load: Load) -> str:
    """Single homes come as JSON, batches over gRPC."""
    return BESIDE if load == AGENTS else "JSON" if load.homes == 1 else "gRPC"
