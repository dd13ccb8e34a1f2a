"""Comparables, their adjustment, reasons and confidence: the arithmetic, without a server."""

from __future__ import annotations

from itertools import pairwise, permutations
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from market_analysis.adjustment import adjust
from market_analysis.confidence import confidence, fsd
from market_analysis.past_sales import PastSales, level_at, read_past_sales, write_past_sales
from market_analysis.places import directions, miles
from market_analysis.reasons import GROUPS, mixtures, reasons, rounded_to
from market_analysis.selection import (
    COMPARABLES,
    FEWEST,
    LAST_LEVEL,
    LEVELS,
    NO_LEVEL,
    WEIGHTS,
    is_same_home,
    select,
)
from market_analysis.typical import typical_homes
from preprocessing.columns import EXAMPLE_HOME, FEATURE_NAMES, HOME_COLUMN_NAMES, POSITION
from training.accuracy_by import accuracy_by
from training.valuations import Valuations

AS_OF = np.datetime64("2015-06-01")
EXAMPLE = np.array([EXAMPLE_HOME[name] for name in HOME_COLUMN_NAMES], dtype=np.float32)
Home = npt.NDArray[np.float32]


def neighbours(count: int, *, day: str = "2015-05-01", columns: dict[str, float] | None = None) -> PastSales:
    """Return sales of homes like the example, a little north of it, each worth and sold for $500,000."""
    homes = np.repeat(EXAMPLE[np.newaxis], count, axis=0)
    homes[:, POSITION["lat"]] += 0.001 * np.arange(1, count + 1)
    for name, value in (columns or {}).items():
        homes[:, POSITION[name]] = value
    price = np.full(count, 500_000.0)
    return PastSales(
        ids=np.arange(count, dtype=np.int64),
        days=np.full(count, day, dtype="datetime64[D]"),
        paid=price.copy(),
        homes=homes,
        price=price,
        low=price * 0.8,
        high=price * 1.25,
        level=np.ones(count),
    )


def together(*some: PastSales) -> PastSales:
    """Return all sales, each home with an id of its own."""
    arrays = [np.concatenate([getattr(one, name) for one in some]) for name in PastSales.__dataclass_fields__]
    return PastSales(np.arange(len(arrays[0]), dtype=np.int64), *arrays[1:])


def test_a_degree_of_latitude_is_sixty_nine_miles() -> None:
    away = miles(directions([47.0, 48.0], [-122.0, -122.0]), directions(47.0, -122.0))
    assert away[0] == 0
    assert away[1] == pytest.approx(69.1, abs=0.1)


def test_the_strictest_level_with_enough_sales_decides() -> None:
    near, far = neighbours(COMPARABLES), neighbours(3, columns={"lat": EXAMPLE_HOME["lat"] + 0.1})
    assert select(EXAMPLE, 500_000, together(near, far), AS_OF).level == 0
    older = neighbours(COMPARABLES, day="2014-10-01")
    assert select(EXAMPLE, 500_000, together(near[np.arange(3)], older), AS_OF).level == 1
    few = neighbours(FEWEST)
    chosen = select(EXAMPLE, 500_000, few, AS_OF)
    assert (chosen.level, len(chosen.rows)) == (LAST_LEVEL - 1, FEWEST)
    assert select(EXAMPLE, 500_000, few[np.arange(2)], AS_OF).level == LAST_LEVEL


def test_no_comparable_is_the_answer_where_there_is_none() -> None:
    chosen = select(EXAMPLE, 5_000_000, neighbours(COMPARABLES), AS_OF)
    assert (chosen.level, len(chosen.rows)) == (NO_LEVEL, 0)


def test_the_most_similar_come_first_and_say_how_similar() -> None:
    chosen = select(EXAMPLE, 500_000, neighbours(9), AS_OF)
    assert chosen.rows.tolist() == [0, 1, 2, 3, 4]
    assert chosen.miles == pytest.approx(0.0691 * np.arange(1, 6), rel=0.01)
    assert (np.diff(chosen.similarity) < 0).all()
    assert ((chosen.similarity > 80) & (chosen.similarity < 100)).all()


@pytest.mark.parametrize(
    ("column", "value"),
    [("sqft_living", 3000.0), ("grade", 9.0), ("sqft_lot", 20_000.0), ("waterfront", 1.0)],
)
def test_a_home_beyond_a_limit_is_no_comparable_unless_the_column_is_not_given(column: str, value: float) -> None:
    sales = neighbours(COMPARABLES, columns={column: value})
    assert select(EXAMPLE, 500_000, sales, AS_OF).level > 0
    untold = EXAMPLE.copy()
    untold[POSITION[column]] = np.nan
    assert select(untold, 500_000, sales, AS_OF).level == 0


def test_every_weighted_column_makes_a_home_less_similar() -> None:
    for column in WEIGHTS:
        other = neighbours(COMPARABLES)
        other.homes[:, POSITION[column]] = {"waterfront": 1, "yr_renovated": 1990}.get(
            column, EXAMPLE_HOME[column] * 1.1 + 1
        )
        alike, different = (select(EXAMPLE, 500_000, sales, AS_OF) for sales in (neighbours(COMPARABLES), other))
        assert different.similarity[0] < alike.similarity[0], column


def test_the_home_itself_is_never_a_comparable() -> None:
    sales = neighbours(6)
    for row in range(len(sales)):
        assert row not in select(sales.homes[row], 500_000, sales, AS_OF).rows
    # As it was before it was enlarged, renovated and graded anew.
    changed = sales.homes[0].copy()
    for column, value in (("sqft_living", 2100), ("sqft_above", 1600), ("grade", 8), ("yr_renovated", 2014)):
        changed[POSITION[column]] = value
    assert is_same_home(changed, sales).tolist() == [True, *[False] * 5]
    # Without a place, whatever is equal in all that is given may be the home.
    untold = sales.homes[0].copy()
    untold[[POSITION["lat"], POSITION["long"]]] = np.nan
    assert is_same_home(untold, sales).all()


def test_of_two_sales_of_a_home_the_last_one_counts() -> None:
    sales = together(neighbours(2, day="2014-06-01"), neighbours(2, day="2015-04-01"))
    twice = PastSales(np.array([7, 8, 7, 9]), *[getattr(sales, name) for name in list(sales.__dataclass_fields__)[1:]])
    assert twice.latest().ids.tolist() == [8, 7, 9]
    assert twice.latest().days.astype(str).tolist() == ["2014-06-01", "2015-04-01", "2015-04-01"]
    assert len(twice[np.empty(0, np.intp)].latest()) == 0


def test_a_sale_outside_its_own_range_is_left_out_whatever_it_would_come_to() -> None:
    sales = neighbours(COMPARABLES + 2)
    sales.paid[:2] = 300_000, 700_000
    chosen = select(EXAMPLE, 500_000, sales, AS_OF)
    assert chosen.rows.tolist() == [2, 3, 4, 5, 6]
    assert chosen.unusual == 2


def test_a_home_without_a_place_takes_sales_of_its_zip_code_and_knows_no_distance() -> None:
    untold = EXAMPLE.copy()
    untold[[POSITION["lat"], POSITION["long"]]] = np.nan
    own = neighbours(COMPARABLES, columns={"sqft_lot": 6100})
    elsewhere = neighbours(COMPARABLES, columns={"sqft_lot": 6100, "zipcode": 98004, "lat": 47.7})
    chosen = select(untold, 500_000, together(own, elsewhere), AS_OF)
    assert sorted(chosen.rows) == [0, 1, 2, 3, 4]
    assert not chosen.miles.any()


def test_sales_survive_their_file(tmp_path: Path) -> None:
    sales = neighbours(3)
    arrays: dict[str, npt.NDArray[Any]] = {
        "ids": sales.ids,
        "days": sales.days.astype(np.int64),
        "paid": sales.paid,
        "homes": sales.homes,
    }
    valued = np.column_stack([sales.price, sales.low, sales.high])
    write_past_sales({**arrays, "valued": valued}, tmp_path / "sales.npz")
    again = read_past_sales(tmp_path / "sales.npz", {})
    for name in PastSales.__dataclass_fields__:
        assert (getattr(again, name) == getattr(sales, name)).all(), name


def test_the_market_lies_between_its_months_and_stays_beyond_them() -> None:
    days = np.array(["2014-01-01", "2015-01-01", "2015-01-06", "2015-01-11", "2016-01-01"], dtype="datetime64[D]")
    levels = level_at(days, {"2015-01-01": 1.0, "2015-01-11": 1.21})
    assert levels == pytest.approx([1, 1, 1.1, 1.21, 1.21])


def test_adjusted_prices_equal_their_formula_and_their_two_lines_add_up() -> None:
    sales = neighbours(3)
    sales.paid[:] = 480_000, 500_000, 530_001
    sales.level[:] = 1.0, 0.97, 1.05
    found = adjust(sales, np.arange(3), value=540_000, level=1.08)
    expected = sales.paid * (1.08 / sales.level) * (540_000 / 500_000)
    assert np.abs(found.price - expected).max() <= 0.5
    assert (found.paid + found.market + found.home == found.price).all()
    assert found.market == pytest.approx(sales.paid * (1.08 / sales.level - 1), abs=0.5)
    assert found.gross == pytest.approx(100 * (np.abs(found.market) + np.abs(found.home)) / found.paid)


def test_confidence_goes_by_the_width_of_the_range() -> None:
    deviations = fsd(np.array([400_000.0, 350_000.0]), np.array([500_000.0, 650_000.0]))
    assert deviations == pytest.approx([0.0678, 0.1882], abs=1e-4)
    assert [confidence(one) for one in (0.0678, 0.12, 0.18, 0.1882)] == ["high", "medium", "medium", "low"]


def features(home: Home) -> Home:
    """Return features [44] of a home; the demographics are 1."""
    return np.append(home, np.ones(len(FEATURE_NAMES) - len(home), np.float32))


def invented_price(rows: Home) -> npt.NDArray[np.float64]:
    """Price homes in a way in which columns of several groups matter only together."""
    told = np.where(np.isnan(rows), 3.0, rows).astype(np.float64)
    living, grade, lot, view = (told[:, POSITION[name]] for name in ("sqft_living", "grade", "sqft_lot", "view"))
    return 100 * living * (1 + grade / 10) + lot * (1 + view) + 20_000 * told[:, POSITION["condition"]]


def test_groups_hold_every_column_once() -> None:
    assert sorted(name for columns in GROUPS.values() for name in columns) == sorted(HOME_COLUMN_NAMES)


def test_reasons_are_shapley_values() -> None:
    typical = EXAMPLE.copy()
    for name, value in (("sqft_living", 1500), ("grade", 8), ("sqft_lot", 5000), ("view", 2), ("condition", 3)):
        typical[POSITION[name]] = value
    mixed = mixtures(features(EXAMPLE), typical)
    reference, dollars = reasons(invented_price(mixed.rows), mixed.active)

    groups = list(GROUPS.values())
    added = np.zeros(len(groups))
    orders = list(permutations(mixed.active))
    for order in orders:
        home = features(typical)
        for group in order:
            before = invented_price(home[np.newaxis])[0]
            for name in groups[group]:
                home[POSITION[name]] = EXAMPLE[POSITION[name]]
            added[group] += invented_price(home[np.newaxis])[0] - before
    assert np.abs(dollars - added / len(orders)).max() <= 1
    assert reference + dollars.sum() == np.rint(invented_price(features(EXAMPLE)[np.newaxis])[0])
    assert dollars[[0, 5]].tolist() == [0, 0]  # nothing differs in location and age


def test_what_is_not_given_is_no_reason() -> None:
    untold = EXAMPLE.copy()
    untold[[POSITION["grade"], POSITION["lat"]]] = np.nan
    mixed = mixtures(features(untold), EXAMPLE + 1)
    assert list(GROUPS).index("quality") not in mixed.active
    assert (np.isnan(mixed.rows) == np.isnan(features(untold))).all()


def test_a_typical_home_has_no_reasons() -> None:
    mixed = mixtures(features(EXAMPLE), EXAMPLE)
    assert len(mixed.rows) == 1
    reference, dollars = reasons(np.array([433_200.4]), mixed.active)
    assert (reference, dollars.tolist()) == (433_200, [0] * len(GROUPS))


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=7), st.floats(-0.499, 0.499))
def test_rounded_parts_add_up_and_stay_near(parts: list[float], off: float) -> None:
    total = float(np.rint(sum(parts) + off))
    found = rounded_to(np.array(parts), total)
    assert found.sum() == total
    assert np.abs(found - parts).max() <= 2


def test_typical_homes_are_possible() -> None:
    generator = np.random.default_rng(0)
    sales = neighbours(50)
    above, basement = generator.integers(500, 3000, 50), generator.integers(0, 1500, 50)
    sales.homes[:, POSITION["sqft_above"]], sales.homes[:, POSITION["sqft_basement"]] = above, basement
    sales.homes[:, POSITION["sqft_living"]] = above + basement
    sales.homes[:, POSITION["bedrooms"]] = generator.integers(2, 4, 50)
    sales.homes[-2:, POSITION["zipcode"]] = 98004
    found = typical_homes(sales)
    assert found.keys() == {98118}
    home = dict(zip(HOME_COLUMN_NAMES, found[98118].tolist(), strict=True))
    assert home["sqft_above"] + home["sqft_basement"] == home["sqft_living"]
    assert home["bedrooms"] == int(home["bedrooms"])
    assert 0 <= home["sqft_above"] <= home["sqft_living"]


def test_levels_loosen() -> None:
    for strict, loose in pairwise(LEVELS):
        for name in ("miles", "months", "area", "grade", "lot", "value"):
            assert getattr(strict, name) <= getattr(loose, name)


def test_accuracy_by_part_counts_every_sale_once_each_way() -> None:
    paid = np.array([250_000.0, 300_000.0, 2_000_000.0])
    valued = Valuations(paid * [1.05, 0.8, 1.2], paid, paid).of(paid, np.arange(3))
    found = accuracy_by(valued, np.array([98001, 98001, 98004], np.float32))
    assert [(part.name, part.sales) for part in found["area"]] == [("98001", 2), ("98004", 1)]
    assert [part.name for part in found["price"]] == ["below $300,000", "$300,000 to $500,000", "$1,000,000 and more"]
    first = found["area"][0]
    assert (first.mdape, first.ppe10, first.bias) == pytest.approx((12.5, 50, -7.5))
