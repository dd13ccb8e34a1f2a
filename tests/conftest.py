"""What all tests share: the data they run on, and a repository with the basic model in it.

With DATA_DIR set that is the real data, else the stand-in market.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from data.files import DATA_DIR, DataFiles
from data.standin import find_or_generate
from preprocessing.demographics import Demographics
from publishing.card import Card
from publishing.ensure import prepare
from publishing.publish import publish_trained
from publishing.repository import PRICE_MODEL
from training.improved import ImprovedModel, train_improved
from training.sales import Sales, read_sales

ROOT = Path(__file__).resolve().parent.parent

# How long an example takes is the machine's business, which may have other work to do.
settings.register_profile("unhurried", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("unhurried")


@pytest.fixture(scope="session")
def files() -> DataFiles:
    return find_or_generate()


@pytest.fixture(scope="session")
def real_files(files: DataFiles) -> DataFiles:
    if files.standin:
        pytest.skip(f"needs Sound Realty's data: set {DATA_DIR} to their folder")
    return files


@pytest.fixture(scope="session")
def sales(files: DataFiles) -> Sales:
    return read_sales(files)


@pytest.fixture(scope="session")
def demographics(files: DataFiles) -> Demographics:
    return Demographics.read(files.demographics)


@pytest.fixture(scope="session")
def empty_repository() -> Callable[[Path], Path]:
    """Makes a repository that holds the four configurations and no version."""

    def make(folder: Path) -> Path:
        repository = folder / "model_repository"
        for config in (ROOT / "model_repository").glob("*/config.pbtxt"):
            target = repository / config.parent.name
            target.mkdir(parents=True)
            shutil.copy(config, target)
        return repository

    return make


@pytest.fixture(scope="session")
def improved(sales: Sales) -> ImprovedModel:
    """The improved model, trained a little on few sales: enough to beat the basic one."""
    return train_improved(sales[sales.unexampled[:4_000]], rounds=60).at("latest")


@pytest.fixture(scope="session")
def published(
    empty_repository: Callable[[Path], Path],
    sales: Sales,
    files: DataFiles,
    tmp_path_factory: pytest.TempPathFactory,
) -> tuple[Path, Card]:
    """A repository with the basic model as version 1, and its card. Copy it before you change it."""
    repository = empty_repository(tmp_path_factory.mktemp("published"))
    number = publish_trained("basic", sales, repository)
    prepare(repository, files.demographics)
    return repository, Card.read(repository / PRICE_MODEL / str(number))


@pytest.fixture(autouse=True)
def _own_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tests choose ports and repositories themselves, whatever the shell has set."""
    for name in ("HTTP_PORT", "GRPC_PORT", "METRICS_PORT", "MODEL_REPOSITORY"):
        monkeypatch.delenv(name, raising=False)
