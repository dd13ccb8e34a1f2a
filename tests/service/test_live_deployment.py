"""Versions come, break, are repaired and go while callers keep asking, and no request is lost."""

from __future__ import annotations

import shutil
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import onnx
import pytest
from sklearn.neighbors import KNeighborsRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import RobustScaler

from conversion.card import Card
from conversion.contract import MODEL_FILE
from conversion.converted import convert_and_compare
from conversion.create_model import BASIC_COLUMNS, Estimator, pick
from conversion.preprocessing_version import publish_preprocessing, published_demographics
from conversion.publish import publish_converted
from conversion.repository import PRICE_MODEL, add, remove_newest, staged, versions
from conversion.sales import Sales
from preprocessing.columns import EXAMPLE_HOME, REQUIRED_COLUMN_NAMES
from serving.embedded import EmbeddedServer
from tests.service.asking import PROTOCOLS, Asker

DEADLINE_S = 60
POLLS_S = 3.5
"""A few polls of the repository, which happen once a second."""

HOME = {name: [value] for name, value in EXAMPLE_HOME.items()}
MODELS = {"house_price": HOME, "house_price_minimal": {name: HOME[name] for name in REQUIRED_COLUMN_NAMES}}


@dataclass
class Callers:
    """Two callers a protocol, each with connections of its own, who ask without pause and count what they get."""

    http: str
    grpc: str
    asked: int = 0
    answered: Counter[str] = field(default_factory=Counter)
    """Since the last look at who answers."""
    failures: list[str] = field(default_factory=list)
    slowest_s: float = 0.0
    _done: threading.Event = field(default_factory=threading.Event)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __enter__(self) -> Callers:
        self._threads = [
            threading.Thread(target=self._call, args=(protocol, model)) for protocol in PROTOCOLS for model in MODELS
        ]
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._done.set()
        for thread in self._threads:
            thread.join()

    def _call(self, protocol: str, model: str) -> None:
        asker = Asker(self.http, self.grpc)
        while not self._done.is_set():
            begin = time.monotonic()
            try:
                answer = asker.ask(protocol, model, MODELS[model])
                name = answer.outputs["price_model"][0] if answer.outputs else f"refused: {answer.refusal}"
            except Exception as error:  # whatever a caller may see is what this test is about
                name = f"failed: {error!r}"
            with self._lock:
                self.asked += 1
                self.answered[name] += 1
                self.slowest_s = max(self.slowest_s, time.monotonic() - begin)
                if name.startswith(("refused", "failed")):
                    self.failures.append(f"{protocol} {model} {name}")
        asker.close()

    def answering(self) -> set[str]:
        """The models that answer from now on for a while; every caller is heard."""
        with self._lock:
            self.answered.clear()
        time.sleep(1.0)
        with self._lock:
            return set(self.answered)

    def wait_for(self, name: str) -> None:
        """Until one model alone answers everybody."""
        deadline = time.monotonic() + DEADLINE_S
        while (found := self.answering()) != {name}:
            assert not self.failures, self.failures[:3]
            assert time.monotonic() < deadline, f"waiting for {name}, still answering: {found}"


@pytest.fixture
def repository(published: tuple[Path, Card], tmp_path: Path) -> Path:
    return Path(shutil.copytree(published[0], tmp_path / "served" / "model_repository"))


@pytest.fixture
def server(repository: Path, tmp_path: Path) -> Iterator[EmbeddedServer]:
    with EmbeddedServer(repository, log_path=tmp_path / "triton.log") as server:
        server.wait_ready(MODELS)
        yield server


@pytest.fixture(scope="module")
def publish(sales: Sales) -> Callable[[Path, int], str]:
    """Publishes a model with another number of neighbours; returns its name."""

    def publish(repository: Path, neighbours: int) -> str:
        regressor = make_pipeline(RobustScaler(), KNeighborsRegressor(n_neighbors=neighbours))
        regressor.fit(pick(sales.table[sales.training], BASIC_COLUMNS), sales.prices[sales.training])
        estimator = Estimator(f"nearest{neighbours}", regressor, BASIC_COLUMNS)
        converted = convert_and_compare(estimator, sales.table[sales.held_out])
        return publish_converted(converted, sales, repository)[1].price_model

    return publish


def test_versions_swap_break_and_roll_back_without_a_failed_request(
    server: EmbeddedServer,
    repository: Path,
    publish: Callable[[Path, int], str],
    published: tuple[Path, Card],
    capsys: pytest.CaptureFixture[str],
) -> None:
    model = repository / PRICE_MODEL
    first = published[1].price_model

    with Callers(server.http_address, server.grpc_address) as callers:
        callers.wait_for(first)

        second = publish(repository, 8)
        callers.wait_for(second)

        # Somebody drops a third version by hand, and its file is cut off.
        third = publish(repository, 9)
        whole = (model / "3" / MODEL_FILE).read_bytes()
        callers.wait_for(third)
        assert remove_newest(model) == (3, 2)
        callers.wait_for(second)
        with staged(repository) as area:
            broken = Path(shutil.copytree(model / "2", area / "version"))
            (broken / MODEL_FILE).write_bytes(whole[: len(whole) // 2])
            assert add(broken, model) == 3
        time.sleep(POLLS_S)
        callers.wait_for(second)

        # Repaired: the file is replaced by the whole one.
        repaired = repository.parent / "repaired.onnx"
        repaired.write_bytes(whole)
        repaired.replace(model / "3" / MODEL_FILE)
        callers.wait_for(third)

        # Removed: the version before it, still loaded, answers again.
        assert remove_newest(model) == (3, 2)
        callers.wait_for(second)

    assert versions(model) == [1, 2]
    assert callers.failures == []
    with capsys.disabled():
        slowest_ms = callers.slowest_s * 1000
        sys.stdout.write(
            f"\n  {callers.asked:,} requests, {len(callers.failures)} failed, slowest {slowest_ms:.0f} ms\n"
        )


def test_a_version_that_cannot_value_the_example_home_never_serves(
    server: EmbeddedServer, repository: Path, published: tuple[Path, Card]
) -> None:
    """Warm-up is the last gate: this graph loads, has the right tensors, and fails at its first home."""
    graph = onnx.load_model(repository / PRICE_MODEL / "1" / MODEL_FILE)
    places = next(tensor for tensor in graph.graph.initializer if tensor.name == "places")
    values = onnx.numpy_helper.to_array(places).copy()
    values[-1] = 99  # beyond the 44 features
    places.CopyFrom(onnx.numpy_helper.from_array(values, "places"))
    with staged(repository) as area:
        folder = Path(shutil.copytree(repository / PRICE_MODEL / "1", area / "version"))
        (folder / MODEL_FILE).write_bytes(graph.SerializeToString())
        add(folder, repository / PRICE_MODEL)

    first = published[1].price_model
    with Callers(server.http_address, server.grpc_address) as callers:
        time.sleep(POLLS_S)
        callers.wait_for(first)
    assert callers.failures == []


def test_new_demographics_go_live_with_a_new_preprocessing_version(
    server: EmbeddedServer, repository: Path, published: tuple[Path, Card], tmp_path: Path
) -> None:
    """A ZIP code that was unknown becomes known, and nobody who asks meanwhile is disturbed."""
    current = published_demographics(repository)
    assert current is not None
    header, *rows = current.read_text().splitlines()
    zipcode = header.split(",").index("zipcode")
    cells = rows[0].split(",")
    cells[zipcode] = "97999"
    (tmp_path / "more.csv").write_text("\n".join([header, *rows, ",".join(cells)]) + "\n")

    newcomer = {**MODELS["house_price"], "zipcode": [97999]}
    asker = Asker(server.http_address, server.grpc_address)
    assert "zipcode is 97999" in asker.ask("http", "house_price", newcomer).refusal
    with Callers(server.http_address, server.grpc_address) as callers:
        assert publish_preprocessing(repository, tmp_path / "more.csv") == 2
        deadline = time.monotonic() + DEADLINE_S
        while asker.ask("http", "house_price", newcomer).refusal:
            assert time.monotonic() < deadline, "the new ZIP code stays unknown"
            time.sleep(0.2)
    asker.close()
    assert callers.failures == []
    assert set(callers.answered) == {published[1].price_model}
