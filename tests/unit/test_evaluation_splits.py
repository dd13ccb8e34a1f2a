"""Which sales are trained on and which are tested."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from data.files import DataError, DataSummary
from evaluation.splits import USUAL_FOLDING, Folding, Split, folds, zipcodes_of
from preprocessing.columns import FEATURE_NAMES, POSITION, ZIPCODE
from training.sales import Sales

SALES = 600
FIRST_DAY = np.datetime64("2014-05-02")


@pytest.fixture
def sales() -> Sales:
    """Thirteen months of sales, one in three of a home sold before, in ten ZIP codes."""
    generator = np.random.default_rng(1)
    table = np.zeros((SALES, len(FEATURE_NAMES)), dtype=np.float32)
    table[:, POSITION[ZIPCODE]] = 98_000 + generator.integers(10, size=SALES)
    return Sales(
        table=table,
        prices=np.full(SALES, 450_000.0),
        homes=generator.integers(SALES // 3, size=SALES),
        days=FIRST_DAY + generator.permutation(np.arange(SALES) % 390),
        summary=DataSummary("", True, SALES, "", "", 10),
    )


@pytest.mark.parametrize("split", Split)
def test_no_sale_is_both_trained_on_and_tested(sales: Sales, split: Split) -> None:
    for fold in folds(split, sales, seed=42):
        assert len(fold.train)
        assert len(fold.test)
        assert not np.intersect1d(fold.train, fold.test).size


@pytest.mark.parametrize("split", Split)
def test_no_sale_is_tested_twice(sales: Sales, split: Split) -> None:
    tested = np.concatenate([fold.test for fold in folds(split, sales, seed=42)])
    assert len(np.unique(tested)) == len(tested)


def test_random_42_is_the_firms_own(sales: Sales) -> None:
    (fold,) = folds(Split.RANDOM, sales, seed=42)
    np.testing.assert_array_equal(fold.train, sales.training)
    np.testing.assert_array_equal(fold.test, sales.held_out)


@pytest.mark.parametrize("split", [Split.RANDOM, Split.GROUPED, Split.ZIP])
def test_a_seed_repeats_its_split_and_another_makes_another(sales: Sales, split: Split) -> None:
    first, again, other = (next(folds(split, sales, seed)).test for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


@pytest.mark.parametrize("split", [Split.GROUPED, Split.ZIP])
def test_every_sale_is_tested_and_no_group_is_torn(sales: Sales, split: Split) -> None:
    groups = sales.homes if split is Split.GROUPED else zipcodes_of(sales.table)
    parts = list(folds(split, sales, seed=42))
    assert len(parts) == USUAL_FOLDING.folds
    np.testing.assert_array_equal(np.sort(np.concatenate([fold.test for fold in parts])), np.arange(SALES))
    for fold in parts:
        assert not np.intersect1d(groups[fold.train], groups[fold.test]).size


def test_temporal_values_everything_after_march_first(sales: Sales) -> None:
    (fold,) = folds(Split.TEMPORAL, sales, seed=42)
    assert sales.days[fold.train].max() < np.datetime64("2015-03-01") <= sales.days[fold.test].min()
    assert len(fold.train) + len(fold.test) == SALES


def test_rolling_trains_on_everything_before_each_month(sales: Sales) -> None:
    parts = list(folds(Split.ROLLING, sales, seed=42))
    months = [np.unique(sales.days[fold.test].astype("datetime64[M]")) for fold in parts]
    assert [str(month) for (month,) in months] == [
        "2014-11", "2014-12", "2015-01", "2015-02", "2015-03", "2015-04", "2015-05"
    ]  # fmt: skip
    for fold, (month,) in zip(parts, months, strict=True):
        np.testing.assert_array_equal(fold.train, np.flatnonzero(sales.days < month.astype("datetime64[D]")))


def test_rolling_may_start_later(sales: Sales) -> None:
    assert len(list(folds(Split.ROLLING, sales, 42, Folding(first_month="2015-04")))) == 2


@pytest.mark.parametrize("split", [Split.TEMPORAL, Split.ROLLING])
def test_sales_of_too_few_days_are_refused(sales: Sales, split: Split) -> None:
    early = replace(sales, days=sales.days - np.timedelta64(400, "D"))
    with pytest.raises(DataError, match="date: sales on both sides of"):
        list(folds(split, early, seed=42))
