"""The way from the basic model to the improved one, measured step by step."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from evaluation.ablation import ALTERNATIVES, BASIC, IMPROVED, STEPS, StepFigures, ablation, jobs
from evaluation.runs import GivenColumns, Model, Runs
from evaluation.seeds import other_seeds
from evaluation.splits import Split
from preprocessing.columns import HOME_COLUMN_NAMES
from training.improved import train_improved
from training.location import LANDMARKS
from training.price_model import DECISIONS, train_price, unfitted
from training.sales import Sales

pytestmark = [pytest.mark.training, pytest.mark.once]

SEEDS = (0, 1)
FOLDS = 2
ROUNDS = 20


@pytest.fixture(scope="module")
def few(sales: Sales) -> Sales:
    return sales[:1_500]


@pytest.fixture(scope="module")
def trained() -> list[None]:
    """Grows by one with each training."""
    return []


@pytest.fixture(scope="module")
def rows(few: Sales, trained: list[None]) -> list[StepFigures]:
    return ablation(few, SEEDS, FOLDS, ROUNDS, lambda: trained.append(None))


def test_every_step_is_measured_after_the_basic_model(rows: list[StepFigures]) -> None:
    assert [row.key for row in rows] == [step.key for step in (BASIC, *STEPS, *ALTERNATIVES)]
    assert all(np.isfinite([row.mae, row.mdape, row.mae_required, row.noise, row.noise_required]).all() for row in rows)


def test_its_trainings_can_be_counted_beforehand(rows: list[StepFigures], trained: list[None]) -> None:
    assert len(trained) == jobs(len(SEEDS), FOLDS)


def test_a_gain_is_the_difference_from_the_step_before_and_an_alternative_s_from_the_improved_model(
    rows: list[StepFigures],
) -> None:
    by_key = {row.key: row for row in rows}
    compared = [before.key for before in rows[: len(STEPS)]] + [IMPROVED.key] * len(ALTERNATIVES)
    assert [row.compared for row in rows] == ["", *compared]
    for row in rows[1:]:
        assert row.gain == pytest.approx(by_key[row.compared].mae - row.mae)
        assert row.gain_required == pytest.approx(by_key[row.compared].mae_required - row.mae_required)


def test_trees_beat_the_basic_model_and_gaps_are_what_eight_columns_need(rows: list[StepFigures]) -> None:
    by_key = {row.key: row for row in rows}
    assert by_key["log"].mae < by_key["basic"].mae
    assert by_key["gaps"].mae_required < 0.9 * by_key["blind"].mae_required


def test_the_basic_model_reads_required_columns_only(rows: list[StepFigures]) -> None:
    assert rows[0].mae == pytest.approx(rows[0].mae_required)


def test_two_seeds_averaged_are_no_single_model(rows: list[StepFigures]) -> None:
    by_key = {row.key: row for row in rows}
    assert by_key["doubled"].mae == pytest.approx(by_key["improved"].mae, rel=0.05)
    assert by_key["doubled"].mae != by_key["improved"].mae


def test_the_last_step_prices_to_the_bit_as_the_improved_model_does(few: Sales) -> None:
    assert IMPROVED.decisions == DECISIONS
    some = few[:800]
    alone, published = (
        train_price(some, replace(DECISIONS, rounds=ROUNDS), seed=3),
        train_improved(some, seed=3, rounds=ROUNDS),
    )
    np.testing.assert_array_equal(alone.price(alone.columns(few.table)), published.value(few.table).price)


def test_a_decision_changes_what_the_trees_read(few: Sales) -> None:
    read = {
        name: unfitted(few, decisions, seed=0).columns(few.table)
        for name, decisions in {
            "improved": DECISIONS,
            "with demographics": replace(DECISIONS, demographics=True),
            "without landmarks": replace(DECISIONS, landmarks=False),
        }.items()
    }
    home = len(HOME_COLUMN_NAMES)
    np.testing.assert_array_equal(read["without landmarks"], few.table[:, :home])
    np.testing.assert_array_equal(read["improved"], read["with demographics"][:, : home + LANDMARKS])
    np.testing.assert_array_equal(read["with demographics"][:, home + LANDMARKS :], few.table[:, home:])


def test_other_seeds_are_the_cells_of_these_seeds(few: Sales) -> None:
    found = other_seeds(few, SEEDS, ROUNDS, lambda: None)
    runs = Runs(few, boosting=ROUNDS)
    for model in Model:
        cells = [runs.tested(Split.RANDOM, seed, model, GivenColumns.FULL).valued for seed in SEEDS]
        maes = [np.abs(one.price - one.paid).mean() for one in cells]
        # Of neighbours that are equally near, either may be taken.
        assert found[model.value].mae == pytest.approx(maes, rel=1e-3)
        assert found[model.value].highest >= found[model.value].mean
