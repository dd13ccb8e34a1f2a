"""What a real server tells Prometheus about the homes that it was asked for."""

from __future__ import annotations

import json
import os
import re
import time
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tritonclient.grpc as grpc_client
import tritonclient.http as http_client

from preprocessing.columns import EXAMPLE_HOME, HOME_COLUMN_NAMES, REQUIRED_COLUMN_NAMES
from preprocessing.demographics import Demographics
from preprocessing.metrics import COLUMN, HOMES, PROBE_ID, REJECTED, SHARE, UNUSUAL, Series, counters, gauges
from preprocessing.tally import count
from preprocessing.training_bins import TRAINING_FILE, TrainingBins, read_training
from publishing.card import CARD_FILE
from publishing.preprocessing_version import publish_preprocessing
from publishing.repository import PREPROCESSING, PRICE_MODEL, served
from serving.embedded import EmbeddedServer
from tests.service.asking import PROTOCOLS, SINGLE, Asker, _tensor
from tests.service.callers import DEADLINE_S, HOME, Callers

pytestmark = pytest.mark.once

OWN = ("version", "stub")
"""Labels that tell one loaded version from another."""
WHOLE, SOME = (HOMES, (("columns", "all"),)), (HOMES, (("columns", "some"),))


@dataclass(frozen=True)
class Metered:
    """Hold a server that nobody else asks; ``training`` is what its version was published with."""

    server: EmbeddedServer
    asker: Asker
    training: TrainingBins
    repository: Path

    def metrics(self) -> list[tuple[str, dict[str, str], float]]:
        with urllib.request.urlopen(f"http://{self.server.metrics_address}/metrics", timeout=60) as reply:
            text = reply.read().decode()
        return [
            (name, dict(re.findall(r'(\w+)="([^"]*)"', labels)), float(value))
            for name, labels, value in re.findall(r"^(valuation_\w+)\{(.*)\} (\S+)$", text, re.MULTILINE)
        ]

    def counted(self) -> Counter[Series]:
        """Return every counter, summed over all loaded versions."""
        found: Counter[Series] = Counter()
        for name, labels, value in self.metrics():
            if name != SHARE:
                own = {key: labels[key] for key in ("columns", "column", "bin", "reason") if key in labels}
                found[name, tuple(own.items())] += int(value)
        return found

    def versions(self) -> set[str]:
        return {labels["version"] for _, labels, _ in self.metrics()}


def until(found: Callable[[], Any], expected: Any) -> None:
    """Wait for a result: the exporter hands over its counts every few seconds."""
    deadline = time.monotonic() + DEADLINE_S
    while (last := found()) != expected:
        assert time.monotonic() < deadline, f"{last} is not {expected}"
        time.sleep(0.2)


@pytest.fixture
def metered(server: EmbeddedServer, repository: Path) -> Iterator[Metered]:
    repository = served(repository)
    asker = Asker(server.http_address, server.grpc_address)
    training = read_training(repository / PREPROCESSING / "1" / TRAINING_FILE)
    assert training is not None
    yield Metered(server, asker, training, repository)
    asker.close()


def test_all_series_are_there_from_the_start_and_nothing_is_counted_yet(metered: Metered) -> None:
    assert metered.counted() == dict.fromkeys(counters(metered.training), 0)
    shares = {
        (name, (("column", labels["column"]), ("bin", labels["bin"]))): value
        for name, labels, value in metered.metrics()
        if name == SHARE
    }
    assert shares == pytest.approx(gauges(metered.training))
    assert {tuple(sorted(labels)) for name, labels, _ in metered.metrics() if name == HOMES} == {
        ("columns", "stub", "version")
    }


def test_homes_are_counted_by_their_columns_and_bins(metered: Metered) -> None:
    homes = {name: [value, value, value] for name, value in EXAMPLE_HOME.items()}
    homes |= {"bedrooms": [1, 3, 30], "sqft_lot": [900, 6000, metered.training["sqft_lot"].high + 1], "view": [0, 2, 4]}
    required = {name: homes[name] for name in REQUIRED_COLUMN_NAMES}
    for protocol in PROTOCOLS:
        assert metered.asker.ask(protocol, "house_price", homes).outputs
        assert metered.asker.ask(protocol, "house_price_minimal", required).outputs

    for row in range(3):
        for home in (homes, required):
            assert metered.asker.ask(SINGLE, "", {name: values[row : row + 1] for name, values in home.items()}).outputs

    values = np.column_stack([homes[name] for name in HOME_COLUMN_NAMES]).astype(np.float32)
    only_required = np.where([name in REQUIRED_COLUMN_NAMES for name in HOME_COLUMN_NAMES], values, np.float32("nan"))
    expected = count(np.concatenate([values, only_required] * len((*PROTOCOLS, SINGLE))), metered.training)
    assert expected[WHOLE] == expected[SOME] == 12
    assert expected[UNUSUAL, (("column", "sqft_lot"),)] == 8
    until(lambda: +metered.counted(), +expected)


def test_refusals_are_counted_by_column_and_reason(metered: Metered) -> None:
    def ask(**changes: Any) -> None:
        assert metered.asker.generate("house_price", json.dumps({**EXAMPLE_HOME, **changes})).refusal

    ask(grade=14, zipcode=1)
    ask(zipcode=2)
    ask(bedrooms=2.5)
    ask(sqft_above=1000)
    ask(yr_renovated=1930)
    ask(a_secret=1)
    # Two of three homes have a problem; the third goes unvalued, but nothing is wrong with it.
    batch = {name: values * 3 for name, values in HOME.items()} | {"grade": [7, 20, 30]}
    assert metered.asker.ask("grpc", "house_price", batch).refusal
    expected = {
        ("grade", "out_of_range"): 3,
        ("zipcode", "unknown_zipcode"): 2,
        ("bedrooms", "not_whole"): 1,
        ("sqft_living", "areas_do_not_add_up"): 1,
        ("yr_renovated", "renovated_before_built"): 1,
        ("none", "unknown_column"): 1,
    }
    series = {(REJECTED, (("column", column), ("reason", reason))): n for (column, reason), n in expected.items()}
    until(lambda: +metered.counted(), series)
    assert "a_secret" not in str(metered.metrics())


def test_a_probe_is_answered_but_not_counted(metered: Metered) -> None:
    probe = json.dumps({**EXAMPLE_HOME, "id": PROBE_ID})
    assert metered.asker.generate("house_price", probe).outputs
    for module, address in ((http_client, metered.server.http_address), (grpc_client, metered.server.grpc_address)):
        client = module.InferenceServerClient(address)
        inputs = [_tensor(module, name, values) for name, values in HOME.items()]
        client.infer("house_price", inputs, request_id=PROBE_ID)
        client.infer("house_price", inputs, request_id="probably not")
        client.close()
    until(lambda: metered.counted()[WHOLE], 2)


def test_nothing_is_lost_of_many_callers_when_they_stop(metered: Metered) -> None:
    with Callers(metered.server.http_address, metered.server.grpc_address) as callers:
        until(lambda: metered.counted()[WHOLE] > 0, True)  # more than one hand-over: the rest comes after they stopped
        callers.answering()
    assert not callers.failures
    until(lambda: sum(metered.counted()[kind] for kind in (WHOLE, SOME)), callers.asked)
    whole = metered.counted()[WHOLE]

    def by_column() -> dict[str, int]:
        found = metered.counted()
        return {
            name: sum(n for (kind, own), n in found.items() if kind == COLUMN and own[0][1] == name)
            for name in HOME_COLUMN_NAMES
        }

    # The series of one hand-over appear one after another.
    until(by_column, {name: callers.asked if name in REQUIRED_COLUMN_NAMES else whole for name in HOME_COLUMN_NAMES})


def test_counts_go_on_when_versions_swap_and_reload_under_load(metered: Metered, demographics: Demographics) -> None:
    fewer = Demographics(demographics.zipcodes[:-1], demographics.figures[:-1])

    def stubs() -> set[str]:
        return {labels["stub"] for _, labels, _ in metered.metrics()}

    with Callers(metered.server.http_address, metered.server.grpc_address) as callers:
        for number, given in ((2, fewer), (3, demographics)):
            assert publish_preprocessing(metered.repository, given) == number
            until(metered.versions, {str(number)})
        before = stubs()
        os.utime(metered.repository / PREPROCESSING / "3" / "model.py")  # loads the same version once more
        deadline = time.monotonic() + DEADLINE_S
        while stubs() & before or len(stubs()) != 1:
            assert time.monotonic() < deadline, stubs()
            time.sleep(0.1)
        counted = metered.counted()[WHOLE]
        deadline = time.monotonic() + DEADLINE_S
        while metered.counted()[WHOLE] <= counted:
            assert time.monotonic() < deadline, "homes are not counted any more"
            time.sleep(0.2)
    assert not callers.failures, callers.failures[:3]
    assert metered.server.is_alive
    assert sum(value for name, _, value in metered.metrics() if name == SHARE) == pytest.approx(len(HOME_COLUMN_NAMES))


def test_a_model_without_known_training_sales_serves_without_drift(
    metered: Metered, demographics: Demographics, caplog: pytest.LogCaptureFixture
) -> None:
    card_path = metered.repository / PRICE_MODEL / "1" / CARD_FILE
    card = json.loads(card_path.read_text())
    del card["training_columns"]
    card_path.write_text(json.dumps(card))
    assert publish_preprocessing(metered.repository, demographics) == 2
    assert "drift is not measured" in caplog.text
    until(metered.versions, {"2"})
    assert metered.asker.ask("grpc", "house_price", HOME).outputs
    until(lambda: metered.counted()[WHOLE], 1)
    assert not [name for name, _, _ in metered.metrics() if name in (SHARE, COLUMN, UNUSUAL)]
