"""The service values every example home as Sound Realty's own model does, however it is asked."""

from __future__ import annotations

import json
import random
import resource
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest

from conversion.neighbours import valid_prices
from conversion.parity import TOLERANCE_DOLLARS
from preprocessing.columns import (
    EXAMPLE_HOME,
    HOME_COLUMN_NAMES,
    OPTIONAL_COLUMN_NAMES,
    REQUIRED_COLUMN_NAMES,
    ZIPCODE,
)
from preprocessing.demographics import Demographics
from preprocessing.features import features
from preprocessing.homes import Homes
from publishing.repository import served
from tests.service.asking import PROTOCOLS, SINGLE, Asker
from tests.service.conftest import Service, serve
from training.basic import Estimator, pick, train_basic
from training.sales import Sales

MODELS = {"house_price": HOME_COLUMN_NAMES, "house_price_minimal": REQUIRED_COLUMN_NAMES}

everywhere = pytest.mark.parametrize("protocol", PROTOCOLS)
both = pytest.mark.parametrize("model", MODELS)


@pytest.fixture(scope="module")
def examples(service: Service) -> pd.DataFrame:
    """Read the 100 homes of ``future_unseen_examples.csv``."""
    return pd.read_csv(service.data.unseen)


@pytest.fixture(scope="module")
def expected(examples: pd.DataFrame, sales: Sales, demographics: Demographics) -> list[npt.NDArray[np.float64]]:
    """Return for each example home the prices that the firm's pipeline allows: one, unless neighbours tie."""
    estimator: Estimator = train_basic(sales[sales.training])
    columns = pick(features(Homes.of(examples), demographics), estimator.columns)
    scaler, neighbours = (step for _, step in estimator.regressor.steps)
    choices = valid_prices(neighbours, scaler.transform(columns))
    for choice, price in zip(choices, estimator.regressor.predict(columns), strict=True):
        assert np.abs(choice - price).min() < 1e-6
    return choices


def as_columns(homes: pd.DataFrame, names: tuple[str, ...]) -> dict[str, list[float]]:
    return {name: [int(v) if name == ZIPCODE else float(v) for v in homes[name]] for name in names}


def assert_priced(outputs: dict[str, list[Any]], expected: list[npt.NDArray[np.float64]], service: Service) -> None:
    assert len(outputs["price"]) == len(expected)
    for price, valid in zip(outputs["price"], expected, strict=True):
        assert np.abs(valid - price).min() <= TOLERANCE_DOLLARS
    price_range = service.card.price_range
    assert price_range.below is not None and price_range.above is not None
    assert np.allclose(outputs["price_low"], np.array(outputs["price"]) * (1 - price_range.below), rtol=1e-6)
    assert np.allclose(outputs["price_high"], np.array(outputs["price"]) * (1 + price_range.above), rtol=1e-6)
    assert set(outputs["price_model"]) == {service.card.price_model}


@everywhere
@both
def test_all_examples_as_one_batch(
    protocol: str,
    model: str,
    asker: Asker,
    examples: pd.DataFrame,
    expected: list[npt.NDArray[np.float64]],
    service: Service,
) -> None:
    answer = asker.ask(protocol, model, as_columns(examples, MODELS[model]))
    assert_priced(answer.outputs, expected, service)


@pytest.mark.parametrize("protocol", [*PROTOCOLS, SINGLE])
@both
def test_all_examples_one_by_one(
    protocol: str,
    model: str,
    asker: Asker,
    examples: pd.DataFrame,
    expected: list[npt.NDArray[np.float64]],
    service: Service,
) -> None:
    for row in range(len(examples)):
        answer = asker.ask(protocol, model, as_columns(examples.iloc[row : row + 1], MODELS[model]))
        assert_priced(answer.outputs, expected[row : row + 1], service)


@both
def test_a_single_home_has_the_same_bits_in_plain_json_as_in_tensors(
    model: str, asker: Asker, examples: pd.DataFrame
) -> None:
    for row in range(len(examples)):
        home = as_columns(examples.iloc[row : row + 1], MODELS[model])
        assert asker.ask(SINGLE, model, home) == asker.ask("http", model, home)


@everywhere
@both
def test_columns_in_any_order(
    protocol: str,
    model: str,
    asker: Asker,
    examples: pd.DataFrame,
    expected: list[npt.NDArray[np.float64]],
    service: Service,
) -> None:
    shuffled = random.Random(7).sample(MODELS[model], len(MODELS[model]))
    answer = asker.ask(protocol, model, as_columns(examples, tuple(shuffled)))
    assert_priced(answer.outputs, expected, service)


@everywhere
@pytest.mark.parametrize("given", OPTIONAL_COLUMN_NAMES)
def test_any_optional_column_may_come_along(
    protocol: str, given: str, asker: Asker, examples: pd.DataFrame, expected: list[npt.NDArray[np.float64]]
) -> None:
    answer = asker.ask(protocol, "house_price_minimal", as_columns(examples[:5], (*REQUIRED_COLUMN_NAMES, given)))
    assert all(
        np.abs(valid - price).min() <= TOLERANCE_DOLLARS
        for price, valid in zip(answer.outputs["price"], expected[:5], strict=True)
    )


@everywhere
def test_a_full_batch(protocol: str, asker: Asker) -> None:
    answer = asker.ask(protocol, "house_price", {name: [value] * 1024 for name, value in EXAMPLE_HOME.items()})
    assert answer.outputs["price"] == pytest.approx(answer.outputs["price"][:1] * 1024)


def test_one_home_in_plain_json_gets_plain_numbers(asker: Asker, service: Service) -> None:
    answer = asker.generate("house_price", json.dumps(EXAMPLE_HOME))
    (price,), (low,), (high,) = (answer.outputs[name] for name in ("price", "price_low", "price_high"))
    assert low < price < high
    assert answer.outputs["price_model"] == [service.card.price_model]


def test_a_model_of_the_standin_market_says_so(service: Service) -> None:
    assert service.card.price_model.endswith("-standin") == service.data.standin


@everywhere
def test_the_demo_client_and_the_service_agree_on_the_csv(
    protocol: str, asker: Asker, examples: pd.DataFrame, tmp_path: Path
) -> None:
    """The columns of the CSV are exactly the inputs: nothing is renamed, nothing is left."""
    assert list(examples.columns) == list(HOME_COLUMN_NAMES)
    assert asker.ask(protocol, "house_price", as_columns(examples[:1], tuple(examples.columns))).outputs


@pytest.mark.skipif(
    Path("/proc/sys/kernel/core_pattern").read_text()[:1] in "/|" or not resource.getrlimit(resource.RLIMIT_CORE)[1],
    reason="this machine keeps core files elsewhere, or none",
)
def test_no_process_of_the_service_ends_with_a_crash(
    repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    limits = resource.getrlimit(resource.RLIMIT_CORE)
    resource.setrlimit(resource.RLIMIT_CORE, (limits[1], limits[1]))
    try:
        with serve(served(repository), tmp_path) as server:
            asker = Asker(server.http_address, server.grpc_address)
            assert asker.generate("house_price", json.dumps(EXAMPLE_HOME)).outputs
            asker.close()
    finally:
        resource.setrlimit(resource.RLIMIT_CORE, limits)
    assert not list(tmp_path.glob("core*"))
