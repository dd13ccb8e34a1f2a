"""A real Prometheus beside the stack: it has what dashboard and alerts ask for, and the alerts fire.

Its rules are the project's own; only their durations are shorter, so that an hour passes in a minute.
"""

from __future__ import annotations

import json
import re
import threading
import time
import urllib.parse
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest

from preprocessing.columns import HOME_COLUMN_NAMES, POSITION, REQUIRED_COLUMN_NAMES
from publishing.repository import PREPROCESSING
from tests.service.asking import Asker
from tests.stack.conftest import DEADLINE_S, Stack, wait_until
from tests.unit.test_monitoring import expressions, metric_names
from training.sales import Sales

SECONDS = {"s": 1, "m": 60, "h": 3600}
FASTER = 60
HOMES = 256
"""In one request."""

Columns = dict[str, list[float]]
Query = Callable[[str], list[dict[str, Any]]]


def faster(text: str) -> str:
    """Shorten durations to a sixtieth, and have counts handed over every second."""
    text = re.sub(r"^EXPORT_SECONDS = .*$", "EXPORT_SECONDS = 1.0", text, flags=re.MULTILINE)
    return re.sub(r"\b(\d+)([smh])\b", lambda found: f"{max(1, int(found[1]) * SECONDS[found[2]] // FASTER)}s", text)


@pytest.fixture(scope="module")
def query(stack: Stack) -> Iterator[Query]:
    """Ask Prometheus, which is started for these tests."""
    settings = stack.folder / "deploy" / "monitoring" / "prometheus"
    versions = (stack.served / "models" / PREPROCESSING).glob("[0-9]*")
    exporter = max(versions, key=lambda version: int(version.name)) / "exporter.py"  # Triton loads it anew
    changed = (settings / "prometheus.yml", *settings.glob("rules/*.yml"), exporter)
    before = {path: path.read_text() for path in changed}
    for path, text in before.items():
        path.write_text(faster(text))
    stack.compose("--profile", "monitoring", "up", "--detach", "prometheus")
    address = f"http://127.0.0.1:{stack.environment['PROMETHEUS_PORT']}/api/v1"

    def query(expression: str) -> list[dict[str, Any]]:
        answer = json.loads(stack.fetch(f"{address}/query?{urllib.parse.urlencode({'query': expression})}"))
        return list(answer["data"]["result"])

    wait_until(lambda: _answers(query), "Prometheus")
    yield query
    stack.compose("rm", "--stop", "--force", "prometheus")
    for path, text in before.items():
        path.write_text(text)


def _answers(query: Query) -> bool:
    try:
        return bool(query("up"))
    except OSError:  # it does not listen yet
        return False


@pytest.fixture(scope="module")
def homes(sales: Sales) -> Columns:
    """Draw sold homes at random."""
    rows = sales.table[np.random.default_rng(7).choice(len(sales.table), HOMES, replace=False)]
    return {name: rows[:, POSITION[name]].astype(float).tolist() for name in HOME_COLUMN_NAMES}


@contextmanager
def traffic(stack: Stack, *batches: tuple[str, str, Columns]) -> Iterator[None]:
    """Send each of these batches again and again: protocol, model, columns."""
    done = threading.Event()

    def send() -> None:
        asker = Asker(stack.http, stack.grpc)
        while not done.wait(0.1):
            for batch in batches:
                asker.ask(*batch)
        asker.close()

    sender = threading.Thread(target=send)
    sender.start()
    try:
        yield
    finally:
        done.set()
        sender.join()


def firing(query: Query) -> set[str]:
    return {
        f"{alert['metric']['alertname']} {alert['metric'].get('column', '')}".strip()
        for alert in query("ALERTS{alertstate='firing'}")
    }


def minimal(homes: Columns) -> Columns:
    return {name: homes[name] for name in REQUIRED_COLUMN_NAMES}


def test_every_metric_that_is_asked_for_is_there(stack: Stack, query: Query, homes: Columns) -> None:
    asked = {name for _, expression in expressions() for name in metric_names(expression)} - {"ALERTS"}
    unusual = {**homes, "bedrooms": [49.0] * HOMES}
    refused = {**homes, "zipcode": [12345.0] * HOMES}
    sent = [("http", "house_price", batch) for batch in (homes, unusual, refused)]
    failures = "nv_inference_request_failure"

    def missing() -> set[str]:
        return {name for name in asked if not query(name)} - {failures}

    with traffic(stack, *sent, ("grpc", "house_price_minimal", minimal(homes))):
        deadline = time.monotonic() + DEADLINE_S
        while missing() and time.monotonic() < deadline:
            time.sleep(1)
    assert missing() == set()
    assert query(failures), "Triton exports it from its first failure on, and refusals count as failures"


def test_ordinary_traffic_raises_no_alert(stack: Stack, query: Query, homes: Columns) -> None:
    wait_until(lambda: not query("sum(homes:rejected:ratio) > 0"), "the refusals before to be forgotten")
    with traffic(stack, ("grpc", "house_price", homes), ("http", "house_price_minimal", minimal(homes))):
        time.sleep(15)
        # Whether answers are slow is for the machine to say, which may be busy with other tests.
        others = ("Drift", "HomesOutside", "SlowAnswers")
        assert {alert for alert in firing(query) if not alert.startswith(others)} == set()


def test_a_storm_of_unknown_zipcodes_fires(stack: Stack, query: Query, homes: Columns) -> None:
    assert "UnknownZipcodes" not in firing(query)
    storm = {**homes, "zipcode": [12345.0] * HOMES}
    with traffic(stack, ("http", "house_price", storm), ("http", "house_price", homes)):
        wait_until(lambda: "UnknownZipcodes" in firing(query), "the alert")
    wait_until(lambda: "UnknownZipcodes" not in firing(query), "the alert to end")


def test_larger_homes_than_in_training_drift(stack: Stack, query: Query, homes: Columns) -> None:
    """Only the columns that changed are said to drift."""
    # What other tests sent would count for a minute, the hour of these rules.
    wait_until(lambda: not query("column:homes:increase > 0"), "the homes before to be forgotten")
    with traffic(stack, ("http", "house_price", homes)):
        wait_until(lambda: query("min(column:homes:increase) > 2000"), "enough homes")
        time.sleep(5)
        assert {alert for alert in firing(query) if alert.startswith("Drift")} == set()
        drift = {entry["metric"]["column"]: float(entry["value"][1]) for entry in query("column:drift:psi")}
        assert set(drift) == set(HOME_COLUMN_NAMES)

    areas = ("sqft_living", "sqft_above", "sqft_basement")
    larger = {**homes, **{name: [2 * value for value in homes[name]] for name in areas}}
    with traffic(stack, ("http", "house_price", larger)):
        wait_until(lambda: "Drift sqft_living" in firing(query), "the alert")
    assert {alert for alert in firing(query) if alert.startswith("Drift")} <= {f"Drift {name}" for name in areas}
