"""What an analysis costs, and what it costs the callers who only ask for a price.

Three servers take turns in each round: without ``market_analysis``, with it, and with it while analyses are asked for.
All serve the same model; the same load asks each of them for prices. On the second one, one caller then asks for one
analysis after the other.
"""

from __future__ import annotations

import json
import shutil
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median

import numpy as np
import urllib3

from benchmarks import BUILD
from benchmarks.analysis_findings import AnalysisFindings, Turn
from benchmarks.load import Load
from benchmarks.machine import describe
from benchmarks.measure import Step, in_round, turn
from benchmarks.payloads import ValuedHomes, plain_json
from benchmarks.plain_http import NotAnswered
from benchmarks.process_tree import ProcessTree
from benchmarks.repositories import lay_out_service
from benchmarks.results import Results
from benchmarks.trained import Trained
from benchmarks.triton_server import AskedEnsemble, TritonServer
from market_analysis.selection import select
from market_analysis.versions import read_versions
from preprocessing.columns import HOME_COLUMN_NAMES

MODEL = "market_analysis"
WITHOUT, WITH, ASKED = "without market_analysis", "with market_analysis", "with it, while analyses are asked for"
LOADS = (Load(1, 1), Load(1, 8))
ASKED_PER_S = 10
"""Analyses a second while prices are asked for: what many agents at once would make."""
ANALYSES = 200
"""Analyses that one caller asks for, in each round."""
_WARM_UP = 20


class AnalysedServer(TritonServer):
    """This service with or without the model; ``asked`` analyses a second are sent to it while it runs."""

    def __init__(self, name: str, repository: Path, homes: ValuedHomes, asked: float = 0) -> None:
        super().__init__(name, "the embedded server as it is shipped", repository, AskedEnsemble("house_price", homes))
        self._homes, self._asked = homes, asked
        self.failed = 0

    def analyses(self) -> Iterator[float]:
        """Ask for one home after the other; yield the milliseconds of each. Raises NotAnswered."""
        pool = urllib3.PoolManager(timeout=30, retries=False)
        url = f"http://{self.server.http_address}/v2/models/{MODEL}/generate"
        place = 0
        while True:
            body = plain_json(self._homes.some(place % len(self._homes), 1))
            begin = time.perf_counter()
            reply = pool.request("POST", url, body=body)
            took = (time.perf_counter() - begin) * 1000
            if reply.status != 200:
                raise NotAnswered(f"{url} answered {reply.status}: {reply.data[:300]!r}")
            yield took
            place += 1

    @contextmanager
    def asked(self) -> Iterator[None]:
        """Send the analyses that are to be asked for beside a load."""
        done = threading.Event()

        def ask() -> None:
            try:
                for _ in self.analyses():
                    if done.wait(1 / self._asked):
                        return
            except (NotAnswered, urllib3.exceptions.HTTPError):
                self.failed += 1

        thread = threading.Thread(target=ask, daemon=True)
        if self._asked:
            thread.start()
        yield
        done.set()
        if self._asked:
            thread.join()

    def milliseconds(self, model: str) -> float:
        """Return for how long a model has been asked so far, by the server's own count."""
        reply = urllib3.request("GET", f"http://{self.server.http_address}/v2/models/{model}/stats")
        return sum(int(one["inference_stats"]["success"]["ns"]) for one in json.loads(reply.data)["model_stats"]) / 1e6


def run_analysis(model: Trained, rounds: int, seconds: float, analyses: int, step: Step) -> AnalysisFindings:
    """Measure in alternating rounds. Raises StartFailed, WrongPrice, NotAnswered, or what the load generator raises."""
    homes = ValuedHomes.of(model)
    step("publishing")
    repository = lay_out_service(model, BUILD / "analysis")
    without = BUILD / "analysis-without"
    shutil.rmtree(without, ignore_errors=True)
    shutil.copytree(repository, without, ignore=shutil.ignore_patterns(MODEL))
    servers = [
        AnalysedServer(WITHOUT, without, homes),
        AnalysedServer(WITH, repository, homes),
        AnalysedServer(ASKED, repository, homes, ASKED_PER_S),
    ]
    about = {"rounds": rounds, "seconds": seconds, "analyses": analyses, "asked_per_s": ASKED_PER_S}
    results, turns = Results({**describe(), **about, "model": model.name}), []
    for number in range(1, rounds + 1):
        now = in_round(step, number, rounds)
        for server in servers if number % 2 else reversed(servers):
            start, samples = turn(server, homes, LOADS, seconds, number, now, beside=server.asked)
            results.starts.append(start)
            results.samples += samples
        turns.append(_turn(servers[1], analyses, number, now))
    failed = sum(server.failed for server in servers)
    return AnalysisFindings(results, turns, selection_ms(repository, homes, analyses), failed)


def selection_ms(repository: Path, homes: ValuedHomes, count: int) -> float:
    """Return the median milliseconds of choosing a home's comparables, in this process, on one core."""
    newest = max((path for path in (repository / MODEL).iterdir() if path.name.isdigit()), key=lambda p: int(p.name))
    version = read_versions(newest)[0]
    assert version.sales is not None
    took = []
    for place in range(_WARM_UP + count):
        row = homes.some(place, 1)
        home = np.array([row[name][0] for name in HOME_COLUMN_NAMES], dtype=np.float32)
        begin = time.perf_counter()
        select(home, float(homes.prices[place]) / version.facts.factor, version.sales, version.as_of)
        took.append((time.perf_counter() - begin) * 1000)
    return median(took[_WARM_UP:])


def _turn(server: AnalysedServer, count: int, number: int, step: Step) -> Turn:
    """Let one caller ask for analyses on a server of their own; return what each cost."""
    step(f"{count} analyses, one after the other")
    server.start()
    try:
        _until_ready(server)
        asked = server.analyses()
        for _ in range(_WARM_UP):
            next(asked)
        with ProcessTree(server.pid) as tree:
            models = (MODEL, "price_model", "preprocessing")
            before, spent = [server.milliseconds(model) for model in models], tree.cpu_seconds_by_part()
            took = [next(asked) for _ in range(count)]
            whole, price, features = (
                (server.milliseconds(model) - then) / count for model, then in zip(models, before, strict=True)
            )
            after = tree.cpu_seconds_by_part()
            memory = tree.memory_bytes_of(MODEL)
        cpu = (sum(after.values()) - sum(spent.values())) * 1000 / count
        return Turn(number, median(took), whole, price, features, cpu, memory / 1e6)
    finally:
        server.stop()


def _until_ready(server: AnalysedServer, patience: float = 120) -> None:
    """Wait for the first analysis. Raises StartFailed when the server has ended, NotAnswered when none comes."""
    last = time.monotonic() + patience
    while True:
        try:
            next(server.analyses())
            return
        except (NotAnswered, urllib3.exceptions.HTTPError) as error:
            server.check_alive()
            if time.monotonic() > last:
                raise NotAnswered(f"{MODEL}: no answer after {patience:.0f} s: {error}") from error
        time.sleep(0.1)
