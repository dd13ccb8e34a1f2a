"""A new version takes over only from one that it does not make worse."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.neighbors import KNeighborsRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import RobustScaler

from conversion.card import CARD_FILE, read_card
from conversion.converted import convert_and_compare
from conversion.create_model import BASIC_COLUMNS, Estimator, create_model, pick
from conversion.gate import Comparison, Difference, judge
from conversion.improved_model import ImprovedModel
from conversion.improved_version import convert_and_compare as convert_improved
from conversion.publish import publish_converted
from conversion.refused import Refused
from conversion.repository import PRICE_MODEL, versions
from conversion.sales import Sales


@pytest.fixture
def repository(published: tuple[Path, dict[str, Any]], tmp_path: Path) -> Path:
    return Path(shutil.copytree(published[0], tmp_path / "served" / "model_repository"))


def neighbours(sales: Sales, count: int, columns: tuple[str, ...] = BASIC_COLUMNS) -> Estimator:
    regressor = make_pipeline(RobustScaler(), KNeighborsRegressor(n_neighbors=count))
    regressor.fit(pick(sales.table[sales.training], columns), sales.prices[sales.training])
    return Estimator("challenger", regressor, columns)


def publish(estimator: Estimator, sales: Sales, repository: Path, accept: str = "") -> int:
    return publish_converted(convert_and_compare(estimator, sales.table[sales.held_out]), sales, repository, accept)


def test_the_same_model_trained_again_is_published(sales: Sales, repository: Path) -> None:
    assert publish(create_model(sales.table, sales.prices), sales, repository) == 2
    gate = read_card(repository / PRICE_MODEL / "2")["gate"]
    assert gate["all_columns"]["difference"] == 0
    assert gate["moved"] == 0


def test_a_better_model_is_published_once_its_prices_are_accepted(
    improved: ImprovedModel, sales: Sales, repository: Path
) -> None:
    converted = convert_improved(improved, sales.table[sales.held_out])
    assert converted.parity.proven
    with pytest.raises(Refused, match=r"changes the price of \d+% of the example homes .* --accept"):
        publish_converted(converted, sales, repository)
    assert versions(repository / PRICE_MODEL) == [1]

    assert publish_converted(converted, sales, repository, "it knows grade, view and location") == 2
    card = read_card(repository / PRICE_MODEL / "2")
    assert card["price_model"].startswith("improved-")
    assert card["gate"]["accepted"] == "it knows grade, view and location"
    assert card["gate"]["all_columns"]["high"] < 0
    assert card["held_out"]["mae"] < card["held_out_required"]["mae"]
    assert card["market"]["reference"] == str(improved.market.reference)


def test_a_worse_model_is_refused(sales: Sales, repository: Path) -> None:
    with pytest.raises(Refused, match=r"worse than basic.*mean absolute error .* higher"):
        publish(neighbours(sales, 500), sales, repository, "whatever")
    assert versions(repository / PRICE_MODEL) == [1]


def test_a_model_trained_with_shuffled_columns_is_refused(sales: Sales, repository: Path) -> None:
    """It reads its columns in another order than it was trained on: right by itself, and wrong."""
    order = np.random.default_rng(1).permutation(len(BASIC_COLUMNS))
    shuffled = neighbours(sales, 5, tuple(BASIC_COLUMNS[place] for place in order))
    wrong = replace(shuffled, columns=BASIC_COLUMNS)
    wrong.regressor.steps[0][1].feature_names_in_ = np.array(BASIC_COLUMNS, dtype=object)
    with pytest.raises(Refused, match="worse than basic"):
        publish(wrong, sales, repository, "whatever")


def test_a_range_of_raw_quantiles_is_refused(improved: ImprovedModel, sales: Sales, repository: Path) -> None:
    """Without the conformal correction a range is too narrow."""
    narrow = replace(improved, range=replace(improved.range, factors=improved.range.factors * 0.6))
    with pytest.raises(Refused, match="range: with all columns given it held"):
        publish_converted(convert_improved(narrow, sales.table[sales.held_out]), sales, repository, "whatever")


def test_made_up_prices_never_take_the_place_of_real_ones(sales: Sales, repository: Path) -> None:
    made_up = replace(sales, summary=replace(sales.summary, standin=True))
    card = repository / PRICE_MODEL / "1" / CARD_FILE
    served = json.loads(card.read_text())
    card.write_text(json.dumps({**served, "data": {**served["data"], "standin": False}}))
    with pytest.raises(Refused, match=r"knows only the stand-in market.* set DATA_DIR"):
        publish(create_model(sales.table, sales.prices), made_up, repository, "whatever")
    assert versions(repository / PRICE_MODEL) == [1]


SAME = Difference(100_000, 100_000, 0, -500, 500)
FINE = Comparison("basic-1", "basic-2", 5_404, SAME, SAME, moved=0.0, largest_move=0.0, speed_ratio=1.0)


def test_a_challenger_that_changes_little_passes() -> None:
    judge(FINE)
    judge(replace(FINE, moved=0.1, speed_ratio=4.0))


@pytest.mark.parametrize(
    ("comparison", "reason"),
    [
        (replace(FINE, speed_ratio=4.1), "slow: it takes 4.1 times as long"),
        (replace(FINE, moved=0.11), "changes the price of 11% of the example homes"),
        (replace(FINE, all_columns=Difference(1e5, 1.1e5, 1e4, 1, 2e4)), "with all columns given"),
        (replace(FINE, required_columns=Difference(1e5, 1.1e5, 1e4, 1, 2e4)), "with only required columns given"),
    ],
)
def test_each_reason_to_refuse(comparison: Comparison, reason: str) -> None:
    with pytest.raises(Refused, match=reason):
        judge(comparison)


def test_only_a_change_of_prices_can_be_accepted() -> None:
    judge(replace(FINE, moved=0.5, accepted="new grades"))
    with pytest.raises(Refused, match="slow"):
        judge(replace(FINE, speed_ratio=9, accepted="new grades"))
