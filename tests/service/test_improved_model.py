"""The improved model takes over from the basic one live, and values as scikit-learn does whatever is left out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from conversion.improved import convert_improved
from conversion.parity import TOLERANCE_RELATIVE
from preprocessing.columns import EXAMPLE_HOME, OPTIONAL_COLUMN_NAMES
from publishing.canary import NotTakenOver, replicas, wait_for
from publishing.card import Card
from publishing.publish import publish_converted
from publishing.repository import PRICE_MODEL
from serving.embedded import EmbeddedServer
from tests.service.asking import PROTOCOLS, Asker, columns_of
from tests.service.callers import MODELS, Callers
from training.gaps import only_required, without
from training.improved import ImprovedModel
from training.sales import Sales

pytestmark = pytest.mark.once

HOMES = 300


@pytest.fixture(scope="module")
def improved_name(
    shared_server: EmbeddedServer,
    shared_repository: Path,
    improved: ImprovedModel,
    sales: Sales,
    published: tuple[Path, Card],
) -> str:
    """Publish the improved model under callers who may notice nothing but another name; return that name."""
    converted = convert_improved(improved, sales.table[sales.held_out])
    with Callers(shared_server.http_address, shared_server.grpc_address) as callers:
        callers.wait_for(published[1].price_model)
        number = publish_converted(converted, sales, shared_repository, "it knows more columns")
        name = Card.read(shared_repository / PRICE_MODEL / str(number)).price_model
        callers.wait_for(name)
    assert callers.failures == []
    return name


def assert_equal(answer: dict[str, list[Any]], improved: ImprovedModel, table: npt.NDArray[np.float32]) -> None:
    expected = improved.value(table)
    for name, values in (("price", expected.price), ("price_low", expected.low), ("price_high", expected.high)):
        assert np.allclose(answer[name], values, rtol=TOLERANCE_RELATIVE, atol=0)


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("model", MODELS)
def test_homes_with_all_columns(
    protocol: str, model: str, shared_server: EmbeddedServer, improved: ImprovedModel, improved_name: str, sales: Sales
) -> None:
    table = sales.table[sales.held_out[:HOMES]]
    asker = Asker(shared_server.http_address, shared_server.grpc_address)
    outputs = asker.ask(protocol, model, columns_of(table)).outputs
    asker.close()
    assert set(outputs["price_model"]) == {improved_name}
    assert_equal(outputs, improved, table)


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_homes_with_the_required_columns(
    protocol: str, shared_server: EmbeddedServer, improved: ImprovedModel, improved_name: str, sales: Sales
) -> None:
    table = only_required(sales.table[sales.held_out[:HOMES]])
    asker = Asker(shared_server.http_address, shared_server.grpc_address)
    assert_equal(asker.ask(protocol, "house_price_minimal", columns_of(table)).outputs, improved, table)
    asker.close()


@pytest.mark.parametrize("missing", OPTIONAL_COLUMN_NAMES)
def test_homes_with_one_column_missing(
    missing: str, shared_server: EmbeddedServer, improved: ImprovedModel, improved_name: str, sales: Sales
) -> None:
    table = without(sales.table[sales.held_out[:HOMES]], missing)
    asker = Asker(shared_server.http_address, shared_server.grpc_address)
    assert_equal(asker.ask("grpc", "house_price_minimal", columns_of(table)).outputs, improved, table)
    asker.close()


def test_a_canary_sees_the_model_that_answers(shared_server: EmbeddedServer, improved_name: str) -> None:
    assert replicas(shared_server.http_address) == [shared_server.http_address]
    assert wait_for(improved_name, EXAMPLE_HOME, shared_server.http_address) > 0


def test_a_canary_waits_no_longer_than_it_should(shared_server: EmbeddedServer, improved_name: str) -> None:
    with pytest.raises(NotTakenOver, match=f"{improved_name} answers at .*, not somebody-else"):
        wait_for("somebody-else", EXAMPLE_HOME, shared_server.http_address, seconds=1)


def test_a_canary_knows_that_nobody_listens() -> None:
    assert replicas("127.0.0.1:9") == []
