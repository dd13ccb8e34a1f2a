"""The stand-in market: like the real files in everything but its content."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.metrics import mean_absolute_error, r2_score
from sklearn.model_selection import train_test_split
from sklearn.neighbors import KNeighborsRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import RobustScaler

from data.files import FILE_NAMES, STANDIN_STAMP, DataFiles, find_data
from data.load import MarketData, load_market
from data.standin import SEED, find_or_generate, standin_data
from preprocessing.columns import DEMOGRAPHIC_COLUMNS, HOME_COLUMN_NAMES, REQUIRED_COLUMN_NAMES, ZIPCODE


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> DataFiles:
    return standin_data(tmp_path_factory.mktemp("standin"))


@pytest.fixture(scope="module")
def market(files: DataFiles) -> MarketData:
    return load_market(files)


def test_the_same_seed_gives_the_same_market(files: DataFiles, tmp_path: Path) -> None:
    assert standin_data(tmp_path / "same").fingerprint() == files.fingerprint()
    assert standin_data(tmp_path / "other", SEED + 1).fingerprint() != files.fingerprint()


def test_it_is_generated_once(tmp_path: Path) -> None:
    files = standin_data(tmp_path)
    written = {name: (tmp_path / name).stat().st_mtime_ns for name in FILE_NAMES}
    assert standin_data(tmp_path) == files
    assert {name: (tmp_path / name).stat().st_mtime_ns for name in FILE_NAMES} == written
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted((*FILE_NAMES, STANDIN_STAMP))


@pytest.mark.parametrize("name", [*FILE_NAMES, STANDIN_STAMP])
@pytest.mark.parametrize("gone", [True, False])
def test_it_is_generated_again_when_a_file_is_not_as_it_was(tmp_path: Path, name: str, gone: bool) -> None:
    fingerprint = standin_data(tmp_path).fingerprint()
    if gone:
        (tmp_path / name).unlink()
    else:
        (tmp_path / name).write_text("{")
    assert standin_data(tmp_path).fingerprint() == fingerprint


def test_it_says_that_it_is_made_up(
    files: DataFiles, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        found = find_or_generate({"DATA_DIR": str(files.folder)})
    assert found.standin
    assert "STAND-IN MARKET" in caplog.text
    assert "DATA_DIR" in caplog.text


def test_it_has_the_size_of_the_real_market(market: MarketData) -> None:
    assert market.sales.shape == (21_613, 21)
    assert market.demographics.shape == (70, 27)
    assert market.unseen.shape == (100, 18)
    assert market.sales[ZIPCODE].nunique() == 70


def test_some_homes_sell_again_later_and_dearer(market: MarketData) -> None:
    times = market.sales["id"].value_counts()
    assert (len(times), (times == 2).sum(), (times == 3).sum(), times.max()) == (21_436, 175, 1, 3)
    again = market.sales[market.sales["id"].duplicated(keep=False)]
    assert (again[list(HOME_COLUMN_NAMES)].groupby(again["id"]).nunique() == 1).all(axis=None)
    assert again.groupby("id")["date"].apply(lambda dates: dates.is_monotonic_increasing).all()
    gain = again.groupby("id")["price"].last() / again.groupby("id")["price"].first()
    assert 1.1 < gain.median() < 1.6


def test_no_unseen_home_was_sold(market: MarketData) -> None:
    names = list(HOME_COLUMN_NAMES)
    assert market.unseen.merge(market.sales[names], on=names).empty


def test_it_has_the_oddities_of_the_real_market(market: MarketData) -> None:
    sales = market.sales
    assert (sales["bedrooms"] == 33).sum() == 1
    assert (sales["bedrooms"] == 0).sum() == 13
    assert (sales["bathrooms"] == 0).sum() == 10
    assert 1 <= (sales["yr_built"] > sales["date"].dt.year).sum() < 50


def test_its_year_runs_from_may_to_may_and_rises_in_spring(market: MarketData) -> None:
    dates, prices = market.sales["date"], market.sales["price"]
    assert (dates.min(), dates.max()) == (pd.Timestamp(2014, 5, 2), pd.Timestamp(2015, 5, 27))
    monthly = prices.groupby(dates.dt.to_period("M"))
    assert monthly.size()["2014-07"] > 1.8 * monthly.size()["2015-01"]
    assert monthly.median()["2015-04"] > 1.03 * monthly.median()["2014-12"]


def test_its_prices_have_the_range_of_the_real_ones(market: MarketData) -> None:
    prices = market.sales["price"]
    assert prices.min() >= 75_000
    assert 4_000_000 < prices.max() <= 7_700_000
    assert 420_000 < prices.median() < 480_000
    assert prices.mean() > 1.1 * prices.median()  # a long tail of dear homes


@pytest.mark.parametrize(
    ("one", "other", "low", "high"),
    [
        ("price", "sqft_living", 0.6, 0.8),
        ("price", "grade", 0.6, 0.8),
        ("price", "lat", 0.2, 0.5),
        ("price", "view", 0.2, 0.5),
        ("price", "waterfront", 0.1, 0.4),
        ("sqft_living", "sqft_living15", 0.6, 0.85),
        ("sqft_living", "bathrooms", 0.6, 0.85),
        ("sqft_lot", "sqft_lot15", 0.6, 0.9),
        ("yr_built", "grade", 0.3, 0.6),
        ("yr_built", "condition", -0.5, -0.15),
        ("price", "medn_incm_per_prsn_amt", 0.2, 0.6),
    ],
)
def test_what_goes_together_in_the_real_market_does_here(
    market: MarketData, one: str, other: str, low: float, high: float
) -> None:
    joined = market.sales.merge(market.demographics, on=ZIPCODE)
    assert low < joined[one].corr(joined[other]) < high


def test_read_by_pandas_its_columns_have_the_types_of_the_real_files(files: DataFiles) -> None:
    floats = {"price", "bathrooms", "floors", "lat", "long", *DEMOGRAPHIC_COLUMNS}
    for path in (files.sales, files.demographics, files.unseen):
        types = pd.read_csv(path).drop(columns="date", errors="ignore").dtypes.astype(str)
        assert types.to_dict() == {name: "float64" if name in floats else "int64" for name in types.index}


def test_the_basic_model_does_as_well_as_on_the_real_market_and_boosting_better(market: MarketData) -> None:
    joined = market.sales.merge(market.demographics, on=ZIPCODE)
    train, test = train_test_split(joined, random_state=42)
    basic_columns = [name for name in REQUIRED_COLUMN_NAMES if name != ZIPCODE] + list(DEMOGRAPHIC_COLUMNS)
    basic = make_pipeline(RobustScaler(), KNeighborsRegressor()).fit(train[basic_columns], train["price"])
    basic_prices = basic.predict(test[basic_columns])
    assert 0.6 < r2_score(test["price"], basic_prices) < 0.8

    columns = list(HOME_COLUMN_NAMES)
    boosted = HistGradientBoostingRegressor(max_iter=300, random_state=0).fit(train[columns], np.log(train["price"]))
    boosted_prices = np.exp(boosted.predict(test[columns]))
    assert r2_score(test["price"], boosted_prices) > 0.85
    basic_error = mean_absolute_error(test["price"], basic_prices)
    assert mean_absolute_error(test["price"], boosted_prices) < 0.75 * basic_error


def test_nothing_is_found_where_only_the_stand_in_is(tmp_path: Path) -> None:
    standin_data(tmp_path / "standin")
    assert find_data({}, tmp_path) is None
