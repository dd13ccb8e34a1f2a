"""The neural network of the price: what it reads, and that what serves is what was trained."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from sklearn.neural_network import MLPRegressor

from conversion.graph import PRICE, run, session
from conversion.improved_graph import improved_graph
from preprocessing.columns import HOME_COLUMNS, OPTIONAL_COLUMN_NAMES, POSITION, ZIPCODE
from training import price_network
from training.gaps import hide, only_required, with_gaps
from training.improved import ImprovedModel
from training.location import Location
from training.price_network import MEMBERS, PriceNetwork
from training.sales import Sales

pytestmark = pytest.mark.training

Table = npt.NDArray[np.float32]
Floats = npt.NDArray[np.float64]

EPOCHS = 5


@pytest.fixture(scope="module")
def table(sales: Sales) -> Table:
    """Return what the network reads of some sales, of which a third has gaps."""
    table = sales.table[:1_500]
    read = Location.of(table, seed=0).columns
    return np.concatenate([read(table), read(table), read(with_gaps(table, np.random.default_rng(0)))])


@pytest.fixture(scope="module")
def target(sales: Sales) -> Floats:
    logs = np.log(sales.prices[:1_500])
    return np.asarray(np.tile(logs - logs.mean(), 3))


@pytest.fixture(scope="module")
def network(table: Table, target: Floats) -> PriceNetwork:
    return PriceNetwork(EPOCHS).fit(table, target)


def test_what_answers_are_the_fitted_networks_on_average(
    table: Table, target: Floats, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Standardising is folded into the first weights, and all networks lie side by side."""
    fitted: list[tuple[Table, MLPRegressor]] = []
    fit = price_network._fitted

    def spy(seen: Table, *others: Any) -> MLPRegressor:
        fitted.append((seen, fit(seen, *others)))
        return fitted[-1][1]

    monkeypatch.setattr(price_network, "_fitted", spy)
    answers = PriceNetwork(EPOCHS).fit(table, target).predict(table)
    assert len(fitted) == MEMBERS
    alone = np.array([one.predict(seen) for seen, one in fitted]) * target.std()
    np.testing.assert_allclose(answers, alone.mean(axis=0), atol=1e-4)
    assert np.abs(alone[0] - alone[1]).max() > 0.01, "each has draws of its own"


def test_the_same_seed_gives_the_same_network_to_the_bit(network: PriceNetwork, table: Table, target: Floats) -> None:
    again, other = (PriceNetwork(EPOCHS, seed).fit(table, target) for seed in (0, 1))
    np.testing.assert_array_equal(network.predict(table), again.predict(table))
    assert (network.predict(table) != other.predict(table)).any()


def test_it_explains_most_of_what_prices_differ_by(network: PriceNetwork, table: Table, target: Floats) -> None:
    whole = len(table) // 3
    assert np.var(network.predict(table[:whole]) - target[:whole]) < 0.2 * np.var(target)


def test_where_a_home_stands_is_read_by_landmarks_and_by_the_name_of_its_zip_code(
    network: PriceNetwork, table: Table
) -> None:
    moved = table.copy()
    moved[:, [POSITION["lat"], POSITION["long"]]] += 0.1
    np.testing.assert_allclose(network.predict(moved), network.predict(table), atol=1e-9)
    renamed = table.copy()
    renamed[:, POSITION[ZIPCODE]] = network.zipcodes_[0]
    assert np.abs(network.predict(renamed) - network.predict(table)).max() > 0.01


def test_a_zip_code_without_sales_counts_as_the_average_of_all_sales(network: PriceNetwork, table: Table) -> None:
    zipcodes = table[:, POSITION[ZIPCODE]].astype(np.int64)
    average = network.zipcode_rows(zipcodes).mean(axis=0)
    for unknown in (0, 98_000, 99_999):
        assert unknown not in network.zipcodes_
        np.testing.assert_allclose(network.zipcode_rows(np.array([unknown]))[0], average)


@pytest.mark.parametrize("name", OPTIONAL_COLUMN_NAMES)
def test_a_column_that_is_not_given_is_no_home_that_is_known(network: PriceNetwork, table: Table, name: str) -> None:
    """It is read as something far below whatever was sold, so that the network can tell it from every home."""
    given = table[:, POSITION[name]]
    logs = np.log(given[~np.isnan(given)] + network.offset_[POSITION[name]])
    assert np.log(network.untold_[POSITION[name]]) == pytest.approx(logs.mean() - 4 * logs.std(), abs=1e-3)


def test_a_column_that_never_differs_is_not_read(table: Table, target: Floats) -> None:
    same, other = table.copy(), table.copy()
    same[:, POSITION["condition"]], other[:, POSITION["condition"]] = 3, 5
    network = PriceNetwork(EPOCHS).fit(same, target)
    np.testing.assert_array_equal(network.predict(same), network.predict(other))


def test_homes_at_the_limits_of_what_is_allowed_are_still_priced_as_homes(
    improved: ImprovedModel, sales: Sales
) -> None:
    """A line drawn on from small homes must not reach the moon."""
    homes = sales.table[:200]
    for column in HOME_COLUMNS:
        for limit in (column.low, column.high):
            if limit is None:
                continue
            at_limit = homes.copy()
            at_limit[:, POSITION[column.name]] = limit
            price = improved.value(at_limit).price
            assert (price > sales.prices.min() / 3).all(), column
            assert (price < sales.prices.max() * 3).all(), column


def test_the_graph_prices_any_zip_code_and_any_gaps_as_the_model_does(improved: ImprovedModel, sales: Sales) -> None:
    elsewhere = sales.table[:100].copy()
    elsewhere[:, POSITION[ZIPCODE]] = 98_000
    homes = np.concatenate(
        [elsewhere, only_required(elsewhere), hide(sales.table[:200], "some", np.random.default_rng(1))]
    )
    answers = run(session(improved_graph(improved).SerializeToString()), homes)[PRICE]
    np.testing.assert_allclose(answers, improved.value(homes).price, rtol=1e-5)
