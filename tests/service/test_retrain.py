"""``make retrain`` beside a running service: new sales in, and the service answers with the new version or the old."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from conversion.improved import convert_improved
from data.files import DATA_DIR, DataFiles
from publishing.card import Card
from publishing.comparison import Comparison
from publishing.publish import publish_converted
from publishing.repository import PRICE_MODEL, newest, versions
from serving.embedded import EmbeddedServer
from tests.conftest import ROOT
from tests.service.asking import Asker
from tests.service.callers import HOME
from training.improved import ImprovedModel
from training.sales import Sales

pytestmark = pytest.mark.once

NEW_SALES = 1_500

Retrain = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module")
def later_sales(files: DataFiles, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write the file of sales as of a month later, with more sales of homes of the same kind."""
    known = pd.read_csv(files.sales, dtype=str)
    rows = np.random.default_rng(0).choice(len(known), NEW_SALES, replace=False)
    new = known.iloc[rows].copy()
    new["id"] = [str(9_990_000_000 + number) for number in range(NEW_SALES)]
    last = pd.to_datetime(known["date"].str[:8]).max()
    days = last + pd.to_timedelta(1 + np.arange(NEW_SALES) % 30, unit="D")
    new["date"] = days.strftime("%Y%m%dT000000")
    path = tmp_path_factory.mktemp("sales") / "with_june.csv"
    pd.concat([known, new]).to_csv(path, index=False)
    return path


@pytest.fixture
def retrain(shared_server: EmbeddedServer, shared_repository: Path, files: DataFiles) -> Retrain:
    def make(sales: Path, **variables: str) -> subprocess.CompletedProcess[str]:
        settings = [f"{name}={value}" for name, value in variables.items()]
        return subprocess.run(
            ["make", "retrain", f"SALES={sales}", *settings],
            cwd=ROOT,
            env={
                **os.environ,
                DATA_DIR: str(files.folder),
                "MODEL_REPOSITORY": str(shared_repository),
                "HTTP_PORT": shared_server.http_address.rpartition(":")[2],
            },
            capture_output=True,
            text=True,
            check=False,
        )

    return make


def answering(server: EmbeddedServer) -> str:
    asker = Asker(server.http_address, server.grpc_address)
    try:
        return str(asker.ask("generate", "house_price", HOME).outputs["price_model"][0])
    finally:
        asker.close()


def newest_version(repository: Path) -> Path:
    found = newest(repository / PRICE_MODEL)
    assert found is not None
    return found


def test_new_sales_become_the_version_that_answers(
    shared_server: EmbeddedServer, shared_repository: Path, retrain: Retrain, later_sales: Path
) -> None:
    before = answering(shared_server)
    done = retrain(later_sales, TRAIN="basic", ACCEPT="a month of new sales")
    assert done.returncode == 0, done.stdout + done.stderr
    assert answering(shared_server) == Card.read(newest_version(shared_repository)).price_model != before
    gate = Comparison.read(newest_version(shared_repository))
    assert gate is not None
    assert gate.serving == before
    assert gate.certain
    assert gate.sales == pytest.approx(NEW_SALES / 4, rel=0.2)
    assert f"on the same {gate.sales} sales" in done.stdout
    assert "sold after" in done.stdout
    assert "answers with version" in " ".join(done.stdout.split())


def test_sales_that_break_the_schema_change_nothing(
    shared_server: EmbeddedServer, shared_repository: Path, retrain: Retrain, later_sales: Path, tmp_path: Path
) -> None:
    before, numbers = answering(shared_server), versions(shared_repository / PRICE_MODEL)
    lines = later_sales.read_text().splitlines()
    names, values = lines[0].split(","), lines[-1].split(",")
    values[names.index("price")] = "-1"
    broken = tmp_path / "broken.csv"
    broken.write_text("\n".join([*lines[:-1], ",".join(values)]))
    done = retrain(broken, TRAIN="basic")
    assert done.returncode != 0
    assert f"line {len(lines)}" in done.stderr
    assert "price" in done.stderr
    assert "training" not in done.stdout + done.stderr
    assert versions(shared_repository / PRICE_MODEL) == numbers
    assert answering(shared_server) == before


def test_a_worse_model_is_refused_and_the_better_one_answers_on(
    shared_server: EmbeddedServer,
    shared_repository: Path,
    retrain: Retrain,
    later_sales: Path,
    improved: ImprovedModel,
    sales: Sales,
) -> None:
    converted = convert_improved(improved, sales.table[sales.held_out])
    publish_converted(converted, sales, shared_repository, "it knows more columns")
    name, numbers = Card.read(newest_version(shared_repository)).price_model, versions(shared_repository / PRICE_MODEL)
    done = retrain(later_sales, TRAIN="basic", ACCEPT="whatever")
    assert done.returncode != 0
    assert f"worse than {name}" in done.stderr
    assert "that each valued before it had seen the home" in done.stderr
    assert versions(shared_repository / PRICE_MODEL) == numbers
    assert answering(shared_server) == name
