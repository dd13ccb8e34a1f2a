"""An analysis keeps what it promises, over every protocol: sums, formulas, exclusions and refusals."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from conversion.graph import run, session
from preprocessing.columns import EXAMPLE_HOME, HOME_COLUMN_NAMES, REQUIRED_COLUMN_NAMES
from publishing.card import Card
from publishing.contract import MODEL_FILE
from publishing.repository import PRICE_MODEL, served
from tests.service.analysing import OUTPUTS, Analyst, check, check_never_itself
from tests.service.asking import PROTOCOLS, Asker, columns_of
from tests.service.conftest import Service
from training.sales import Sales

HOMES = 20
"""The basic model takes a quarter of a millisecond for each of the 130 rows that a home needs."""


@pytest.fixture(scope="module")
def analyst(service: Service) -> Iterator[Analyst]:
    analyst = Analyst(service.http, service.grpc)
    yield analyst
    analyst.close()


@pytest.mark.parametrize("given", [HOME_COLUMN_NAMES, REQUIRED_COLUMN_NAMES], ids=["all", "required"])
def test_sold_homes_keep_the_promises(given: tuple[str, ...], analyst: Analyst, sales: Sales) -> None:
    rows = sales.held_out[:HOMES]  # the sales that comparables of the basic model are chosen from
    columns = {name: values for name, values in columns_of(sales.table[rows]).items() if name in given}
    found = analyst.ask(columns)
    check(found)
    check_never_itself(found, sales.homes[rows])
    assert not found["comparable_market_adjustment"].any(), "the basic model follows no market"
    assert all("follows no market" in notice for notice in found["notice"][:, 0])
    if "lat" not in given:
        assert not found["comparable_distance_miles"].any()
        assert all("Latitude" in notice for notice in found["notice"][:, 0])


def test_all_protocols_say_the_same_and_prices_are_those_of_house_price(
    analyst: Analyst, asker: Asker, sales: Sales
) -> None:
    few = columns_of(sales.example_table[:3])
    answers = {protocol: analyst.ask(few, protocol) for protocol in PROTOCOLS}
    prices = asker.ask("grpc", "house_price", few).outputs
    for name in OUTPUTS:
        for protocol in PROTOCOLS:
            wire, exact = answers[protocol][name], answers["grpc"][name]
            same = wire.astype(np.float32) == exact if exact.dtype.kind == "f" else wire == exact
            assert np.all(same), (name, protocol)
    for name, expected in prices.items():
        assert answers["grpc"][name][:, 0].tolist() == expected, name


def test_without_a_market_an_adjusted_price_is_the_paid_one_times_the_ratio_of_valuations(
    analyst: Analyst, published: tuple[Path, Card], sales: Sales
) -> None:
    found = analyst.ask(columns_of(sales.example_table[:HOMES]))
    graph = session((served(published[0]) / PRICE_MODEL / "1" / MODEL_FILE).read_bytes())
    where = {(str(home), str(day)): row for row, (home, day) in enumerate(zip(sales.homes, sales.days, strict=True))}
    for row, count in enumerate(found["comparables_count"][:, 0]):
        for place in range(count):
            sold = where[found["comparable_id"][row, place], found["comparable_sale_date"][row, place]]
            assert sold in sales.held_out
            valued = float(run(graph, sales.table[[sold]])["price"][0])
            expected = sales.prices[sold] * float(found["price"][row, 0]) / valued
            assert found["comparable_adjusted_price"][row, place] == pytest.approx(expected, rel=1e-5, abs=1)


def test_refusals_are_those_of_house_price_minimal(analyst: Analyst) -> None:
    refused: list[dict[str, Any]] = [
        {**EXAMPLE_HOME, "grade": 14},
        {**EXAMPLE_HOME, "zipcode": 12345},
        {**EXAMPLE_HOME, "grad": 7},
        {**EXAMPLE_HOME, "grad": 7.5},
        {name: [value, value] for name, value in {**EXAMPLE_HOME, "condition": 9}.items()},
    ]
    for body in refused:
        status, answer = analyst.post(body)
        expected, other = analyst.post(body, "house_price_minimal")
        assert status == expected == 400
        assert answer["error"] == other["error"].removeprefix("in ensemble 'house_price_minimal', ")
    assert analyst.post({**EXAMPLE_HOME, "caller": "text is the caller's business"})[0] == 200


@pytest.mark.parametrize("missing", REQUIRED_COLUMN_NAMES)
def test_a_missing_column_is_named(missing: str, analyst: Analyst) -> None:
    status, answer = analyst.post({name: value for name, value in EXAMPLE_HOME.items() if name != missing})
    assert status == 400
    assert answer["error"] == f"missing columns: {missing}"
