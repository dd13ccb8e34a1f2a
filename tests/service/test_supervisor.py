"""What dies comes back: `python -m serving` while its server, or a part of it, is killed or paused."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from math import isnan
from pathlib import Path
from types import FrameType

import psutil
import pytest

from preprocessing.columns import EXAMPLE_HOME
from publishing.card import CARD_FILE
from publishing.contract import ROUNDING
from publishing.repository import PREPROCESSING, PRICE_MODEL, served
from serving.bundle import ServerUnavailable
from serving.embedded import EmbeddedServer
from serving.ports import ANY_FREE, Ports, free
from serving.replica import MOST_DIFFERENCE, PROOF_LOOKS, Replica, Stop
from serving.supervisor import supervise
from tests.conftest import ROOT
from tests.service.callers import DEADLINE_S
from tests.service.conftest import ENSEMBLES, look_until
from tests.wrong_versions import edit_card


@dataclass
class Running:
    """Hold a process of ``python -m serving`` and what it says."""

    process: subprocess.Popen[str]
    ports: Ports
    said: list[str]

    @property
    def price(self) -> float | None:
        """Return the price of the example home, None where none comes within ten seconds."""
        address = f"http://127.0.0.1:{self.ports.http}/v2/models/house_price/generate"
        request = urllib.request.Request(address, json.dumps(EXAMPLE_HOME).encode())
        try:
            with urllib.request.urlopen(request, timeout=10) as reply:
                return float(json.load(reply)["price"])
        except OSError:
            return None

    @property
    def triton(self) -> psutil.Process:
        (triton,) = psutil.Process(self.process.pid).children()
        return triton

    def stub(self, model: str) -> psutil.Process:
        return next(stub for stub in self.triton.children(recursive=True) if f"/{model}/" in " ".join(stub.cmdline()))

    def says(self, words: str) -> bool:
        return any(words in line for line in self.said)


def until(holds: Callable[[], object]) -> None:
    deadline = time.monotonic() + DEADLINE_S
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.1)


@pytest.fixture
def running(repository: Path, tmp_path: Path) -> Iterator[Running]:
    ports = free(ANY_FREE)
    command = [sys.executable, "-m", "serving", "--no-door", "--no-desk", "--repository", str(served(repository))]
    command += ["--log", str(tmp_path / "triton.log")]
    for name, port in (("http", ports.http), ("grpc", ports.grpc), ("metrics", ports.metrics)):
        command += [f"--{name}-port", str(port)]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    output = process.stdout
    assert output is not None
    said: list[str] = []
    reader = threading.Thread(target=lambda: said.extend(output))
    reader.start()
    found = Running(process, ports, said)
    until(lambda: found.says("Metrics  "))  # announced once every model is ready; prices come before
    yield found
    process.kill()
    process.wait()
    reader.join()
    output.close()


def kill_the_server(running: Running) -> None:
    running.triton.kill()


def kill_preprocessing(running: Running) -> None:
    running.stub(PREPROCESSING).kill()


def pause_preprocessing(running: Running) -> None:
    running.stub(PREPROCESSING).suspend()


@pytest.mark.parametrize("harm", [kill_the_server, kill_preprocessing, pause_preprocessing], ids=lambda f: f.__name__)
def test_homes_are_valued_again(running: Running, harm: Callable[[Running], None]) -> None:
    price, before = running.price, running.triton.pid
    harm(running)
    until(lambda: running.says("starting it again in 1 s"))
    until(lambda: running.price == price)
    assert running.triton.pid != before
    running.process.send_signal(signal.SIGTERM)
    assert running.process.wait(DEADLINE_S) == 0
    until(lambda: running.says("Stopped"))


@pytest.mark.parametrize("allocator", ["jemalloc", "the system's"])
def test_no_area_is_blamed_for_a_preprocessing_that_died(
    repository: Path, tmp_path: Path, allocator: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Without jemalloc Triton calls it a bad request."""
    if allocator != "jemalloc":
        monkeypatch.setattr("serving.embedded._jemalloc", lambda: None)
    with EmbeddedServer(served(repository), log_path=tmp_path / "triton.log") as server:
        server.wait_ready(ENSEMBLES)
        replica = Replica(server.ports.http)
        look_until(replica, lambda: replica.ready)
        assert server.pid is not None
        for stub in psutil.Process(server.pid).children(recursive=True):
            if f"/{PREPROCESSING}/" in " ".join(stub.cmdline()):
                stub.kill()
        look_until(replica, lambda: replica.broken)
        assert "areas" not in caplog.text
        server.kill()  # told to stop, it would wait ten seconds for what died


def test_what_never_comes_back_is_given_up_with_its_reason(
    repository: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with EmbeddedServer(served(repository), log_path=tmp_path / "triton.log") as server:
        server.wait_ready(ENSEMBLES)
        for model in served(repository).glob(f"{PRICE_MODEL}/*/model.onnx"):
            model.write_bytes(b"no longer a graph")
        server.kill()
        with pytest.raises(ServerUnavailable, match="given up after 2 starts in vain"):
            supervise(server, ENSEMBLES, Stop(), pauses=(0, 0))
    assert caplog.text.count("starting it again in 0 s") == 2
    assert f"{PRICE_MODEL} 1: " in caplog.text


def test_a_signal_may_come_at_any_moment() -> None:
    """Every tenth of a millisecond one does, while the event is waited for: `threading.Event` locks up at once."""
    caught = 0
    stopping = Stop()

    def on_signal(number: int, frame: FrameType | None) -> None:
        nonlocal caught
        caught += 1
        stopping.set()

    before = signal.signal(signal.SIGVTALRM, on_signal)
    signal.setitimer(signal.ITIMER_VIRTUAL, 1e-4, 1e-4)
    try:
        while caught < 100:
            stopping = Stop()
            for _ in range(10_000):
                stopping.wait(0)
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)
    stopping.set()
    assert stopping.wait(60)
    assert stopping.is_set()


def test_each_loaded_version_is_held_to_the_prices_on_its_card(
    server: EmbeddedServer, repository: Path, caplog: pytest.LogCaptureFixture
) -> None:
    replica = Replica(server.ports.http, served(repository))
    for _ in range(PROOF_LOOKS):
        replica.look()
    assert replica.differences["1"] <= MOST_DIFFERENCE == ROUNDING
    assert caplog.messages == []

    card = served(repository) / PRICE_MODEL / "1" / CARD_FILE
    examples = json.loads(card.read_text())["examples"]
    examples[0]["price"] *= 1.01
    edit_card(card.parent, examples=examples)
    for _ in range(2 * PROOF_LOOKS):
        replica.look()
    assert replica.differences["1"] == pytest.approx(0.01, rel=0.1)
    assert caplog.messages == ["version 1 does not answer the prices on its card: they differ by 0.0099"]
    assert 'valuation_version_difference{version="1"} 0.0099' in replica.metrics()

    rotten: list[object] = [[], {}, [3], [{"features": [None], "price": 1.0}], [{**examples[0], "price": 0.0}]]
    for found in rotten:
        edit_card(card.parent, examples=found)
        for _ in range(PROOF_LOOKS):
            replica.look()
        assert isnan(replica.differences["1"]), found
    assert replica.ready, "callers get their prices; it is for people to decide"
