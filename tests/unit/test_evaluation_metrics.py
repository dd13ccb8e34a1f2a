"""What the metrics say, against examples worked by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evaluation.metrics import METRICS, band_names, by_band, by_group, difference, estimate, measure
from training.valuations import ValuedSales

ROUNDING = 1e-9


def valued(price: list[float], paid: list[float], homes: list[int] | None = None) -> ValuedSales:
    """With ranges from 10 % below to 20 % above the price."""
    prices = np.array(price, dtype=np.float64)
    ids = np.array(homes if homes is not None else range(len(price)), dtype=np.int64)
    return ValuedSales(prices, prices * 0.9, prices * 1.2, np.array(paid, dtype=np.float64), ids)


FOUR = valued(price=[104.0, 92.0, 115.0, 300.0], paid=[100.0, 100.0, 100.0, 200.0])


def test_by_hand() -> None:
    found = measure(FOUR)
    assert found["mae"] == pytest.approx((4 + 8 + 15 + 100) / 4)
    assert found["rmse"] == pytest.approx(((16 + 64 + 225 + 10_000) / 4) ** 0.5)
    assert found["r2"] == pytest.approx(1 - (16 + 64 + 225 + 10_000) / (3 * 25**2 + 75**2))
    assert found["mape"] == pytest.approx((4 + 8 + 15 + 50) / 4)
    assert found["mdape"] == pytest.approx((8 + 15) / 2)
    assert (found["ppe5"], found["ppe10"], found["ppe20"]) == (25, 50, 75)
    assert found["bias"] == pytest.approx((4 + 15) / 2)
    assert found["coverage"] == 50  # 93.6 to 124.8 and 82.8 to 110.4 hold; 103.5 to 138 and 270 to 360 do not
    assert found["width"] == pytest.approx(30)


def test_nothing_is_measured_of_one_sale() -> None:
    assert all(np.isnan(value) for value in measure(valued([100.0], [100.0])).values())


amounts = st.floats(50_000, 5_000_000)
sold = st.lists(st.tuples(amounts, amounts), min_size=3, max_size=60, unique_by=lambda sale: round(sale[1]))


@given(sold)
@settings(max_examples=40)
def test_all_sales_of_one_home_leave_no_doubt(sales: list[tuple[float, float]]) -> None:
    """No draw differs from the sales themselves, so the weighted metrics must equal the plain ones."""
    price, paid = (list(column) for column in zip(*sales, strict=True))
    for name, found in estimate(valued(price, paid, homes=[7] * len(price)), draws=3).items():
        assert (found.low, found.high) == pytest.approx((found.value, found.value), rel=1e-6, abs=1e-6), name
        assert found.low <= found.value <= found.high, name


@pytest.mark.parametrize("seed", range(3))
def test_the_interval_contains_the_estimate(seed: int) -> None:
    generator = np.random.default_rng(seed)
    paid = np.exp(generator.normal(13, 0.5, size=500))
    price = paid * np.exp(generator.normal(0, 0.2, size=500))
    some = ValuedSales(price, price * 0.75, price * 1.3, paid, generator.integers(400, size=500))
    found = estimate(some)
    assert list(found) == list(METRICS)
    for name in METRICS:
        # All ranges are equally wide, so that the interval of the width is as narrow as rounding.
        assert found[name].low - ROUNDING <= found[name].value <= found[name].high + ROUNDING, name
        assert found[name].low < found[name].high or name == "width"


def test_the_interval_of_a_mean_is_that_of_theory() -> None:
    """MAE of independent errors: plus and minus 1.96 standard errors, within a tenth."""
    generator = np.random.default_rng(5)
    error = generator.exponential(50_000, size=2_000)
    paid = np.full(2_000, 500_000.0) + generator.normal(0, 1, size=2_000)
    price = paid + error
    found = estimate(ValuedSales(price, price, price, paid, np.arange(2_000)))["mae"]
    assert (found.high - found.low) / 2 == pytest.approx(1.96 * error.std() / 2_000**0.5, rel=0.1)


def test_two_sales_of_a_home_are_drawn_together() -> None:
    """When every sale stands twice, drawing homes sees through it: the interval does not shrink."""
    generator = np.random.default_rng(6)
    paid = generator.uniform(200_000, 900_000, size=300)
    price = paid * generator.uniform(0.7, 1.3, size=300)
    once = estimate(ValuedSales(price, price, price, paid, np.arange(300)))["mae"]
    twice = estimate(ValuedSales(*(np.tile(part, 2) for part in (price, price, price, paid, np.arange(300)))))["mae"]
    assert (twice.low, twice.high) == pytest.approx((once.low, once.high))


def test_a_model_does_not_differ_from_itself() -> None:
    for found in difference(FOUR, FOUR).values():
        assert (found.value, found.low, found.high) == pytest.approx((0, 0, 0), abs=1e-9)


def test_draws_in_which_all_prices_are_equal_have_no_r2() -> None:
    found = estimate(valued([90.0, 210.0], [100.0, 200.0]))["r2"]
    assert (found.value, found.low, found.high) == pytest.approx((0.96, 0.96, 0.96))


def test_a_difference_is_paired() -> None:
    """A model that errs by 1,000 dollars more on every home does so in every draw."""
    generator = np.random.default_rng(7)
    paid = generator.uniform(200_000, 900_000, size=300)
    near, far = (ValuedSales(p, p, p, paid, np.arange(300)) for p in (paid + 20_000, paid + 21_000))
    found = difference(far, near)["mae"]
    assert (found.value, found.low, found.high) == pytest.approx((1_000, 1_000, 1_000))


def test_bands_go_by_the_price_that_the_model_gave() -> None:
    some = valued(price=[249_999.0, 250_000.0, 349_999.0, 3e6, 9e6, 1e5], paid=[1e6] * 6)
    found = {band: list(part.price) for band, part in by_band(some)}
    assert found == {
        "below $250,000": [249_999.0, 1e5],
        "$250,000 to $350,000": [250_000.0, 349_999.0],
        "from $2,000,000": [3e6, 9e6],
    }
    assert set(found) <= set(band_names())


def test_groups_keep_all_sales() -> None:
    groups = np.array([98_118, 98_001, 98_118, 98_002])
    found = dict(by_group(FOUR, groups))
    assert list(found) == [98_001, 98_002, 98_118]
    assert list(found[98_118].price) == [104.0, 115.0]
