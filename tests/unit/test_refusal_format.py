"""The service writes refusals and the client reads them, though neither imports the other: they agree on the form."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from client.errors import HomeRefused, error_of_status
from preprocessing import checks
from preprocessing.checks import PROBLEMS, Problem
from preprocessing.columns import EXAMPLE_HOME, HOME_COLUMN_NAMES, HOME_COLUMNS, ZIPCODE
from preprocessing.demographics import Demographics
from preprocessing.features import checked_features
from preprocessing.homes import Homes
from preprocessing.refusal import refusal, unknown_columns, unusable_inputs
from publishing.repository import ENSEMBLES

DEMOGRAPHICS = Demographics(np.array([98001, 98118]), np.ones((2, 26), np.float32))
SPECIAL_CASES = {
    (ZIPCODE, checks.UNKNOWN_ZIPCODE): {ZIPCODE: 12345.0},
    ("sqft_living", checks.TORN_AREA): {"sqft_above": 1.0},
    ("yr_renovated", checks.RENOVATED_TOO_EARLY): {"yr_renovated": 1930.0},
}


def breaking(column: str, reason: str) -> dict[str, float]:
    """Return a change to the example home that breaks this rule."""
    if reason in (checks.OUT_OF_RANGE, checks.NOT_FINITE):
        return {column: -1e9 if reason == checks.OUT_OF_RANGE else float("inf")}
    if reason == checks.NOT_WHOLE:
        return {column: next(entry.low for entry in HOME_COLUMNS if entry.name == column) + 0.5}
    return SPECIAL_CASES[column, reason]


def problems(*changes: dict[str, float]) -> list[Problem]:
    rows = [{**EXAMPLE_HOME, **change} for change in changes]
    homes = Homes.of({name: [row[name] for row in rows] for name in HOME_COLUMN_NAMES})
    return checked_features(homes, DEMOGRAPHICS, 2026)[0]


def received(message: str, ensemble: str = "house_price") -> HomeRefused:
    """Return what the client makes of a message to which Triton adds the name of the ensemble."""
    error = error_of_status(400, f"in ensemble '{ensemble}', {message}", "localhost:8000", ensemble)
    assert isinstance(error, HomeRefused)
    return error


@pytest.mark.parametrize("ensemble", ENSEMBLES)
@pytest.mark.parametrize(("column", "reason"), PROBLEMS)
def test_every_rule_that_a_home_breaks_arrives_by_its_column(column: str, reason: str, ensemble: str) -> None:
    (found,) = [bad for bad in problems(breaking(column, reason)) if bad.column == column]
    assert found.reason == reason
    error = received(refusal([found], 1, DEMOGRAPHICS), ensemble)
    assert error.rows == {0: {column: found.complaint}}
    assert error.reason == found.message
    assert str(error).startswith(f"home refused: {found.message}")


@given(st.lists(st.lists(st.sampled_from(PROBLEMS), max_size=3), min_size=2, max_size=40))
def test_rows_of_a_batch_arrive_with_all_their_columns(broken: list[list[tuple[str, str]]]) -> None:
    changes: list[dict[str, float]] = [{} for _ in broken]
    for change, rules in zip(changes, broken, strict=True):
        for rule in rules:
            change.update(breaking(*rule))
    found = problems(*changes)
    if not found:
        return
    error = received(refusal(found, len(changes), DEMOGRAPHICS))
    sent: dict[int, dict[str, str]] = {}
    for problem in found:
        sent.setdefault(problem.row, {})[problem.column] = problem.complaint
    assert error.rows == sent
    assert {row: alone.rows[0] for row, alone in error.by_row(len(changes)).items()} == sent
    assert len(found) == sum(map(len, sent.values()))  # at most one problem in a column
    assert str(error).startswith(f"{len(sent)} of {len(changes)} homes refused")
    assert "{" not in str(error)


def test_of_a_batch_too_bad_for_one_answer_the_first_rows_arrive() -> None:
    found = problems(*[dict.fromkeys(HOME_COLUMN_NAMES, -1000.0)] * 1024)
    error = received(refusal(found, 1024, DEMOGRAPHICS))
    assert list(error.rows) == list(range(len(error.rows)))
    assert 0 < len(error.rows) < 1024


@pytest.mark.parametrize(
    "message", [unknown_columns(["grad"]), unknown_columns(['a\n{"rows":{"0":{}}}']), unusable_inputs(("grade",))]
)
def test_a_refusal_of_the_request_names_no_home(message: str) -> None:
    assert received(message).rows == {}
    assert str(received(message)) == message
