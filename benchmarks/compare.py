"""Two checkouts of this project against each other: the same price model on each one's own Triton, in turns.

The other checkout may be older and laid out otherwise: it is driven by its command lines alone, and
so is this one. Each publishes the version folder itself, so that its own preprocessing serves it.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from benchmarks import BUILD, ROOT, perf_analyzer
from benchmarks.contender import Interface
from benchmarks.load import BATCHES, SINGLE, Load
from benchmarks.machine import commit, describe
from benchmarks.measure import Step, in_round, turn
from benchmarks.payloads import ValuedHomes
from benchmarks.results import Results, Spread
from benchmarks.server_process import ServerProcess, free_ports
from benchmarks.tables import NOT_MEASURED, Grid, count, spread
from benchmarks.trained import Trained
from benchmarks.triton_server import AskedEnsemble
from data.standin import standin_data
from publishing.card import CARD_FILE, PROOF_FILE
from publishing.contract import MODEL_FILE
from publishing.repository import new_repository

THIS, OTHER = "this checkout", "the other"
LOADS = {load.concurrency if load.homes == 1 else load.homes: load for load in (*SINGLE, *BATCHES)}
"""The loads by what tells them apart: callers at once with single homes, or homes in a batch, four batches at once."""
PUBLISHERS = ("publishing", "conversion")
"""The packages that publish, in this layout and in the one before it."""
SECONDS = 600
"""How long publishing may take; the first time, a checkout generates its stand-in market."""


class NotPublished(RuntimeError):
    """A checkout did not publish the version; the message is what it said."""


class CheckoutServer:
    """A checkout's own ``python -m serving`` on a repository that it published into."""

    priced = True

    def __init__(self, name: str, checkout: Path, model: Trained, homes: ValuedHomes) -> None:
        self.name, self.about = name, f"{checkout} at {commit(checkout)}"
        self._checkout, self._python = checkout, _python(checkout)
        self._folder = BUILD / "compare" / name.replace(" ", "-")
        self._repository = _publish(checkout, self._python, model, self._folder)
        self._ensemble = AskedEnsemble("house_price", homes, protocols=("grpc",))
        self._process = ServerProcess(name, f"compare-{self._folder.name}")
        self._http = self._grpc = 0

    @property
    def pid(self) -> int:
        """Return the root of its process tree."""
        return self._process.pid

    def start(self) -> None:
        """Start it on free ports and return at once."""
        self._http, self._grpc, metrics, desk = free_ports(4)
        ports = {"HTTP_PORT": self._http, "GRPC_PORT": self._grpc, "METRICS_PORT": metrics, "DESK_PORT": desk}
        environment = {**_environment(self._repository), **{name: str(port) for name, port in ports.items()}}
        command = [self._python, "-B", "-m", "serving", "--log", str(self._folder / "triton.log")]
        self._process.start(command, self._checkout, environment)

    def check_alive(self) -> None:
        """Raise StartFailed when the process has ended."""
        self._process.check_alive()

    def stop(self) -> None:
        """End it and all that it started."""
        self._process.stop()

    def interfaces(self) -> list[Interface]:
        """Return plain JSON for single homes and gRPC for batches."""
        return self._ensemble.interfaces(f"127.0.0.1:{self._http}", f"127.0.0.1:{self._grpc}")


def run_comparison(
    other: Path, model: Trained, loads: Sequence[Load], rounds: int, seconds: float, step: Step
) -> Results:
    """Measure both checkouts in alternating rounds: JSON for single homes, gRPC for batches.

    Raises NotPublished, StartFailed, WrongPrice, or what the load generators raise.
    """
    perf_analyzer.find()
    homes = ValuedHomes.of(model)
    step("publishing")
    sides = [CheckoutServer(THIS, ROOT, model, homes), CheckoutServer(OTHER, other.resolve(), model, homes)]
    about = {**describe(), "rounds": rounds, "seconds": seconds, "model": model.name}
    results = Results(about, {side.name: side.about for side in sides})
    for number in range(1, rounds + 1):
        now = in_round(step, number, rounds)
        for side in sides if number % 2 else reversed(sides):
            start, samples = turn(side, homes, loads, seconds, number, now, _suits)
            results.starts.append(start)
            results.samples += samples
    return results


def comparison(results: Results, loads: Sequence[Load]) -> Grid:
    """Return each load's requests/s on both sides, and this checkout's ratio to the other.

    A ratio is the median over the rounds with its 95 % interval; above 1 this checkout answers more,
    or, of processor time, takes more.
    """
    return Grid(
        "Requests/s, and this checkout's ratio to the other",
        ("Load", THIS, OTHER, "ratio", "ratio of processor time a home"),
        list(_lines(results, loads)),
    )


def _lines(results: Results, loads: Sequence[Load]) -> Iterator[tuple[str, ...]]:
    for load in loads:
        interface = "JSON" if load.homes == 1 else "gRPC"
        mine, theirs = (f"{side}, {interface}" for side in (THIS, OTHER))
        ratios = [
            spread(Spread.of_median(found), "{:.3f}".format) if found else NOT_MEASURED
            for metric in ("requests_per_s", "cpu_s_per_1000_homes")
            for found in [results.ratios(mine, load.key, metric, to=theirs)]
        ]
        rates = (spread(results.value(row, load.key, "requests_per_s"), count) for row in (mine, theirs))
        yield (f"{load.homes:,} a request, {load.concurrency} at once, {interface}", *rates, *ratios)


def publisher(checkout: Path) -> str:
    """Return the package of a checkout that publishes. Raises NotPublished when there is none."""
    for name in PUBLISHERS:
        if (checkout / name / "__main__.py").is_file():
            return name
    raise NotPublished(f"{checkout} is no checkout of this project: none of {', '.join(PUBLISHERS)} publishes there")


def _suits(interface: Interface, load: Load) -> bool:
    return interface.name == ("JSON" if load.homes == 1 else "gRPC")


def _publish(checkout: Path, python: str, model: Trained, folder: Path) -> Path:
    """Let a checkout publish the model into an empty repository of its own; return that. Raises NotPublished."""
    package = publisher(checkout)
    shutil.rmtree(folder, ignore_errors=True)
    repository = new_repository(folder / "model_repository", checkout / "model_repository")
    version = model.version_in(folder / "version")
    _suit_older_checkouts(version)
    command = [python, "-B", "-m", package, "publish", "--version", str(version)]
    ran = subprocess.run(
        command,
        cwd=checkout,
        env=_environment(repository),
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    if ran.returncode:
        raise NotPublished(f"{checkout}: {' '.join(command[2:])} failed: {(ran.stderr or ran.stdout).strip()[-800:]}")
    return repository


def _suit_older_checkouts(version: Path) -> None:
    """Add the entries that older checkouts ask for in a card and newer ones pass over; leave out the proof."""
    card = version / CARD_FILE
    known = json.loads(card.read_text())
    graph, market = known["files"][MODEL_FILE], known["market"]
    known |= {"gate": None, "model_sha256": graph, "files": {MODEL_FILE: graph}}
    known["market"] = market and {"reference": market["valued_for"], **market}
    card.write_text(json.dumps(known))
    (version / PROOF_FILE).unlink(missing_ok=True)


def _environment(repository: Path) -> dict[str, str]:
    """Return an environment in which both sides find the same repository, market and demographics."""
    data = standin_data().folder
    return {**os.environ, "MODEL_REPOSITORY": str(repository), "DATA_DIR": str(data), "PYTHONDONTWRITEBYTECODE": "1"}


def _python(checkout: Path) -> str:
    """Return the checkout's own interpreter, or this one where it has none."""
    own = checkout / ".venv" / "bin" / "python"
    return str(own) if own.exists() else sys.executable
