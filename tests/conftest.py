"""What all tests share: the data they run on, and a repository with the basic model in it.

With DATA_DIR set that is the real data, else the stand-in market: a part of it, but where a test asks for all of it.
"""

from __future__ import annotations

import shutil
from dataclasses import replace
from itertools import islice
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from data.demographics import read_demographics
from data.files import DATA_DIR, SALES_CSV, STANDIN_STAMP, DataFiles
from data.standin import find_or_generate
from preprocessing.demographics import Demographics
from publishing.card import Card
from publishing.ensure import prepare
from publishing.publish import publish_trained
from publishing.repository import PRICE_MODEL, SERVED, alone, new_repository, remove, versions
from serving.ports import USUAL
from training.improved import ImprovedModel, train_improved
from training.sales import Sales, read_sales

ROOT = Path(__file__).resolve().parent.parent

# How long an example takes is the machine's business, which may have other work to do.
settings.register_profile("unhurried", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("unhurried")

TRAINED = {"improved", "published"}
"""Fixtures that take as long as it takes to train."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what uses such a fixture, directly or not: `make check` leaves it out."""
    for item in items:
        if isinstance(item, pytest.Function) and TRAINED & set(item.fixturenames):
            item.add_marker(pytest.mark.training)


ENOUGH = 8_000
"""Sales, in no order of time or place, that every rule can be tried with: all take three times as long."""


@pytest.fixture(scope="session")
def all_files() -> DataFiles:
    return find_or_generate()


@pytest.fixture(scope="session")
def real_files(all_files: DataFiles) -> DataFiles:
    if all_files.standin:
        pytest.skip(f"needs Sound Realty's data: set {DATA_DIR} to their folder")
    return all_files


@pytest.fixture(scope="session")
def files(all_files: DataFiles, tmp_path_factory: pytest.TempPathFactory) -> DataFiles:
    """Copy the data with as many sales as are enough."""
    folder = tmp_path_factory.mktemp("market") / "part"
    folder.mkdir()  # which containers may read, other than its parent
    with all_files.sales.open(encoding="utf-8") as lines:
        (folder / SALES_CSV).write_text("".join(islice(lines, ENOUGH + 1)), encoding="utf-8")
    for path in (all_files.demographics, all_files.unseen, *all_files.folder.glob(STANDIN_STAMP)):
        shutil.copyfile(path, folder / path.name)
    return replace(all_files, folder=folder)


@pytest.fixture(scope="session")
def all_sales(all_files: DataFiles) -> Sales:
    return read_sales(all_files)


@pytest.fixture(scope="session")
def sales(files: DataFiles) -> Sales:
    return read_sales(files)


@pytest.fixture(scope="session")
def demographics(files: DataFiles) -> Demographics:
    return read_demographics(files.demographics)


@pytest.fixture(scope="session")
def improved(sales: Sales) -> ImprovedModel:
    """Train the improved model a little, on few sales: enough to beat the basic one."""
    return train_improved(sales[sales.unexampled[:4_000]], rounds=60).at("latest")


@pytest.fixture(scope="session")
def published(sales: Sales, demographics: Demographics, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Card]:
    """Publish the basic model as version 1; return its repository and card. Change a copy: ``repository``.

    What Triton polls lies beside it: ``publishing.repository.served``.
    """
    return publish_basic(sales, demographics, tmp_path_factory.mktemp("published"))


@pytest.fixture
def repository(published: tuple[Path, Card], tmp_path: Path) -> Path:
    """Copy the published repository, for a test to change."""
    return copied(published[0], tmp_path / "own")


def publish_basic(sales: Sales, demographics: Demographics, folder: Path) -> tuple[Path, Card]:
    """Publish the basic model of these sales as version 1 of a new repository in ``folder``; return both."""
    repository = new_repository(folder / "model_repository")
    number = publish_trained("basic", sales, repository)
    prepare(repository, demographics)
    return repository, Card.read(repository / PRICE_MODEL / str(number))


def copied(repository: Path, folder: Path) -> Path:
    """Copy a repository and what is served of it into a new folder; return the copy."""
    return Path(shutil.copytree(repository.parent, folder)) / repository.name


def remove_newest(model: Path) -> int:
    """Take the newest version of a model away from a repository, as Triton sees it; return its number."""
    with alone(model):
        number = versions(model)[-1]
        remove(model, number)
    return number


@pytest.fixture(autouse=True)
def _own_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hide the shell's ports and repository from the tests, which choose their own."""
    for name in (*USUAL, "MODEL_REPOSITORY", SERVED):
        monkeypatch.delenv(name, raising=False)
