"""Real Tritons: one for all tests that leave it alone, one for each module or test that changes what is served."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from sklearn.neighbors import KNeighborsRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import RobustScaler

from conversion.converted import convert_estimator
from data.files import DataFiles
from publishing.card import Card
from publishing.publish import publish_converted
from publishing.repository import ANALYSIS, PRICE_MODEL, served
from serving.embedded import EmbeddedServer
from serving.replica import Replica
from tests.conftest import copied
from tests.service.asking import Asker
from tests.service.callers import DEADLINE_S
from training.basic import BASIC_COLUMNS, Estimator, pick
from training.sales import Sales

ENSEMBLES = ("house_price", "house_price_minimal")


@dataclass(frozen=True)
class Service:
    """Hold where a service listens (``host:port``), the data behind it, and the card of the model that answers."""

    http: str
    grpc: str
    data: DataFiles
    card: Card


@contextmanager
def serve(repository: Path | str, folder: Path) -> Iterator[EmbeddedServer]:
    """Serve a repository, or the URL of one, with its log in ``folder``; both ensembles answer."""
    with EmbeddedServer(repository, log_path=folder / "triton.log") as server:
        server.wait_ready(ENSEMBLES)
        yield server


def look_until(replica: Replica, holds: Callable[[], object]) -> None:
    """Let the supervisor look, as often as it takes: an answer may come too late where the machine is busy."""
    deadline = time.monotonic() + DEADLINE_S
    while not holds():
        assert time.monotonic() < deadline, replica.problem
        replica.look()
        time.sleep(0.1)


@pytest.fixture(scope="session")
def service(
    published: tuple[Path, Card], files: DataFiles, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Service]:
    """Serve the published repository, for all tests that leave it as it is."""
    with served_as(published, files, tmp_path_factory.mktemp("service")) as service:
        yield service


@contextmanager
def served_as(published: tuple[Path, Card], data: DataFiles, folder: Path) -> Iterator[Service]:
    """Serve a published repository and say where; its log is in ``folder``."""
    repository, card = published
    with serve(served(repository), folder) as server:
        server.wait_ready((ANALYSIS,))
        yield Service(server.http_address, server.grpc_address, data, card)


@pytest.fixture(scope="session")
def asker(service: Service) -> Iterator[Asker]:
    asker = Asker(service.http, service.grpc)
    yield asker
    asker.close()


@pytest.fixture(scope="module")
def shared_repository(published: tuple[Path, Card], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Copy the published repository, for all tests of a module to change."""
    return copied(published[0], tmp_path_factory.mktemp("shared") / "own")


@pytest.fixture(scope="module")
def shared_server(shared_repository: Path) -> Iterator[EmbeddedServer]:
    """Serve ``shared_repository``."""
    with serve(served(shared_repository), shared_repository.parent) as server:
        server.wait_ready((ANALYSIS,))
        yield server


@pytest.fixture
def server(repository: Path, tmp_path: Path) -> Iterator[EmbeddedServer]:
    """Serve ``repository``, the copy of a single test."""
    with serve(served(repository), tmp_path) as server:
        yield server


@pytest.fixture(scope="session")
def publish(sales: Sales) -> Callable[[Path, int], str]:
    """Return a function that publishes a basic model with another number of neighbours, and returns its name."""

    def publish(repository: Path, neighbours: int) -> str:
        regressor = make_pipeline(RobustScaler(), KNeighborsRegressor(n_neighbors=neighbours))
        regressor.fit(pick(sales.table[sales.training], BASIC_COLUMNS), sales.prices[sales.training])
        estimator = Estimator(f"nearest{neighbours}", regressor, BASIC_COLUMNS)
        converted = convert_estimator(estimator, sales.table[sales.held_out])
        number = publish_converted(converted, sales, repository)
        return Card.read(repository / PRICE_MODEL / str(number)).price_model

    return publish
