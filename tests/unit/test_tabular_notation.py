"""Numbers are read as people write them, where there is no doubt about what they mean."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from data.tabular.notation import COMMA, POINT, Notation, readings


@pytest.mark.parametrize("cell", ["3", " 3 ", "3.0", "+3", "3.", "3e0", "0.3e1", "003"])
def test_a_plain_number(cell: str) -> None:
    assert Notation().number(cell) == 3.0


NOT_NUMBERS = [
    "", " ", "three", "nan", "inf", "-inf", "1e999", "5_000", "\uff13", "0x10", "1,2,3", "1.2.3", "--1", "1 2", "e5",
    ".", ",", "-", "$5", "5%", "1,2345,678", "1,23,456", "1 234,567.5.", "1\n2",
]  # fmt: skip


@pytest.mark.parametrize("cell", NOT_NUMBERS)
@pytest.mark.parametrize("decimals", [set(), {POINT}, {COMMA}])
def test_what_is_no_number_in_any_notation(cell: str, decimals: set[str]) -> None:
    notation = Notation(frozenset(decimals))
    assert notation.number(cell) is None
    assert notation.doubt(cell) is None
    assert notation.problem("grade", cell).endswith("must be a number")


@pytest.mark.parametrize(
    ("cells", "separator", "values"),
    [
        (["1,900", "2.25"], ",", [1900, 2.25]),
        (["1.900", "2,25"], ";", [1900, 2.25]),
        (["1,900", "1,234,567"], ",", [1900, 1234567]),
        (["1.900", "1.234.567"], ";", [1900, 1234567]),
        (["1,900", "1,234.5"], "\t", [1900, 1234.5]),
        (["1 900", "1\u202f234\u202f567", "1'900.5"], ",", [1900, 1234567, 1900.5]),
        (["1 900,5", "47,721"], ";", [1900.5, 47.721]),
        (["47.721", "3"], ",", [47.721, 3]),  # as programs write it
        (["0,721", "1900"], ";", [0.721, 1900]),  # thousands do not begin with 0
        (["-122.26", "-1,900"], ",", [-122.26, -1900]),
    ],
)
def test_marks_are_read_where_the_file_tells_what_they_mean(
    cells: list[str], separator: str, values: list[float]
) -> None:
    notation = Notation.of(cells, separator)
    assert [notation.number(cell) for cell in cells] == values
    assert [notation.doubt(cell) for cell in cells] == [None] * len(cells)


@pytest.mark.parametrize(
    ("cells", "separator", "doubtful", "doubt"),
    [
        (["1,900", "3"], ",", "1,900", "may mean 1900 or 1.9"),
        (["1.900", "3"], ";", "1.900", "may mean 1.9 or 1900"),
        (["1,900", "2.25", "2,25"], ",", "1,900", "may mean 1900 or 1.9"),
        (["1.900", "2.25", "2,25"], ",", "1.900", "may mean 1.9 or 1900"),
        (["2.25", "2,25"], ",", "2,25", "has another decimal mark than other numbers of the file"),
    ],
)
def test_marks_in_doubt_are_not_read_but_explained(cells: list[str], separator: str, doubtful: str, doubt: str) -> None:
    notation = Notation.of(cells, separator)
    assert notation.number(doubtful) is None
    assert f"sqft is '{doubtful}', which {doubt}" in notation.problem("sqft", doubtful)


numbers = st.floats(-1e12, 1e12).map(lambda number: round(number, 2))


@given(st.lists(numbers, min_size=1), st.sampled_from(["en", "de", "ch", "plain"]))
def test_a_file_with_decimals_is_read_as_it_was_written(values: list[float], written: str) -> None:
    forms = {
        "en": lambda value: f"{value:,.2f}",
        "de": lambda value: f"{value:,.2f}".translate(str.maketrans(",.", ".,")),
        "ch": lambda value: f"{value:,.2f}".replace(",", "'"),
        "plain": repr,
    }
    cells = [forms[written](value) for value in values]
    notation = Notation.of(cells, ",")
    assert [notation.number(cell) for cell in cells] == values


@given(st.text(st.sampled_from("0123456789.,'eE+- \u00a0\uff13_"), max_size=12), st.sets(st.sampled_from(".,")))
def test_a_number_is_finite_and_one_of_its_readings(cell: str, decimals: set[str]) -> None:
    number = Notation(frozenset(decimals)).number(cell)
    assert number is None or (math.isfinite(number) and number in readings(cell.strip()).values())


@given(st.floats(-1e9, 1e9))
def test_what_is_written_is_read_back(value: float) -> None:
    for decimals in (set(), {POINT}, {COMMA}):
        notation = Notation(frozenset(decimals), ",")
        text = notation.written(value, 2)
        assert readings(text)[COMMA if decimals == {COMMA} else POINT] == float(f"{value:.2f}")
