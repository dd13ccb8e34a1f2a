"""From a scikit-learn model to a version: right, calibrated, and described by its card."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.neighbors import KNeighborsRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import RobustScaler

from conversion import Refused
from conversion.converted import Converted, convert_estimator
from conversion.graph import OUTPUTS, Ranges, complete, convert, run, session
from conversion.neighbours import valid_prices
from conversion.parity import TOLERANCE_DOLLARS, compare
from data.files import DataFiles
from preprocessing.columns import FEATURE_NAMES, ZIPCODE
from publishing.card import Card
from publishing.contract import MODEL_FILE
from training.accuracy import accuracy
from training.basic import BASIC_COLUMNS, Estimator, pick, train_basic
from training.gaps import without
from training.relative_range import TARGET_COVERAGE, RelativeRange, calibrate, halves
from training.sales import Sales

PUBLISHED_MAE, PUBLISHED_R2 = 102_045, 0.728
"""Sound Realty's own figures for its basic model."""


@pytest.fixture(scope="module")
def basic(all_sales: Sales) -> Estimator:
    return train_basic(all_sales[all_sales.training])


@pytest.fixture(scope="module")
def converted(basic: Estimator, all_sales: Sales) -> Converted:
    return convert_estimator(basic, all_sales.table[all_sales.held_out])


def test_the_basic_model_reads_7_columns_and_the_demographics_but_no_zipcode() -> None:
    assert len(BASIC_COLUMNS) == 33
    assert ZIPCODE not in BASIC_COLUMNS


def test_the_firms_figures_are_reproduced(real_files: DataFiles, basic: Estimator, all_sales: Sales) -> None:
    measured = accuracy(basic.predict(all_sales.table[all_sales.held_out]), all_sales.prices[all_sales.held_out])
    assert measured.sales == 5_404
    assert measured.mae == pytest.approx(PUBLISHED_MAE, abs=50)
    assert measured.r2 == pytest.approx(PUBLISHED_R2, abs=0.0005)


def test_onnx_values_every_held_out_home_as_scikit_learn_does(converted: Converted, all_sales: Sales) -> None:
    parity = converted.parity
    assert parity.homes == len(all_sales.held_out)
    assert parity.differing == 0
    assert parity.largest_difference <= TOLERANCE_DOLLARS


def test_where_onnx_and_scikit_learn_differ_neighbours_tie(
    basic: Estimator, converted: Converted, all_sales: Sales
) -> None:
    expected = basic.predict(all_sales.table[all_sales.held_out])
    differing = np.flatnonzero(np.abs(converted.prices - expected) > TOLERANCE_DOLLARS)
    ties = {tie.row: tie for tie in converted.parity.ties}
    assert set(differing) <= set(ties)
    assert all(np.isclose(ties[row].valid_prices, converted.prices[row], atol=TOLERANCE_DOLLARS).any() for row in ties)


def test_real_homes_tie_and_are_counted(real_files: DataFiles, converted: Converted) -> None:
    assert 0 < len(converted.parity.ties) < 100


def test_a_tie_allows_the_price_of_each_choice() -> None:
    model = KNeighborsRegressor(n_neighbors=2).fit([[0.0], [1.0], [-1.0], [5.0]], [100.0, 200.0, 400.0, 900.0])
    (prices,) = valid_prices(model, np.array([[0.0]]))
    assert prices.tolist() == [150.0, 250.0]


def test_a_home_with_any_wrong_answer_differs() -> None:
    expected: npt.NDArray[np.float64] = np.full((20, 3), 400_000.0)
    wrong = expected.copy()
    wrong[7, 1] += 5
    wrong[9, 2] = np.nan
    assert compare(expected, wrong).differing == 2
    assert compare(expected, expected + TOLERANCE_DOLLARS).differing == 0
    assert compare(10 * expected, 10 * expected + 30).differing == 0, "a ten-thousandth part is within tolerance"
    assert compare(10 * expected, 10 * expected + 30, relative=0.0).differing == 20


def test_neighbours_refuse_what_they_cannot_convert_exactly(sales: Sales) -> None:
    weighted = make_pipeline(RobustScaler(), KNeighborsRegressor(weights=np.exp))
    weighted.fit(pick(sales.table[:100], BASIC_COLUMNS), sales.prices[:100])
    with pytest.raises(Refused, match="only weights 'uniform' or 'distance'"):
        convert(Estimator("weighted", weighted, BASIC_COLUMNS))


@pytest.mark.training
def test_a_model_is_compared_in_every_way_that_differs_for_it(sales: Sales) -> None:
    columns, rows = ("sqft_living", "grade", "lat", "long"), sales.training[:3000]
    regressor = HistGradientBoostingRegressor(max_iter=20).fit(pick(sales.table[rows], columns), sales.prices[rows])
    converted = convert_estimator(Estimator("other", regressor, columns), sales.table[sales.held_out[:500]])
    assert converted.parity.homes == 500 * len(["whole", "required only", "no grade", "no lat", "no long"])
    assert converted.columns == columns


def test_a_home_with_gaps_gets_the_range_of_homes_with_gaps(converted: Converted, sales: Sales) -> None:
    ranges = Ranges(RelativeRange(0.25, 0.5), RelativeRange(0.5, 1.0), ("grade", "view"))
    running = session(complete(converted.point, ranges, "basic-test").SerializeToString())
    for told, low, high in (
        (sales.table[:50], 0.75, 1.5),
        (without(sales.table[:50], "lat"), 0.75, 1.5),
        (without(sales.table[:50], "view"), 0.5, 2.0),
    ):
        answers = run(running, told)
        assert np.allclose(answers["price_low"], answers["price"] * low)
        assert np.allclose(answers["price_high"], answers["price"] * high)


def test_the_graph_picks_its_columns_itself(converted: Converted, sales: Sales) -> None:
    table = sales.table[:50].copy()
    unused = [place for place, name in enumerate(FEATURE_NAMES) if name not in BASIC_COLUMNS]
    table[:, unused] = np.nan
    assert converted.price(table) == pytest.approx(converted.price(sales.table[:50]))


def test_a_complete_graph_answers_range_and_name(converted: Converted, sales: Sales) -> None:
    graph = complete(converted.point, Ranges(RelativeRange(0.25, 0.5)), "basic-test")
    onnx.checker.check_model(graph, full_check=True)
    answers = run(session(graph.SerializeToString()), sales.table[:300])
    assert list(answers) == list(OUTPUTS)
    assert np.allclose(answers["price_low"], answers["price"] * 0.75)
    assert np.allclose(answers["price_high"], answers["price"] * 1.5)
    assert set(answers["price_model"]) == {"basic-test"}


@pytest.mark.parametrize("bounds", [(-0.1, 0.2), (1.0, 0.2), (0.1, -0.2), (float("nan"), 0.1)])
def test_a_range_lies_around_its_price(bounds: tuple[float, float]) -> None:
    with pytest.raises(ValueError, match="below must lie in"):
        RelativeRange(*bounds)


@settings(max_examples=25)
@given(st.integers(0, 2**32 - 1), st.floats(0.05, 0.5))
def test_a_calibrated_range_holds_the_sales_that_calibrated_it(seed: int, spread: float) -> None:
    rng = np.random.default_rng(seed)
    valued = rng.uniform(1e5, 1e6, 400)
    paid = valued * np.exp(rng.normal(0, spread, 400))
    found = calibrate(valued, paid)
    # The sale that sets a limit lies on it, and rounding may put it on either side.
    wider = RelativeRange(found.below + 1e-9, found.above + 1e-9)
    coverage = wider.around(valued).of(paid, np.arange(len(paid))).coverage
    assert TARGET_COVERAGE <= coverage <= TARGET_COVERAGE + 0.02


def test_no_home_both_calibrates_and_measures(sales: Sales) -> None:
    homes = sales.homes[sales.held_out]
    calibration, measurement = halves(homes)
    assert not set(homes[calibration]) & set(homes[measurement])
    assert sorted([*calibration, *measurement]) == list(range(len(homes)))


def test_accuracy_of_a_hand_computed_example() -> None:
    measured = accuracy(np.array([110.0, 100.0, 150.0, 200.0]), np.array([100.0, 100.0, 200.0, 400.0]))
    assert measured.sales == 4
    assert measured.mae == pytest.approx(65)
    assert measured.rmse == pytest.approx(np.sqrt((100 + 2500 + 40000) / 4))
    assert (measured.mape, measured.mdape, measured.bias) == pytest.approx((21.25, 17.5, -12.5))
    assert (measured.ppe10, measured.ppe20) == (50, 50)


def test_the_card_of_a_version_tells_what_it_is(published: tuple[Path, Card], files: DataFiles, sales: Sales) -> None:
    repository, card = published
    written = json.loads((repository / "price_model/1/card.json").read_text())
    assert written["price_model"] == card.price_model
    assert card.price_model.startswith("basic-20")
    assert card.price_model.endswith("-standin") == files.standin
    assert written["data"] == {
        "fingerprint": files.fingerprint(),
        "standin": files.standin,
        "sales": len(sales.prices),
        "first_sale": str(sales.days.min()),
        "last_sale": str(sales.days.max()),
        "zipcodes": 70,
    }
    assert written["feature_names"] == list(FEATURE_NAMES)
    assert written["price_range"]["coverage"] == pytest.approx(TARGET_COVERAGE, abs=0.03)
    assert (repository / "price_model/1" / MODEL_FILE).stat().st_size > 1_000_000


def test_the_basic_model_is_near_the_firms_accuracy_on_any_market(published: tuple[Path, Card]) -> None:
    _, card = published
    assert 0.6 <= card.held_out.r2 <= 0.8
    assert card.training.mae < card.held_out.mae
