"""A real Triton with the published basic model, started once for all service tests."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from data.files import DataFiles
from publishing.card import Card
from serving.embedded import EmbeddedServer
from tests.service.asking import Asker

ENSEMBLES = ("house_price", "house_price_minimal")


@dataclass(frozen=True)
class Service:
    """Where it listens (``host:port``), the data behind it, and the card of the model that answers."""

    http: str
    grpc: str
    data: DataFiles
    card: Card


@pytest.fixture(scope="session")
def service(
    published: tuple[Path, Card], files: DataFiles, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Service]:
    repository, card = published
    log = tmp_path_factory.mktemp("service") / "triton.log"
    with EmbeddedServer(repository, log_path=log) as server:
        server.wait_ready(ENSEMBLES)
        yield Service(server.http_address, server.grpc_address, files, card)


@pytest.fixture(scope="session")
def asker(service: Service) -> Iterator[Asker]:
    asker = Asker(service.http, service.grpc)
    yield asker
    asker.close()
