"""What is counted of the homes that callers send, and the training sales that they are held against."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from preprocessing import checks
from preprocessing.checks import PROBLEMS
from preprocessing.columns import EXAMPLE_HOME, HOME_COLUMN_NAMES, POSITION
from preprocessing.demographics import Demographics
from preprocessing.features import checked_features
from preprocessing.homes import Homes
from preprocessing.metrics import COLUMN, HOMES, UNKNOWN_COLUMN, UNUSUAL, Series, counters, gauges, rejected_series
from preprocessing.tally import Tally, count
from preprocessing.training_bins import (
    LEAST_SHARE,
    MOST_VALUES,
    Bins,
    TrainingBins,
    as_json,
    describe,
    read_training,
)
from tests.unit.drift import psi
from training.sales import Sales

LARGEST = float(np.finfo(np.float32).max)

values_of_sales = st.lists(st.floats(-1e6, 1e6, width=32), min_size=1, max_size=300)
columns_of_homes = st.lists(st.one_of(st.just(float("nan")), st.floats(-1e6, 1e6, width=32)), min_size=18, max_size=18)


@pytest.fixture(scope="session")
def training(sales: Sales) -> TrainingBins:
    return describe(sales.table[sales.training])


def example_values(**changes: float) -> npt.NDArray[np.float32]:
    home = {**EXAMPLE_HOME, **changes}
    return np.array([[home[name] for name in HOME_COLUMN_NAMES]], dtype=np.float32)


def labels(series: Series) -> dict[str, str]:
    return dict(series[1])


@given(values_of_sales, st.sampled_from(("sqft_lot", "zipcode")))
def test_bins_hold_every_sale_once_and_none_is_rare(values: list[float], name: str) -> None:
    column = np.array(values, dtype=np.float32)
    if name == "zipcode":
        column = np.floor(np.abs(column) % 100) + 98_000
    bins = Bins.of(name, column)
    assert bins.count(column).tolist() == np.rint(np.array(bins.shares) * len(values)).tolist()
    assert sum(bins.shares) == pytest.approx(1)
    assert len(set(bins.labels)) == len(bins.labels) <= MOST_VALUES
    assert len(bins.labels) == 1 or min(bins.shares) >= LEAST_SHARE
    assert (bins.low, bins.high) == (column.min(), column.max())


@given(values_of_sales, values_of_sales)
def test_any_value_falls_into_one_bin(values: list[float], others: list[float]) -> None:
    bins = Bins.of("sqft_lot", np.array(values, dtype=np.float32))
    assert bins.count(np.array(others, dtype=np.float32)).sum() == len(others)
    assert (
        bins.count(np.array([np.nan, *others], dtype=np.float32)) == bins.count(np.array(others, dtype=np.float32))
    ).all()


def test_a_column_of_few_values_has_them_as_bins() -> None:
    bins = Bins.of("floors", np.array([1] * 5 + [1.5] * 2 + [2] * 3, dtype=np.float32))
    assert bins == Bins((1.0, 1.5), ("1", "1.5", "2"), (0.5, 0.2, 0.3), 1.0, 2.0)


def test_a_rare_value_joins_its_smaller_neighbour() -> None:
    bins = Bins.of("grade", np.array([6] * 300 + [7] * 1 + [8] * 200, dtype=np.float32))
    assert bins.labels == ("6", "over 6")


def test_zip_codes_are_grouped_by_their_first_four_digits() -> None:
    bins = Bins.of("zipcode", np.array([98001, 98009, 98010, 98118], dtype=np.float32))
    assert bins.labels == ("9800x", "9801x", "9811x")
    assert bins.count(np.array([98005, 98009, 98019, 98119], dtype=np.float32)).tolist() == [2, 1, 1]


def test_a_column_of_many_values_has_ten_equal_bins() -> None:
    bins = Bins.of("sqft_lot", np.arange(1, 1001, dtype=np.float32))
    assert bins.shares == (0.1,) * 10
    assert (bins.labels[0], bins.labels[1], bins.labels[-1]) == ("to 100", "over 100 to 200", "over 900")


def test_training_sales_do_not_drift_from_themselves(sales: Sales, training: TrainingBins) -> None:
    table = sales.table[sales.training]
    for name, bins in training.items():
        assert psi(bins.count(table[:, POSITION[name]]), bins.shares) == pytest.approx(0)


def test_held_out_sales_hardly_drift_and_larger_homes_do(sales: Sales, training: TrainingBins) -> None:
    living, bins = sales.table[sales.held_out][:, POSITION["sqft_living"]], training["sqft_living"]
    assert psi(bins.count(living), bins.shares) < 0.05
    assert psi(bins.count(living * 1.5), bins.shares) > 0.2


def test_drift_is_finite_where_a_bin_is_empty() -> None:
    assert psi(np.array([10, 0]), (0.5, 0.5)) == pytest.approx(0.5 * np.log(2) + (0.5 - 1e-4) * np.log(5e3), rel=1e-3)


def test_bins_come_back_from_their_file(training: TrainingBins, tmp_path: Path) -> None:
    path = tmp_path / "training.json"
    assert read_training(path) is None
    path.write_text(json.dumps(as_json(training)))
    assert read_training(path) == training


def test_a_file_that_lacks_a_column_or_a_share_is_refused(training: TrainingBins, tmp_path: Path) -> None:
    path = tmp_path / "training.json"
    columns = as_json(training)
    path.write_text(json.dumps({name: bins for name, bins in columns.items() if name != "grade"}))
    with pytest.raises(ValueError, match="lacks grade"):
        read_training(path)
    columns["view"]["shares"] = columns["view"]["shares"][1:]
    path.write_text(json.dumps(columns))
    with pytest.raises(ValueError, match="do not fit"):
        read_training(path)


@given(st.lists(columns_of_homes, min_size=1, max_size=30))
def test_every_given_value_is_counted_in_one_bin(training: TrainingBins, homes: list[list[float]]) -> None:
    values = np.array(homes, dtype=np.float32)
    found = count(values, training)
    assert set(found) <= set(counters(training))
    assert sum(number for series, number in found.items() if series[0] == HOMES) == len(homes)
    for place, name in enumerate(HOME_COLUMN_NAMES):
        binned = sum(n for series, n in found.items() if series[0] == COLUMN and labels(series)["column"] == name)
        assert binned == (~np.isnan(values[:, place])).sum()


def test_homes_are_counted_by_the_columns_they_came_with() -> None:
    found = count(np.concatenate([example_values(), example_values(view=float("nan"))]), None)
    assert found == {(HOMES, (("columns", "all"),)): 1, (HOMES, (("columns", "some"),)): 1}


def test_a_value_beyond_all_training_sales_is_unusual(training: TrainingBins) -> None:
    within = {(UNUSUAL, (("column", name),)): count(example_values(), training)[UNUSUAL, (("column", name),)]
              for name in HOME_COLUMN_NAMES}  # fmt: skip
    assert set(within.values()) == {0}
    beyond = count(example_values(sqft_lot=training["sqft_lot"].high + 1), training)
    assert beyond[UNUSUAL, (("column", "sqft_lot"),)] == 1


@given(st.lists(st.integers(1, 5), max_size=20), st.integers(0, 20))
def test_whatever_is_added_is_taken_once(batches: list[int], taken_after: int) -> None:
    tally, total = Tally(None), Counter[Series]()
    for number, homes in enumerate(batches):
        tally.valued(np.repeat(example_values(), homes, axis=0))
        tally.refused([UNKNOWN_COLUMN])
        if number == taken_after:
            total.update(tally.take())
    total.update(tally.take())
    assert total[HOMES, (("columns", "all"),)] == sum(batches)
    assert total[rejected_series(*UNKNOWN_COLUMN)] == len(batches)
    assert tally.take() == {}


def test_what_nobody_takes_is_counted_instead_of_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("preprocessing.tally.MOST_WAITING", 10)
    tally = Tally(None)
    for _ in range(25):
        tally.valued(example_values())
        assert tally._waiting <= 10
    assert tally.take() == {(HOMES, (("columns", "all"),)): 25}


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"grade": 14}, ("grade", checks.OUT_OF_RANGE)),
        ({"grade": 14.5}, ("grade", checks.OUT_OF_RANGE)),
        ({"grade": 7.5}, ("grade", checks.NOT_WHOLE)),
        ({"yr_renovated": 12}, ("yr_renovated", checks.OUT_OF_RANGE)),
        ({"sqft_lot": float("inf")}, ("sqft_lot", checks.NOT_FINITE)),
        ({"lat": float("nan")}, ("lat", checks.NOT_FINITE)),
        ({"zipcode": 12345}, ("zipcode", checks.UNKNOWN_ZIPCODE)),
        ({"sqft_above": 1}, ("sqft_living", checks.TORN_AREA)),
        ({"yr_renovated": 1930}, ("yr_renovated", checks.RENOVATED_TOO_EARLY)),
    ],
)
def test_a_refusal_is_counted_by_column_and_reason(
    demographics: Demographics, change: dict[str, float], problem: tuple[str, str]
) -> None:
    homes = Homes.of({name: [value] for name, value in {**EXAMPLE_HOME, **change}.items()})
    ((found,), _) = checked_features(homes, demographics, 2026)
    assert (found.column, found.reason) == problem
    assert problem in PROBLEMS


@given(st.lists(st.floats(), min_size=17, max_size=17), st.integers(-(2**63), 2**63 - 1))
@example([LARGEST] * 17, 98103)  # their sums are beyond any float32
@example([-LARGEST] * 17, 98103)
@example([1e300] * 17, 98103)  # beyond any by itself
def test_no_home_has_a_problem_that_was_not_foreseen(
    demographics: Demographics, values: list[float], zipcode: int
) -> None:
    others = [name for name in HOME_COLUMN_NAMES if name != "zipcode"]
    columns: dict[str, list[float]] = {name: [value] for name, value in zip(others, values, strict=True)}
    columns["zipcode"] = [zipcode]
    problems, _ = checked_features(Homes.of(columns), demographics, 2026)
    found = {(problem.column, problem.reason) for problem in problems}
    assert found <= set(PROBLEMS)


def test_there_are_not_many_series(training: TrainingBins) -> None:
    series = [*counters(training), *gauges(training)]
    assert len(set(series)) == len(series) < 70 + 2 * 18 * MOST_VALUES
    assert len(counters(None)) < 70
