"""Versions come, break, are repaired and go while callers keep asking, and no request is lost."""

from __future__ import annotations

import shutil
import sys
import time
from collections.abc import Callable
from pathlib import Path

import onnx
import pytest

from publishing.card import Card
from publishing.contract import MODEL_FILE
from publishing.preprocessing_version import publish_preprocessing, published_demographics
from publishing.repository import PRICE_MODEL, add, remove_newest, staged, versions
from serving.embedded import EmbeddedServer
from tests.service.asking import Asker, Columns
from tests.service.callers import DEADLINE_S, MODELS, Callers


def wait_until_refused(server: EmbeddedServer, version: int) -> None:
    """Wait until Triton has tried to load this version of the price model more than once, as it does at every poll."""
    deadline = time.monotonic() + DEADLINE_S
    while server.log_path.read_text().count(f"failed to load '{PRICE_MODEL}' version {version}") < 2:
        assert time.monotonic() < deadline, f"version {version} is not tried"
        time.sleep(0.2)


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
        wait_until_refused(server, 3)
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
        wait_until_refused(server, 2)
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

    newcomer: Columns = {**MODELS["house_price"], "zipcode": [97999]}
    asker = Asker(server.http_address, server.grpc_address)
    assert "zipcode is 97999" in asker.ask("http", "house_price", newcomer).refusal
    with Callers(server.http_address, server.grpc_address) as callers:
        assert publish_preprocessing(repository, tmp_path / "more.csv") == 2
        deadline = time.monotonic() + DEADLINE_S
        while asker.ask("http", "house_price", newcomer).refusal:
            assert time.monotonic() < deadline, "the new ZIP code stays unknown"
            time.sleep(0.2)
        assert callers.answering() == {published[1].price_model}
    asker.close()
    assert callers.failures == []
