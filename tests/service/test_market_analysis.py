"""An analysis keeps what it promises, over every protocol: sums, formulas, exclusions, and one model for all of it."""

from __future__ import annotations

import json
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest
import tritonclient.grpc as grpc_client
import tritonclient.http as http_client
import urllib3
from tritonclient.utils import InferenceServerException

from market_analysis.confidence import confidence
from market_analysis.reasons import GROUPS
from preprocessing.columns import (
    EXAMPLE_HOME,
    HOME_COLUMN_NAMES,
    OPTIONAL_COLUMN_NAMES,
    REQUIRED_COLUMN_NAMES,
    ZIPCODE,
)
from preprocessing.demographics import Demographics
from publishing.admission import roll_back
from publishing.card import Card
from publishing.ensure import prepare
from publishing.repository import ANALYSIS, PRICE_MODEL, served, versions
from serving.embedded import EmbeddedServer
from tests.service.asking import Asker
from tests.service.callers import DEADLINE_S
from tests.service.conftest import Service
from training.sales import Sales

Columns = dict[str, list[float]]
Outputs = dict[str, npt.NDArray[Any]]

EXAMPLES = [*range(0, 100)]
MOST = 64
PROTOCOLS = ("generate", "http", "grpc")
OPTIONS = [(), *((name,) for name in OPTIONAL_COLUMN_NAMES), ("lat", "long"), OPTIONAL_COLUMN_NAMES]
"""What is left out: nothing, each optional column in turn, the place, and all of them."""


class Analyst:
    """Ask for analyses in any protocol."""

    def __init__(self, http: str, grpc: str) -> None:
        self._address = http
        self._pool = urllib3.PoolManager(timeout=60, retries=False)
        self._clients = {
            "http": (http_client, http_client.InferenceServerClient(http)),
            "grpc": (grpc_client, grpc_client.InferenceServerClient(grpc)),
        }

    def close(self) -> None:
        self._pool.clear()
        for _, client in self._clients.values():
            client.close()

    def post(self, body: object, model: str = ANALYSIS) -> tuple[int, Any]:
        url = f"http://{self._address}/v2/models/{model}/generate"
        reply = self._pool.request("POST", url, body=json.dumps(body))
        return reply.status, json.loads(reply.data)

    def ask(self, protocol: str, columns: Columns) -> Outputs:
        """Return the outputs [N,1], [N,5] and [N,7] for homes given as columns, texts without blanks at their end."""
        count = len(columns[ZIPCODE])
        if protocol == "generate":
            status, answer = self.post({name: one if count > 1 else one[0] for name, one in columns.items()})
            assert status == 200, answer
            found = {name: np.array(value).reshape(count, -1) for name, value in answer.items() if name in OUTPUTS}
        else:
            module, client = self._clients[protocol]
            inputs = []
            for name, values in columns.items():
                kind, dtype = ("INT64", np.int64) if name == ZIPCODE else ("FP32", np.float32)
                inputs.append(module.InferInput(name, [count, 1], kind))
                inputs[-1].set_data_from_numpy(np.array(values, dtype).reshape(-1, 1))
            try:
                result = client.infer(ANALYSIS, inputs)
            except InferenceServerException as error:
                raise AssertionError(str(error)) from error
            found = {name: result.as_numpy(name) for name in OUTPUTS}
        return {name: np.vectorize(_text)(one) if one.dtype.kind in "OSU" else one for name, one in found.items()}


def _text(value: str | bytes) -> str:
    return (value.decode() if isinstance(value, bytes) else value).rstrip()


OUTPUTS = {
    *("price", "price_low", "price_high", "price_model", "valued_for", "confidence", "fsd", "reference_price"),
    *("reason_group", "reason_dollars", "notice", "comparables_count", "comparables_price", "comparables_low"),
    *("comparables_high", "comparables_level", "comparable_id", "comparable_sale_date", "comparable_sale_price"),
    *("comparable_distance_miles", "comparable_similarity", "comparable_market_adjustment"),
    *("comparable_home_adjustment", "comparable_gross_adjustment", "comparable_adjusted_price"),
    *(f"comparable_{name}" for name in HOME_COLUMN_NAMES if name not in ("sqft_above", "sqft_living15", "sqft_lot15")),
}


@pytest.fixture(scope="module")
def analyst(service: Service) -> Iterator[Analyst]:
    wait_for_analysis(service.http)
    analyst = Analyst(service.http, service.grpc)
    yield analyst
    analyst.close()


def wait_for_analysis(http: str) -> None:
    deadline = time.monotonic() + DEADLINE_S
    while urllib3.request("GET", f"http://{http}/v2/models/{ANALYSIS}/ready").status != 200:
        assert time.monotonic() < deadline, "the analysis is not ready"
        time.sleep(0.2)


@pytest.fixture(scope="module")
def examples(service: Service) -> Columns:
    homes = pd.read_csv(service.data.unseen)
    return {name: [int(v) if name == ZIPCODE else float(v) for v in homes[name]] for name in HOME_COLUMN_NAMES}


def in_batches(analyst: Analyst, protocol: str, columns: Columns) -> Outputs:
    batches = [
        analyst.ask(protocol, {name: values[start : start + MOST] for name, values in columns.items()})
        for start in range(0, len(columns[ZIPCODE]), MOST)
    ]
    return {name: np.concatenate([one[name] for one in batches]) for name in OUTPUTS}


def check(found: Outputs) -> None:
    """Check what holds for every analysis of a home."""
    price, reference, dollars = found["price"][:, 0], found["reference_price"][:, 0], found["reason_dollars"]
    assert (reference + dollars.sum(axis=1) == np.rint(price)).all()
    assert (dollars == np.rint(dollars)).all()
    assert (found["reason_group"] == list(GROUPS)).all()
    deviation = np.log(found["price_high"] / found["price_low"]) / 3.29
    assert found["fsd"] == pytest.approx(deviation, rel=1e-4)
    assert [confidence(one) for one in found["fsd"][:, 0]] == found["confidence"][:, 0].tolist()
    paid, market, home, adjusted, gross = (
        found[f"comparable_{name}"].astype(np.float64)
        for name in ("sale_price", "market_adjustment", "home_adjustment", "adjusted_price", "gross_adjustment")
    )
    assert (paid + market + home == adjusted).all()
    for row, count in enumerate(found["comparables_count"][:, 0]):
        real = slice(0, count)
        assert gross[row, real] == pytest.approx(100 * (abs(market) + abs(home))[row, real] / paid[row, real], rel=1e-4)
        assert len(set(found["comparable_id"][row, real])) == count, "two sales of one home"
        assert (found["comparable_id"][row, count:] == "").all()
        assert not adjusted[row, count:].any()
        assert (np.diff(found["comparable_similarity"][row, real]) <= 0).all()
        together = [adjusted[row, real].mean(), adjusted[row, real].min(), adjusted[row, real].max()]
        names = ("comparables_price", "comparables_low", "comparables_high")
        assert [found[name][row, 0] for name in names] == pytest.approx(together if count else [0] * 3, abs=1)
        assert bool(count) == (found["comparables_level"][row, 0] >= 0)
        assert count == 5 or found["notice"][row, 0]
    for day in found["valued_for"][:, 0]:
        date.fromisoformat(day)
    assert all(np.isfinite(one).all() for one in found.values() if one.dtype.kind == "f")


@pytest.mark.parametrize("left_out", OPTIONS, ids=lambda names: "+".join(names) or "nothing")
def test_every_example_home_keeps_the_promises(
    left_out: tuple[str, ...], analyst: Analyst, examples: Columns, sales: Sales
) -> None:
    given = {name: values for name, values in examples.items() if name not in left_out}
    found = in_batches(analyst, "grpc", given)
    check(found)
    for place, columns in enumerate(GROUPS.values()):
        if not set(columns) - {ZIPCODE} - set(left_out):
            assert not found["reason_dollars"][:, place].any(), "a reason of which nothing was given"
    if {"lat", "long"} & set(left_out):
        assert not found["comparable_distance_miles"].any()
        assert all("Latitude" in notice for notice in found["notice"][:, 0])
    # All examples are past sales: none may meet itself.
    own = {home.tobytes(): str(sales.homes[row]) for row, home in enumerate(sales.table)}
    for row, home in enumerate(sales.example_table):
        if home.tobytes() in own:
            assert own[home.tobytes()] not in found["comparable_id"][row]


def test_all_protocols_say_the_same_and_prices_are_those_of_house_price(
    analyst: Analyst, asker: Asker, examples: Columns
) -> None:
    few = {name: values[:7] for name, values in examples.items()}
    answers = {protocol: analyst.ask(protocol, few) for protocol in PROTOCOLS}
    prices = asker.ask("grpc", "house_price", few).outputs
    for name in OUTPUTS:
        for protocol in PROTOCOLS:
            wire, exact = answers[protocol][name], answers["grpc"][name]
            same = wire.astype(np.float32) == exact if exact.dtype.kind == "f" else wire == exact
            assert np.all(same), (name, protocol)
    for name, expected in prices.items():
        assert answers["grpc"][name][:, 0].tolist() == expected, name


def test_adjusted_prices_equal_their_formula(
    analyst: Analyst, examples: Columns, published: tuple[Path, Card], sales: Sales
) -> None:
    """With the basic model, which has no index: paid x price of the home / price of the sold home."""
    found = in_batches(analyst, "grpc", examples)
    from conversion.graph import run, session

    folder, card = served(published[0]) / PRICE_MODEL / "1", published[1]
    assert card.market is None
    running = session((folder / "model.onnx").read_bytes())
    where = {(str(home), str(day)): row for row, (home, day) in enumerate(zip(sales.homes, sales.days, strict=True))}
    for row, count in enumerate(found["comparables_count"][:, 0]):
        for place in range(count):
            key = (found["comparable_id"][row, place], found["comparable_sale_date"][row, place])
            sold = where[key]
            assert sold in sales.held_out
            valued = run(running, sales.table[[sold]])["price"][0]
            expected = sales.prices[sold] * float(found["price"][row, 0]) / float(valued)
            assert found["comparable_adjusted_price"][row, place] == pytest.approx(expected, rel=1e-5, abs=1)


def test_refusals_are_those_of_house_price_minimal(analyst: Analyst) -> None:
    unknown: list[dict[str, Any]] = [
        {**EXAMPLE_HOME, "grade": 14},
        {**EXAMPLE_HOME, "zipcode": 12345},
        {**EXAMPLE_HOME, "grad": 7},
        {**EXAMPLE_HOME, "grad": 7.5},
        {name: [value, value] for name, value in {**EXAMPLE_HOME, "condition": 9}.items()},
    ]
    for body in unknown:
        status, answer = analyst.post(body)
        expected, other = analyst.post(body, "house_price_minimal")
        assert status == expected == 400
        assert answer["error"] == other["error"].removeprefix("in ensemble 'house_price_minimal', ")
    for name in REQUIRED_COLUMN_NAMES:
        status, answer = analyst.post({key: value for key, value in EXAMPLE_HOME.items() if key != name})
        assert status == 400
        assert name in answer["error"]
    assert analyst.post({**EXAMPLE_HOME, "caller": "text is the caller's business"})[0] == 200


def test_one_model_answers_all_while_versions_come_and_go(
    server: EmbeddedServer,
    repository: Path,
    publish: Callable[[Path, int], str],
    published: tuple[Path, Card],
    demographics: Demographics,
) -> None:
    """Under three callers, publishing twice, rolling back twice and reusing a number: no failure and no mixture."""
    wait_for_analysis(server.http_address)
    home: Columns = {name: [value, value] for name, value in EXAMPLE_HOME.items()}
    seen: list[Outputs] = []
    failures: list[str] = []
    answering: Counter[str] = Counter()
    done = threading.Event()

    def call(protocol: str) -> None:
        own = Analyst(server.http_address, server.grpc_address)
        while not done.wait(0.02):
            try:
                found = own.ask(protocol, home)
                seen.append(found)
                answering[str(found["price_model"][0, 0])] += 1
            except Exception as error:  # whatever a caller may see is what this test is about
                failures.append(repr(error))
        own.close()

    def wait_for(name: str) -> None:
        answering.clear()
        deadline = time.monotonic() + DEADLINE_S
        while answering[name] < 10:
            assert time.monotonic() < deadline, answering
            time.sleep(0.1)

    threads = [threading.Thread(target=call, args=(protocol,)) for protocol in PROTOCOLS]
    for thread in threads:
        thread.start()
    try:
        first = published[1].price_model
        wait_for(first)
        second = publish(repository, 8)
        prepare(repository, demographics)
        wait_for(second)
        roll_back(repository)
        wait_for(first)
        third = publish(repository, 9)  # under the number of the second
        wait_for(first)  # until the analysis knows the third: the number alone is not believed
        prepare(repository, demographics)
        wait_for(third)
    finally:
        done.set()
        for thread in threads:
            thread.join()
    assert versions(served(repository) / PRICE_MODEL) == [1, 2]
    assert failures == []
    prices: dict[str, set[tuple[float, ...]]] = {}
    for found in seen:
        assert len(set(found["price_model"][:, 0])) == 1
        check_or_alone(found)
        prices.setdefault(str(found["price_model"][0, 0]), set()).add(tuple(found["price"][:, 0].tolist()))
    assert {name: len(one) for name, one in prices.items()} == {first: 1, second: 1, third: 1}


def check_or_alone(found: Outputs) -> None:
    """Check an analysis, unless its price had to do without: the sales behind the model were not at hand yet."""
    if found["valued_for"][0, 0]:
        check(found)
    else:
        assert not found["comparables_count"].any()
        assert "ask again" in found["notice"][0, 0]
