"""The way from the basic model to the improved one, measured step by step."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from conversion.sales import Sales
from evaluation.ablation import STEPS, Row, ablation


@pytest.fixture(scope="module")
def rows(sales: Sales) -> list[Row]:
    few = slice(2_500)
    part = replace(
        sales, table=sales.table[few], prices=sales.prices[few], homes=sales.homes[few], days=sales.days[few]
    )
    return ablation(part, seeds=(0, 1), folds=2, rounds=40)


def test_every_step_is_measured_after_the_basic_model(rows: list[Row]) -> None:
    assert [row.step for row in rows[1:]] == [step.name for step in STEPS]
    assert all(np.isfinite([row.mae, row.mdape, row.mae_required, row.noise]).all() for row in rows[1:])


def test_a_gain_is_the_difference_from_the_step_before(rows: list[Row]) -> None:
    assert np.isnan(rows[0].gain)
    for before, row in pairwise(rows):
        assert row.gain == pytest.approx(before.mae - row.mae)


def test_trees_beat_the_basic_model_and_gaps_are_what_eight_columns_need(rows: list[Row]) -> None:
    by_name = {row.step: row for row in rows}
    assert by_name[STEPS[3].name].mae < rows[0].mae
    blind, gaps = by_name["without demographics"], by_name["each sale once more with gaps"]
    assert gaps.mae_required < 0.9 * blind.mae_required


def test_the_basic_model_needs_no_more_than_the_required_columns(rows: list[Row]) -> None:
    assert rows[0].mae == rows[0].mae_required
