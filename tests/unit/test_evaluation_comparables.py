"""Comparables and reasons held against sales: only earlier ones count, and the page tells no sale."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest

from evaluation.__main__ import DOCS
from evaluation.comparables.accuracy import by_distance, by_limits, by_number, by_price, part, unusual_share, ways
from evaluation.comparables.compared import Asked, Compared, Picked, compared, looked_at, sold_again
from evaluation.comparables.findings import FIGURES, ComparablesFindings
from evaluation.comparables.grades import ALL, GRADES, grades, signals
from evaluation.comparables.page import PAGE
from evaluation.comparables.page import text as page_text
from evaluation.comparables.reason_quality import Explained, judged
from evaluation.comparables.ten_homes import DOLLARS, convincing, doubts, ten_homes
from evaluation.report import PICTURES
from evaluation.runs import Refit
from evaluation.splits import Holdout
from market_analysis.reasons import GROUPS
from market_analysis.selection import COMPARABLES, LAST_LEVEL, NO_LEVEL
from preprocessing.columns import EXAMPLE_HOME, FEATURE_NAMES, HOME_COLUMN_NAMES, POSITION
from training.improved import ImprovedModel
from training.sales import Sales
from training.valuations import ValuedSales

EXAMPLE = np.array([EXAMPLE_HOME.get(name, 0) for name in FEATURE_NAMES], dtype=np.float32)


def homes(adjusted: list[list[float]], estimate: float = 500_000, limits: int = 0, width: float = 0.1) -> Compared:
    """Homes at one estimate, paid just that, whose comparables come to these prices."""
    told = np.array(adjusted, dtype=np.float64)
    count = len(told)
    price = np.full(count, estimate)
    known = told / told  # NaN where there is none
    return Compared(
        row=np.arange(count),
        valued=ValuedSales(price, price * (1 - width), price * (1 + width), price, np.arange(count)),
        value=price,
        level=np.ones(count),
        limits=np.full(count, limits),
        unusual=np.ones(count, dtype=np.int64),
        picked=Picked(known - 1, known * 0.3, told, told, known * 5, known, known * estimate, known * estimate),
    )


def test_a_home_sold_again_is_known_by_its_last_sale_before() -> None:
    days = np.array(["2014-06-01", "2014-08-01", "2014-05-05", "2015-01-01"], dtype="datetime64[D]")
    again = sold_again(np.array([7, 7, 8, 7]), days)
    assert [str(day) for day in again] == ["2014-08-01", "2015-01-01", "9999-12-31", "9999-12-31"]


@pytest.fixture(scope="module")
def refit(improved: ImprovedModel, sales: Sales) -> Refit:
    """Return the model of the tests, and homes that it was kept from."""
    known = sales.unexampled
    return Refit(Holdout(known[:4_000], known[4_000:4_200]), improved)


def test_an_agent_has_only_sales_before_the_home_was_sold_and_none_of_the_home(refit: Refit, sales: Sales) -> None:
    found = compared(sales, [refit], Asked())
    assert len(found) == len(looked_at(sales, refit)) > 0
    for place in range(len(found)):
        rows = found.picked.row[place][np.isfinite(found.picked.row[place])].astype(int)
        assert (sales.days[rows] < sales.days[found.row[place]]).all()
        assert len(set(sales.homes[rows])) == len(rows)
        assert sales.homes[found.row[place]] not in sales.homes[rows]
    picked = found.picked
    expected = picked.paid * (found.level[:, None] / picked.level) * (found.value[:, None] / picked.unseen)
    assert np.nanmax(np.abs(picked.adjusted - expected)) <= 0.5


def test_comparables_are_measured_beside_the_model_on_the_same_homes(refit: Refit, sales: Sales) -> None:
    served, others = (compared(sales, [refit], Asked(unusual_too=too)) for too in (False, True))
    told = {way.name: way for way in ways(sales, served, others)}
    assert len({way.homes for way in told.values()}) == 1
    assert told["comparables, adjusted: as served"].metrics["mdape"].value > 0
    assert others.unusual.sum() == 0 <= unusual_share(served)
    for parts in (by_limits(served), by_distance(served), by_price(served)):
        assert sum(one.homes for one in parts) <= len(served)
    assert sum(one.homes for one in by_limits(served)) == len(served)


def test_homes_with_fewer_comparables_are_told_apart() -> None:
    full, few = [500_000.0] * COMPARABLES, [500_000.0] * 2 + [np.nan] * (COMPARABLES - 2)
    *_, fewer = by_number({COMPARABLES: homes([full, full, few])})
    assert fewer.homes == 1
    assert part("none", homes([[np.nan] * COMPARABLES], limits=NO_LEVEL)).homes == 1


def test_a_comparable_far_from_the_estimate_is_counted() -> None:
    assert part("", homes([[500_000, 630_000], [500_000, 620_000]])).far_off == 50


def test_grades_share_all_homes() -> None:
    wide = [homes([[500_000.0]] * 3, width=width).valued for width in (0.05, 0.25, 0.6)]
    joined = ValuedSales(*(np.concatenate([getattr(one, name) for one in wide]) for name in vars(wide[0])))
    found = {grade.name: grade for grade in grades(joined)}
    assert [found[name].homes for name in (*GRADES, ALL)] == [3, 3, 3, 9]
    assert sum(found[name].share for name in GRADES) == pytest.approx(100)
    assert found[ALL].within_fsd == 100


def test_what_tells_the_error_beforehand_is_ranked() -> None:
    spreads = [[500_000.0 - step, 500_000.0 + step] for step in (1_000, 2_000, 3_000, 4_000)]
    told = homes(spreads)
    paid = told.valued.price * [1.01, 1.02, 1.03, 1.04]
    assert signals(replace(told, valued=told.valued.paid_as(paid))).spread == pytest.approx(1)


@pytest.mark.parametrize(
    ("told", "words"),
    [
        (homes([[490_000, 500_000, 510_000]]), ""),
        (homes([[490_000, 500_000]]), "fewer than 3"),
        (homes([[400_000, 500_000, 600_000]]), "40 percent apart"),
        (homes([[590_000, 600_000, 610_000]]), "20 percent above the estimate"),
        (homes([[490_000, 500_000, 510_000]], limits=LAST_LEVEL - 1), "too few similar sales within 2 miles"),
        (homes([[490_000, 500_000, 510_000]], limits=LAST_LEVEL), "no sales are close"),
        (homes([[490_000, 500_000, 510_000]], width=0.5), "the range is wide"),
        (homes([[np.nan] * 3], limits=NO_LEVEL), "no comparable"),
    ],
)
def test_what_would_not_convince_a_seller_is_named(told: Compared, words: str) -> None:
    against = list(doubts(told, 0))
    assert len(against) == bool(words)
    assert words in "".join(against)
    assert convincing(told).share == (0 if words else 100)


def test_homes_looked_at_are_told_in_round_figures(refit: Refit, sales: Sales) -> None:
    found = ten_homes(sales, compared(sales, [refit]), count=3)
    assert len(found) == 3
    for home in found:
        money = [home.estimate, home.low, home.high, home.together, home.sold_for]
        money += [amount for sale in home.comparables for amount in (sale.paid, sale.adjusted)]
        assert not [amount for amount in money if amount % DOLLARS]
        assert home.judgement.startswith("To be shown" if home.shown else "Not to be shown")


def test_reasons_are_judged_by_sum_sign_and_trainings() -> None:
    """Two homes of a better grade than the typical one; a second training finds another largest reason for one."""
    table = np.repeat(EXAMPLE[np.newaxis], 2, axis=0)
    usual = table[:, : len(HOME_COLUMN_NAMES)].copy()
    table[:, POSITION["grade"]] += 2
    quality, lot = (list(GROUPS).index(name) for name in ("quality", "lot"))
    dollars = np.zeros((2, len(GROUPS)))
    dollars[:, quality] = [50_000, -50_000]  # the second has the wrong sign
    price = np.array([450_000.0, 350_000.0])
    first = Explained(price, np.full(2, 400_000.0), dollars)
    other = Explained(price, np.full(2, 400_000.0), dollars.copy())
    other.dollars[0, lot] = 90_000
    found = judged([first, other], lambda homes: homes[:, POSITION["grade"]].astype(np.float64), table, usual)
    assert (found.homes, found.add_up, found.trainings) == (2, 2, 2)
    assert (found.same_largest, found.price_spread) == (50, 0)
    assert (found.groups[quality].wrong_sign, found.groups[quality].agrees) == (50, 50)


@pytest.fixture(scope="module")
def committed() -> ComparablesFindings:
    return ComparablesFindings.read(DOCS / PICTURES / FIGURES)


def test_the_page_in_the_repository_is_that_of_its_figures(committed: ComparablesFindings) -> None:
    assert (DOCS / PAGE).read_text() == page_text(committed)
    assert not committed.data.standin


def test_reasons_added_up_for_every_home(committed: ComparablesFindings) -> None:
    assert committed.reasons.add_up == committed.reasons.homes > 0


def test_no_sale_can_be_rebuilt_from_the_page(committed: ComparablesFindings) -> None:
    """Prices are rounded; neither an id nor a coordinate stands in it."""
    written = (DOCS / PAGE).read_text()
    homes_part = written[written.index("## Ten homes") :]
    for dollars in re.findall(r"\$([\d,]+)", homes_part):
        assert int(dollars.replace(",", "")) % DOLLARS == 0
    assert not re.search(r"\b\d{8,10}\b|4[78]\.\d{2}|-12[12]\.", written)
