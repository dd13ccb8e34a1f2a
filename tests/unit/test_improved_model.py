"""The improved model, trained shortly: what it promises whatever a caller leaves out, here and as a graph."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from itertools import product

import numpy as np
import numpy.typing as npt
import onnx
import pytest

from conversion.graph import HIGH, LOW, PRICE, PRICES, run, session
from conversion.improved_graph import improved_graph
from preprocessing.columns import HOME_COLUMN_NAMES, OPTIONAL_COLUMN_NAMES, POSITION, ZIPCODE
from training.accuracy import accuracy
from training.gaps import GIVEN, Given, hide, without
from training.improved import ImprovedModel, train_improved
from training.sales import Sales
from training.valuer import train

pytestmark = pytest.mark.training

ROUNDS = 60
PARITY = 1e-5

Table = npt.NDArray[np.float32]


@pytest.fixture(scope="module")
def sales(all_sales: Sales) -> Sales:
    """Return every sale: what is not learned from tells how often a range holds."""
    return all_sales


@pytest.fixture(scope="module")
def rows(sales: Sales) -> npt.NDArray[np.intp]:
    return sales.training[:4_000]


@pytest.fixture(scope="module")
def model(sales: Sales, rows: npt.NDArray[np.intp]) -> ImprovedModel:
    return train_improved(sales[rows], rounds=ROUNDS)


@pytest.fixture(scope="module")
def unseen(sales: Sales, rows: npt.NDArray[np.intp]) -> npt.NDArray[np.intp]:
    """Return held-out sales of homes that the model does not know from another sale either."""
    held_out = sales.held_out
    return held_out[~np.isin(sales.homes[held_out], sales.homes[rows])]


def test_it_is_far_better_than_the_basic_model_on_the_same_sales(
    model: ImprovedModel, sales: Sales, rows: npt.NDArray[np.intp], unseen: npt.NDArray[np.intp]
) -> None:
    basic = train("basic", sales[rows])
    errors = [accuracy(one.value(sales.table[unseen]).price, sales.prices[unseen]).mae for one in (model, basic)]
    assert errors[0] < 0.85 * errors[1]


@pytest.mark.parametrize("kind", GIVEN)
def test_its_range_holds_nine_in_ten_unseen_prices(
    kind: Given, model: ImprovedModel, sales: Sales, unseen: npt.NDArray[np.intp]
) -> None:
    valued = model.value(hide(sales.table[unseen], kind, np.random.default_rng(8)))
    paid = sales.prices[unseen]
    held = (valued.low <= paid) & (paid <= valued.high)
    assert held.mean() == pytest.approx(0.9, abs=0.03)
    fifths = np.array_split(held[np.argsort(valued.price)], 5)
    assert min(fifth.mean() for fifth in fifths) > 0.8


def test_telling_less_widens_the_range(model: ImprovedModel, sales: Sales, unseen: npt.NDArray[np.intp]) -> None:
    widths = []
    for kind in GIVEN:
        valued = model.value(hide(sales.table[unseen], kind, np.random.default_rng(8)))
        widths.append(np.mean((valued.high - valued.low) / valued.price))
    assert widths == sorted(widths)


def test_homes_get_ranges_of_their_own(model: ImprovedModel, sales: Sales, unseen: npt.NDArray[np.intp]) -> None:
    valued = model.value(sales.table[unseen])
    narrow, wide = np.quantile((valued.high - valued.low) / valued.price, [0.05, 0.95])
    assert wide > 1.3 * narrow


@pytest.mark.parametrize("name", OPTIONAL_COLUMN_NAMES)
def test_any_optional_column_may_be_missing(name: str, model: ImprovedModel, sales: Sales) -> None:
    gap = sales.table[:300].copy()
    gap[:, POSITION[name]] = np.nan
    valued = model.value(gap)
    assert ((valued.low > 0) & (valued.low <= valued.price) & (valued.price <= valued.high)).all()
    assert np.median(np.abs(valued.price / model.value(sales.table[:300]).price - 1)) < 0.1


def test_demographics_do_not_move_a_price(model: ImprovedModel, sales: Sales) -> None:
    blind = sales.table[:100].copy()
    blind[:, len(HOME_COLUMN_NAMES) :] = np.nan
    assert model.value(blind).price == pytest.approx(model.value(sales.table[:100]).price)


def test_the_same_seed_gives_the_same_model(sales: Sales) -> None:
    rows = sales.training[:800]
    twice = [train_improved(sales[rows], seed=5, rounds=10) for _ in range(2)]
    first, second = (one.value(sales.table[:50]) for one in twice)
    # Not to the bit: threads add up their sums in the order in which they are done.
    assert first.price == pytest.approx(second.price)
    assert first.high == pytest.approx(second.high)


def test_it_follows_a_market_that_rises(sales: Sales) -> None:
    some = sales[sales.training[:2_000]]
    last_months = (some.days - (some.days.max() - np.timedelta64(120, "D"))).astype(np.float64).clip(0)
    rise = 0.0008 * last_months  # a tenth in all

    def factor(prices: npt.NDArray[np.float64]) -> float:
        return train_improved(replace(some, prices=prices), rounds=15).market.factor

    found = factor(some.prices * np.exp(rise)) / factor(some.prices)
    assert found == pytest.approx(np.exp(rise.max() - rise.mean()), abs=0.04)


def test_the_latest_market_moves_price_and_range_alike(model: ImprovedModel, sales: Sales) -> None:
    average, latest = model.at("average").value(sales.table[:100]), model.at("latest").value(sales.table[:100])
    for before, after in ((average.price, latest.price), (average.low, latest.low), (average.high, latest.high)):
        assert after == pytest.approx(before * model.market.factor)


def _in_an_unsold_zip_code(table: Table) -> Table:
    table = hide(table, "required", np.random.default_rng(0))
    table[:, POSITION[ZIPCODE]] = 98999
    return table


def _every_choice(table: Table) -> Table:
    """Return homes of which each leaves out another choice of the optional columns."""
    optional = [POSITION[name] for name in OPTIONAL_COLUMN_NAMES]
    left_out = np.array(list(product([False, True], repeat=len(optional))))
    table = table[: len(left_out)].copy()
    table[:, optional] = np.where(left_out, np.nan, table[:, optional])
    return table


CASES: dict[str, Callable[[Table], Table]] = {
    "all columns": lambda table: table,
    "required columns": lambda table: hide(table, "required", np.random.default_rng(0)),
    "some columns": lambda table: hide(table, "some", np.random.default_rng(0)),
    "every choice of columns": _every_choice,
    "a ZIP code never sold in": _in_an_unsold_zip_code,
    **{f"no {name}": partial(without, column=name) for name in OPTIONAL_COLUMN_NAMES},
}


@pytest.fixture(scope="module")
def graph(model: ImprovedModel) -> onnx.ModelProto:
    return improved_graph(model.at("latest"))


@pytest.mark.parametrize("case", CASES)
def test_the_graph_values_every_home_as_scikit_learn_does(
    case: str, graph: onnx.ModelProto, model: ImprovedModel, sales: Sales
) -> None:
    table = CASES[case](sales.table)
    expected, answers = model.at("latest").value(table), run(session(graph.SerializeToString()), table)
    for name, values in zip(PRICES, (expected.price, expected.low, expected.high), strict=True):
        assert np.abs(answers[name] / values - 1).max() <= PARITY
    assert ((answers[LOW] <= answers[PRICE]) & (answers[PRICE] <= answers[HIGH])).all()


def test_a_home_is_valued_alike_alone_and_in_a_batch(graph: onnx.ModelProto, sales: Sales) -> None:
    running = session(graph.SerializeToString())
    together = run(running, sales.table[:40])
    for row in range(40):
        alone = run(running, sales.table[row : row + 1])
        assert alone[PRICE][0] == pytest.approx(together[PRICE][row], rel=PARITY)


def test_the_graph_passes_the_full_check(graph: onnx.ModelProto) -> None:
    onnx.checker.check_model(graph, full_check=True)
    assert [output.name for output in graph.graph.output] == list(PRICES)
