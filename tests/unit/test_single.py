"""A home that comes as parameters of a request is the home that comes as tensors, and is refused in the same words."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from preprocessing.columns import (
    EXAMPLE_HOME,
    HOME_COLUMN_NAMES,
    OPTIONAL_COLUMN_NAMES,
    REQUIRED_COLUMN_NAMES,
    ZIPCODE,
)
from preprocessing.homes import SINGLE_INPUTS, Homes
from preprocessing.single import Refusal, read_home

SINGLE_COLUMNS = [name for name in HOME_COLUMN_NAMES if name != ZIPCODE]
HOME = {name: value for name, value in EXAMPLE_HOME.items() if name in SINGLE_COLUMNS}
RESERVED = ("id", "parameters", "priority", "timeout", "sequence_id", "sequence_start", "sequence_end")
"""Names that Triton takes for itself, in the generate extension or as parameters of a request."""
RESERVED_BEGINNINGS = ("triton_", "binary_", "classification")

numbers = st.one_of(st.integers(-(2**63), 2**63 - 1), st.floats())
any_home = st.fixed_dictionaries(
    dict.fromkeys(REQUIRED_COLUMN_NAMES, numbers), optional=dict.fromkeys(OPTIONAL_COLUMN_NAMES, numbers)
)


def single(*parameters: dict[str, Any]) -> Homes:
    """Return homes as the preprocessing model reads them from requests."""
    rows = [read_home(json.dumps(given)) for given in parameters]
    assert not any(isinstance(row, Refusal) for row in rows), rows
    zipcode = np.array([[98118]], dtype=np.int64)
    return Homes.of_requests([(SINGLE_INPUTS, [zipcode, row]) for row in rows])


@given(
    st.lists(
        st.fixed_dictionaries(
            dict.fromkeys(REQUIRED_COLUMN_NAMES, numbers), optional=dict.fromkeys(OPTIONAL_COLUMN_NAMES, numbers)
        ),
        min_size=1,
        max_size=5,
    )
)
def test_it_has_the_bits_that_tensors_carry(given_homes: list[dict[str, float]]) -> None:
    """Triton makes a tensor's float32 of the double that it reads from the JSON text."""
    for home in given_homes:
        home["zipcode"] = 98118
    homes = single(*({name: home[name] for name in home if name in SINGLE_COLUMNS} for home in given_homes))
    with np.errstate(over="ignore"):
        tensors = [
            Homes.of({name: np.array([value], dtype=np.float64).astype(np.float32) for name, value in home.items()})
            for home in given_homes
        ]
    for field in ("values", "given", "zipcodes"):
        expected = np.concatenate([getattr(home, field) for home in tensors])
        np.testing.assert_array_equal(getattr(homes, field), expected)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"grad": 7}, "unknown column 'grad': did you mean 'grade'?"),
        ({"pool": True}, "unknown column 'pool': "),
        ({"grade": "7"}, 'grade is "7", allowed is a number without quotes'),
        ({"grade": False}, "grade is false, allowed is a number without quotes"),
        ({"grade": None}, "grade is null, allowed is a number without quotes"),
        ({"grade": "7" * 1000, "caller": "crm"}, 'grade is "777'),
    ],
)
def test_what_is_no_number_of_a_column(change: dict[str, Any], message: str) -> None:
    refused = read_home(json.dumps({**HOME, **change}))
    assert isinstance(refused, Refusal)
    assert refused.message.startswith(message)
    assert len(refused.message) < 400


@pytest.mark.parametrize("name", [name for name in REQUIRED_COLUMN_NAMES if name in SINGLE_COLUMNS])
def test_a_required_column_that_is_missing(name: str) -> None:
    refused = read_home(json.dumps({column: value for column, value in HOME.items() if column != name}))
    assert refused == Refusal(f"missing columns: {name}")


@pytest.mark.parametrize("parameters", ["", "{}"])
def test_nothing_but_a_zipcode(parameters: str) -> None:
    missing = [name for name in REQUIRED_COLUMN_NAMES if name in SINGLE_COLUMNS]
    assert read_home(parameters) == Refusal(f"missing columns: {', '.join(missing)}")


def test_a_column_that_is_given_twice() -> None:
    twice = json.dumps(HOME)[:-1] + ', "grade": 8}'
    assert read_home(twice) == Refusal("grade is given 2 times: send it once")


@given(st.text(), st.text())
def test_text_under_another_name_is_the_callers_own_business(name: str, text: str) -> None:
    if name in HOME_COLUMN_NAMES:
        return
    assert read_home(json.dumps({**HOME, name: text})) == read_home(json.dumps(HOME))


def test_no_column_has_a_name_that_triton_takes_for_itself() -> None:
    """Such a column would never arrive as a parameter."""
    assert not set(RESERVED) & set(HOME_COLUMN_NAMES)
    assert not any(name.startswith(RESERVED_BEGINNINGS) for name in HOME_COLUMN_NAMES)
