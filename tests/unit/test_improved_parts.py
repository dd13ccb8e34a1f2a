"""What the improved model is made of: gaps, location, range and market index."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from preprocessing.columns import (
    FEATURE_NAMES,
    HOME_COLUMN_NAMES,
    MOST_ZIPCODE,
    POSITION,
    REQUIRED_COLUMN_NAMES,
    ZIPCODE,
)
from training.adaptive_range import MOST_SPREAD, fit_range, spread
from training.gaps import GIVEN, OPTIONAL, Given, hide, how_given, with_gaps
from training.location import METRES_PER_DEGREE, SCALE, Location
from training.market_index import DAYS_AHEAD, MOST_AHEAD, market_index
from training.sales import Sales

LAT, LONG = POSITION["lat"], POSITION["long"]


@pytest.mark.parametrize("kind", GIVEN)
def test_hiding_touches_only_optional_columns_and_not_its_input(kind: Given, sales: Sales) -> None:
    before = sales.table[:500].copy()
    hidden = hide(sales.table[:500], kind, np.random.default_rng(1))
    assert (sales.table[:500] == before).all()
    kept = [place for place in range(len(FEATURE_NAMES)) if place not in OPTIONAL]
    assert (hidden[:, kept] == before[:, kept]).all()
    assert np.isnan(hidden[:, OPTIONAL]).any() == (kind != "all")


def test_how_much_is_given_is_seen_from_the_gaps(sales: Sales) -> None:
    rng = np.random.default_rng(0)
    assert (how_given(sales.table[:200]) == GIVEN.index("all")).all()
    assert (how_given(hide(sales.table[:200], "required", rng)) == GIVEN.index("required")).all()
    for place in OPTIONAL:
        one = sales.table[:5].copy()
        one[:, place] = np.nan
        assert (how_given(one) == GIVEN.index("some")).all()


def test_training_sees_every_optional_column_both_given_and_missing_among_gaps(sales: Sales) -> None:
    copies = with_gaps(sales.table[:2_000], np.random.default_rng(0))
    missing = np.isnan(copies[:, OPTIONAL])
    assert ((missing.mean(axis=0) > 0.6) & (missing.mean(axis=0) < 0.95)).all()
    assert not np.isnan(copies[:, [POSITION[name] for name in REQUIRED_COLUMN_NAMES]]).any()


@pytest.fixture(scope="module")
def location(sales: Sales) -> Location:
    return Location.of(sales.table[:3_000], seed=0)


def test_a_home_at_a_landmark_is_0_metres_from_it_and_one_a_hundredth_of_a_degree_north_1112(sales: Sales) -> None:
    north = np.array([[0.0, 0.0], [0.01, 0.0], [0.0, 0.01]])
    home = sales.table[:3].copy()
    home[:, [LAT, LONG]] = np.array([47.5, -122.25]) + north
    place = home[:1, [LAT, LONG]].astype(np.float64) * SCALE
    metres = Location(place, np.array([98001]), place, place[0]).columns(home)[:, len(HOME_COLUMN_NAMES)]
    assert metres[0] == 0
    assert metres[1] == pytest.approx(METRES_PER_DEGREE / 100, abs=2)
    assert metres[2] == pytest.approx(METRES_PER_DEGREE / 100 * np.cos(np.radians(47.5)), abs=2)


def test_metres_are_whole_and_exact_in_single_precision(location: Location, sales: Sales) -> None:
    columns = location.columns(sales.table)
    assert columns.dtype == np.float32
    metres = columns[:, len(HOME_COLUMN_NAMES) :]
    assert (metres == np.floor(metres)).all()
    assert 0 <= metres.min() < metres.max() < 2**24


def test_what_trees_read_of_a_home_leaves_out_its_demographics(location: Location, sales: Sales) -> None:
    blind = sales.table[:100].copy()
    blind[:, len(HOME_COLUMN_NAMES) :] = np.nan
    assert (location.columns(blind) == location.columns(sales.table[:100])).all()


@pytest.mark.parametrize("lost", [[LAT], [LONG], [LAT, LONG]])
def test_a_home_without_coordinates_stands_at_the_middle_of_its_zip_code(
    lost: list[int], location: Location, sales: Sales
) -> None:
    home = sales.table[:1].copy()
    home[:, lost] = np.nan
    row = int(np.flatnonzero(location.zipcodes == int(home[0, POSITION[ZIPCODE]]))[0])
    expected = np.hypot(*(location.middles[row] - location.landmarks).T)
    assert np.abs(location.columns(home)[0, len(HOME_COLUMN_NAMES) :] - expected).max() <= 1


@settings(max_examples=30)
@given(zipcode=st.integers(0, MOST_ZIPCODE))
def test_any_zip_code_leads_somewhere(zipcode: int, location: Location, sales: Sales) -> None:
    home = hide(sales.table[:1], "required", np.random.default_rng(0))
    home[0, POSITION[ZIPCODE]] = zipcode
    metres = location.columns(home)[0, len(HOME_COLUMN_NAMES) :]
    assert np.isfinite(metres).all()
    if zipcode not in location.zipcodes:
        assert np.abs(metres - np.hypot(*(location.elsewhere - location.landmarks).T)).max() <= 1


@pytest.mark.training
def test_a_range_is_wide_where_errors_are_large_and_holds_nine_in_ten_of_each_kind_of_home() -> None:
    rng = np.random.default_rng(3)
    columns = rng.uniform(0, 1, (9_000, 2)).astype(np.float32)
    kind = np.repeat([0, 1, 2], 3_000)
    size = np.where(columns[:, 0] > 0.5, 0.3, 0.05) * (1 + kind)
    errors = rng.normal(0, size)
    halves = np.arange(9_000) % 2 == 0
    folds = [(np.flatnonzero(halves), np.flatnonzero(~halves)), (np.flatnonzero(~halves), np.flatnonzero(halves))]
    fitted, bounds = fit_range(columns, errors, kind, folds, seed=0)

    assert fitted.factors.shape == (3, 2)
    assert (fitted.factors[:, 0] < 0).all()
    assert (fitted.factors[:, 1] > 0).all()
    spreads = spread(fitted.trees, columns)
    assert spreads[columns[:, 0] > 0.55].min() > 2 * spreads[columns[:, 0] < 0.45].max()

    unseen = rng.uniform(0, 1, (9_000, 2)).astype(np.float32)
    paid = np.exp(rng.normal(0, np.where(unseen[:, 0] > 0.5, 0.3, 0.05) * (1 + kind)))
    low, high = fitted.around(np.ones(9_000), unseen, kind)
    assert (low <= 1).all()
    assert (high >= 1).all()
    within = (bounds[:, 0] <= errors) & (errors <= bounds[:, 1])
    for one in range(3):
        assert within[kind == one].mean() == pytest.approx(0.9, abs=0.025)
        held = ((low <= paid) & (paid <= high))[kind == one]
        assert held.mean() == pytest.approx(0.9, abs=0.025)


def test_a_range_never_lies_beside_its_price_even_where_all_errors_have_one_sign() -> None:
    columns = np.random.default_rng(0).uniform(0, 1, (600, 1)).astype(np.float32)
    errors = np.full(600, 0.2)
    half = np.arange(300)
    fitted, _ = fit_range(
        columns, errors, np.zeros(600, dtype=np.intp), [(half, half + 300), (half + 300, half)], seed=0
    )
    low, high = fitted.around(np.full(600, 5e5), columns, np.zeros(600, dtype=np.intp))
    assert (low <= 5e5).all()
    assert (high >= 5e5).all()
    assert fitted.factors[0, 0] == 0


def test_a_spread_stays_one_of_a_house_price(sales: Sales) -> None:
    columns = sales.table[:500, :5]
    errors = np.full(500, 7.0)
    half = np.arange(250)
    fitted, _ = fit_range(
        columns, errors, np.zeros(500, dtype=np.intp), [(half, half + 250), (half + 250, half)], seed=0
    )
    assert spread(fitted.trees, columns).max() == MOST_SPREAD


def _days(count: int) -> np.ndarray[tuple[int], np.dtype[np.datetime64]]:
    return np.datetime64("2015-01-01") + np.arange(count).astype("timedelta64[D]")


def test_each_month_has_the_level_of_its_sales_where_they_are_many() -> None:
    days = np.repeat(_days(360), 50)
    rises = np.array([0.0, 0.0, 0.01, 0.02, 0.0, 0.0, -0.02, -0.02, 0.0, 0.01, 0.02, 0.03])
    month = days.astype("datetime64[M]").astype(int) % 12
    errors = rises[month] + np.random.default_rng(0).normal(0, 0.15, len(days))
    order = np.random.default_rng(1).permutation(len(days))
    market = market_index(errors[order], days[order])
    middles = np.datetime64("2015-01-15") + np.arange(12) * np.timedelta64(30, "D")
    assert market.at(middles) == pytest.approx(np.exp(rises), abs=0.015)
    assert market.sales == np.count_nonzero(month == 11)


def test_the_trend_is_carried_on_to_the_day_that_prices_are_given_for() -> None:
    days = np.repeat(_days(181), 50)
    slope = 0.0004  # a day
    market = market_index(slope * np.arange(181).repeat(50), days)
    assert market.valued_for == str(days.max() + np.timedelta64(DAYS_AHEAD, "D"))
    assert np.log(market.factor) == pytest.approx(slope * (180 + DAYS_AHEAD), abs=1e-3)
    assert market.at(np.array([market.valued_for], dtype="datetime64[D]")) == pytest.approx(market.factor)


def test_a_trend_is_never_carried_on_beyond_its_limit() -> None:
    days = np.repeat(_days(181), 50)
    market = market_index(0.005 * np.arange(181).repeat(50), days)
    *_, last, ahead = market.levels.values()
    assert np.log(ahead / last) == pytest.approx(MOST_AHEAD)


def test_a_month_of_few_sales_follows_its_neighbours() -> None:
    days = np.repeat(_days(150), 30)
    march = days.astype("datetime64[M]") == np.datetime64("2015-03")
    kept = np.flatnonzero(~march | (np.arange(len(days)) % 310 == 0))
    assert 0 < march[kept].sum() < 5
    errors = np.where(march, 0.3, 0.0) + np.random.default_rng(0).normal(0, 0.15, len(march))
    level = market_index(errors[kept], days[kept]).at(np.array(["2015-03-16"], dtype="datetime64[D]"))
    assert abs(np.log(level[0])) < 0.1


def test_one_wild_sale_does_not_move_the_market() -> None:
    days = np.repeat(_days(40), 10)
    errors = np.zeros(400)
    errors[-1] = 9.0
    assert market_index(errors, days).factor == pytest.approx(1.0)


@settings(max_examples=30)
@given(seed=st.integers(0, 2**32 - 1), count=st.integers(1, 60), span=st.integers(1, 400))
def test_any_sales_have_an_index(seed: int, count: int, span: int) -> None:
    rng = np.random.default_rng(seed)
    days = rng.choice(_days(span), count)
    market = market_index(rng.normal(0, 0.2, count), days)
    assert list(market.levels) == sorted(market.levels)
    assert len(market.levels) == len(np.unique(days.astype("datetime64[M]"))) + 1
    levels = np.array(list(market.levels.values()))
    assert (np.isfinite(levels) & (levels > 0)).all()
    assert np.isfinite(market.at(_days(500))).all()
    assert market.at(_days(500))[-1] == pytest.approx(market.factor)
