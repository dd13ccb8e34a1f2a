"""What a home may be, and the features it becomes."""

from __future__ import annotations

import csv
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data.demographics import read_demographics
from preprocessing.checks import Problem
from preprocessing.columns import (
    DEMOGRAPHIC_COLUMNS,
    EXAMPLE_HOME,
    HOME_COLUMN_NAMES,
    HOME_COLUMNS,
    OPTIONAL_COLUMN_NAMES,
    POSITION,
    REQUIRED_COLUMN_NAMES,
    Column,
    limits,
)
from preprocessing.demographics import Demographics
from preprocessing.example import example_features, example_home
from preprocessing.features import checked_features, features
from preprocessing.homes import PACKED_INPUT, Homes, Inputs
from preprocessing.refusal import MOST_SENTENCES, MOST_UNKNOWN, refusal, unknown_columns, unusable_inputs

YEAR = 2026
ZIPCODES = (98001, 98118, 98199)


def made_up_demographics() -> Demographics:
    columns: dict[str, Any] = {name: [i + 0.5, i + 1.5, i + 2.5] for i, name in enumerate(DEMOGRAPHIC_COLUMNS)}
    return Demographics.of({**columns, "zipcode": list(ZIPCODES)})


DEMOGRAPHICS = made_up_demographics()


def homes(*changes: dict[str, float]) -> Homes:
    rows = [{**EXAMPLE_HOME, **change} for change in changes or ({},)]
    return Homes.of({name: [row[name] for row in rows] for name in HOME_COLUMN_NAMES})


def check(homes: Homes) -> list[Problem]:
    return checked_features(homes, DEMOGRAPHICS, YEAR)[0]


def columns_refused(*changes: dict[str, float]) -> list[tuple[int, str]]:
    return [(problem.row, problem.column) for problem in check(homes(*changes))]


def sentences(*changes: dict[str, float]) -> str:
    """Return what a person reads of a refusal."""
    text, _, _ = refusal(check(homes(*changes)), len(changes), DEMOGRAPHICS).partition("\n")
    return text


def message(**change: float) -> str:
    return sentences(change)


free_columns = st.sampled_from(
    [column for column in HOME_COLUMNS if column.name not in ("zipcode", "yr_built", "yr_renovated")]
)


def test_an_ordinary_home_passes() -> None:
    assert columns_refused({}) == []


@pytest.mark.parametrize("column", HOME_COLUMNS, ids=lambda column: column.name)
@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_only_finite_numbers_pass(column: Column, value: float) -> None:
    given_homes = homes()
    given_homes.values[0, POSITION[column.name]] = value
    if column.name == "zipcode":
        given_homes.zipcodes[0] = 0
    refused = [problem.column for problem in check(given_homes)]
    assert refused == [column.name]


@given(free_columns, st.floats(0, 1), st.data())
def test_whatever_lies_within_the_limits_passes(column: Column, share: float, data: st.DataObject) -> None:
    low, high = column.low, column.high
    assert high is not None
    value = low + share * (high - low)
    change = {column.name: float(round(value)) if column.whole else float(np.float32(value))}
    problems = columns_refused(change)
    # An area that no longer adds up is another rule.
    assert [name for _, name in problems if name != "sqft_living"] == []


@given(st.sampled_from(HOME_COLUMNS), st.floats(0.01, 1e6, allow_nan=False), st.booleans())
def test_whatever_lies_beyond_them_is_refused_by_name(column: Column, beyond: float, above: bool) -> None:
    low, high = limits(YEAR)
    place = POSITION[column.name]
    value = np.float32(high[place] + beyond) if above else np.float32(low[place] - beyond)
    if low[place] <= value <= high[place] or value == column.special:
        return  # rounded back to the limit, or to what is allowed beyond it
    names = [name for _, name in columns_refused({column.name: float(value)})]
    assert column.name in names


@pytest.mark.parametrize(
    ("change", "column"),
    [
        ({"zipcode": 98117}, "zipcode"),
        ({"zipcode": -98118}, "zipcode"),
        ({"sqft_lot": -5}, "sqft_lot"),
        ({"sqft_lot": 0}, "sqft_lot"),
        ({"grade": 14}, "grade"),
        ({"grade": 7.5}, "grade"),
        ({"waterfront": 2}, "waterfront"),
        ({"bedrooms": 2.5}, "bedrooms"),
        ({"yr_built": YEAR + 2}, "yr_built"),
        ({"yr_renovated": 1799}, "yr_renovated"),
        ({"yr_renovated": 1930, "yr_built": 1948}, "yr_renovated"),
        ({"sqft_above": 1300}, "sqft_living"),
        ({"lat": 48.5}, "lat"),
        ({"long": 122.2}, "long"),
    ],
)
def test_impossible_homes_are_refused(change: dict[str, float], column: str) -> None:
    assert columns_refused(change) == [(0, column)]


@pytest.mark.parametrize(
    "change",
    [
        {"yr_built": YEAR + 1},
        {"yr_built": 1800},
        {"yr_renovated": 1948, "yr_built": 1948},
        {"bedrooms": 33},
        {"bedrooms": 0, "bathrooms": 0},
        {"sqft_above": 1401},
        {"sqft_lot": 1_651_359},
    ],
)
def test_rare_homes_pass(change: dict[str, float]) -> None:
    assert columns_refused(change) == []


def test_a_large_zipcode_is_not_rounded_to_a_known_one() -> None:
    given_homes = homes()
    given_homes.fill("zipcode", slice(None), np.array([2**40 + 98118]))
    (problem,) = check(given_homes)
    assert str(2**40 + 98118) in problem.message


def test_columns_that_were_not_given_are_not_checked() -> None:
    required = {name: [value] for name, value in EXAMPLE_HOME.items() if name not in OPTIONAL_COLUMN_NAMES}
    given_homes = Homes.of(required)
    assert check(given_homes) == []
    assert np.isnan(given_homes.values).sum() == len(OPTIONAL_COLUMN_NAMES)


def test_messages_name_value_and_limits() -> None:
    assert message(grade=14) == "home refused: grade is 14, allowed is a whole number from 1 to 13"
    assert "yr_built is 1700, allowed is a whole number from 1800 to 2027" in message(yr_built=1700)
    assert "sqft_lot is -5, allowed is a number from 1 to 10,000,000" in message(sqft_lot=-5)
    assert "yr_renovated is 1, allowed is 0 or a whole number" in message(yr_renovated=1)
    unknown = message(zipcode=12345)
    assert "zipcode is 12345" in unknown
    assert unknown.endswith("Known ZIP codes: 98001, 98118, 98199")


def test_one_message_names_every_bad_column() -> None:
    text = message(grade=14, view=9, zipcode=1)
    assert all(name in text for name in ("grade is 14", "view is 9", "zipcode is 1"))


def test_a_batch_names_every_bad_row_from_0() -> None:
    changes: list[dict[str, float]] = [{} for _ in range(500)]
    changes[3], changes[417] = {"grade": 14}, {"zipcode": 12345}
    text = sentences(*changes)
    assert text.startswith("2 of 500 homes refused, rows counted from 0. Row 3: grade is 14")
    assert "Row 417: zipcode is 12345" in text


def test_a_batch_of_bad_rows_gets_a_message_that_fits_into_a_reply() -> None:
    everything: dict[str, float] = dict.fromkeys(HOME_COLUMN_NAMES, -1000.0)
    text = refusal(check(homes(*[everything] * 1024)), 1024, DEMOGRAPHICS)
    assert re.search(r"And \d+ more rows", text)
    assert len(text) < 8_000


def test_the_last_line_of_a_refusal_tells_programs_which_columns_of_which_rows() -> None:
    text = refusal(check(homes({}, {"grade": 14, "view": 9}, {"zipcode": 12345})), 3, DEMOGRAPHICS)
    assert json.loads(text.splitlines()[-1]) == {
        "rows": {
            "1": {
                "view": "is 9, allowed is a whole number from 0 to 4",
                "grade": "is 14, allowed is a whole number from 1 to 13",
            },
            "2": {"zipcode": "is 12345, allowed is one of the known ZIP codes"},
        }
    }


def test_programs_are_told_more_rows_than_people() -> None:
    text = refusal(check(homes(*[{"grade": 14.0}] * 80)), 80, DEMOGRAPHICS)
    assert "more rows" in text
    assert len(json.loads(text.splitlines()[-1])["rows"]) == 80


@pytest.mark.parametrize(("key", "meant"), [("grad", "grade"), ("ZipCode", "zipcode"), ("sqft_livng", "sqft_living")])
def test_a_misspelt_column_is_told_the_right_one(key: str, meant: str) -> None:
    assert unknown_columns([key]) == f"unknown column '{key}': did you mean '{meant}'?"


def test_a_strange_column_is_told_all() -> None:
    assert "the columns are bedrooms, bathrooms" in unknown_columns(["colour"])


@given(st.lists(st.text(max_size=100_000) | st.just("x" * 100_000), min_size=1).map(lambda names: names * 1_000))
@settings(max_examples=20)
def test_thousands_of_unknown_columns_get_a_short_answer(names: list[str]) -> None:
    text = unknown_columns(names)
    assert len(text) < MOST_SENTENCES * 2
    assert text.count("unknown column '") == min(len(names), MOST_UNKNOWN)
    assert text.endswith(f"and {len(names) - MOST_UNKNOWN} more unknown columns")


@given(st.lists(st.sampled_from(ZIPCODES), min_size=1, max_size=20), st.permutations(HOME_COLUMN_NAMES))
def test_features_are_the_home_and_its_demographics_in_any_column_order(zipcodes: list[int], order: list[str]) -> None:
    columns = {name: np.full(len(zipcodes), EXAMPLE_HOME[name]) for name in HOME_COLUMN_NAMES}
    columns["zipcode"] = np.array(zipcodes)
    table = features(Homes.of({name: columns[name] for name in order}), DEMOGRAPHICS)
    assert table.dtype == np.float32
    assert table.shape == (len(zipcodes), 44)
    for name in HOME_COLUMN_NAMES:
        assert (table[:, POSITION[name]] == columns[name].astype(np.float32)).all()
    for row, zipcode in zip(table, zipcodes, strict=True):
        assert (row[18:] == np.arange(26) + 0.5 + ZIPCODES.index(zipcode)).all()


def test_features_of_an_unknown_zipcode_are_not_a_number() -> None:
    assert np.isnan(features(homes({"zipcode": 12345}), DEMOGRAPHICS)[0, 18:]).all()


def test_demographics_of_a_zipcode_stand_once() -> None:
    columns: dict[str, Any] = {name: [0.0, 0.0] for name in DEMOGRAPHIC_COLUMNS}
    with pytest.raises(ValueError, match="98001 stands there twice"):
        Demographics.of({**columns, "zipcode": [98001, 98001]})


def test_demographics_are_read_by_name(tmp_path: Path) -> None:
    path = tmp_path / "demographics.csv"
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["zipcode", *reversed(DEMOGRAPHIC_COLUMNS)])
        writer.writerow([98118, *range(26)])
    read = Demographics.read(path)
    assert read.zipcodes.tolist() == [98118]
    assert read.figures[0].tolist() == list(reversed(range(26)))


def test_demographics_are_read_as_excel_saves_them(tmp_path: Path) -> None:
    path = tmp_path / "demographics.csv"
    lines = [",".join(["zipcode", *DEMOGRAPHIC_COLUMNS]), ",".join(map(str, [98118, *range(26)])), "," * 26, ""]
    path.write_bytes("\r\n".join(lines).encode("utf-8-sig"))
    read = read_demographics(path)
    assert read.zipcodes.tolist() == [98118]
    assert read.figures[0].tolist() == list(range(26))
    read.write(tmp_path / "written.csv")
    again = Demographics.read(tmp_path / "written.csv")
    np.testing.assert_array_equal(again.zipcodes, read.zipcodes)
    np.testing.assert_array_equal(again.figures, read.figures)


def test_the_example_home_moves_to_a_zipcode_that_is_known() -> None:
    columns: dict[str, Any] = {name: [1.0] for name in DEMOGRAPHIC_COLUMNS}
    elsewhere = Demographics.of({**columns, "zipcode": [97000]})
    assert example_home(elsewhere)["zipcode"] == 97000
    assert example_features(elsewhere).shape == (1, 44)


def as_columns(names: tuple[str, ...], *changes: dict[str, float]) -> Inputs:
    rows = [{**EXAMPLE_HOME, **change} for change in changes]
    types = {"zipcode": np.int64}
    return names, [np.array([[row[name]] for row in rows], dtype=types.get(name, np.float32)) for name in names]


def as_packed(*changes: dict[str, float]) -> Inputs:
    return (PACKED_INPUT,), [homes(*changes).values]


def test_requests_of_every_kind_are_joined_in_their_order() -> None:
    shuffled = HOME_COLUMN_NAMES[::-1]
    requests = [
        as_columns(HOME_COLUMN_NAMES, {"bedrooms": 1}),
        as_columns(HOME_COLUMN_NAMES, {"bedrooms": 2}),
        as_columns(shuffled, {"bedrooms": 3}, {"bedrooms": 4, "zipcode": 98001}),
        as_columns(REQUIRED_COLUMN_NAMES, {"bedrooms": 5}),
        as_packed({"bedrooms": 6}, {"bedrooms": 7}),
    ]
    joined = Homes.of_requests(requests)
    assert [len(arrays) for _, arrays in requests] == [18, 18, 18, 8, 1]  # nothing was taken out of them
    expected = homes(*({"bedrooms": float(count)} for count in range(1, 8)))
    expected.values[3, POSITION["zipcode"]] = expected.zipcodes[3] = 98001
    absent = [POSITION[name] for name in OPTIONAL_COLUMN_NAMES]
    expected.values[4, absent], expected.given[4, absent] = np.nan, False
    np.testing.assert_array_equal(joined.values, expected.values)
    np.testing.assert_array_equal(joined.given, expected.given)
    np.testing.assert_array_equal(joined.zipcodes, expected.zipcodes)


@pytest.mark.parametrize(
    ("change", "refused"),
    [
        ({"bathrooms": float("nan")}, ["bathrooms"]),
        ({"zipcode": float("nan")}, ["zipcode"]),
        ({"zipcode": 98118.5}, ["zipcode"]),
        ({"zipcode": float("inf")}, ["zipcode"]),
        ({"zipcode": -1}, ["zipcode"]),
        ({"grade": float("nan"), "lat": float("nan")}, []),
        ({"grade": float("inf")}, ["grade"]),
        ({"grade": 7.5}, ["grade"]),
    ],
)
def test_packed_homes_are_held_to_the_same_rules(change: dict[str, float], refused: list[str]) -> None:
    values = homes().values
    for name, value in change.items():
        values[0, POSITION[name]] = value
    problems = check(Homes.packed(values))
    assert [problem.column for problem in problems] == refused
    for name in refused:
        assert f"{name} is {change[name]:g}," in problems[0].message


@pytest.mark.parametrize("names", [HOME_COLUMN_NAMES, REQUIRED_COLUMN_NAMES, (PACKED_INPUT,)])
def test_inputs_that_make_homes_pass(names: tuple[str, ...]) -> None:
    assert unusable_inputs(names) == ""


@pytest.mark.parametrize(
    ("names", "reason"),
    [
        ((), "missing columns: bedrooms, bathrooms"),
        (HOME_COLUMN_NAMES[1:], "missing columns: bedrooms"),
        ((*HOME_COLUMN_NAMES, PACKED_INPUT), "input 'homes' holds all columns of a home: send it without any other"),
    ],
)
def test_inputs_that_make_no_home_are_told_why(names: tuple[str, ...], reason: str) -> None:
    assert unusable_inputs(names).startswith(reason)


def test_no_request_makes_no_home() -> None:
    problems, table = checked_features(Homes.of_requests([]), DEMOGRAPHICS, YEAR)
    assert problems == []
    assert table.shape == (0, 44)
