"""What a person and a program read about the valued homes."""

from __future__ import annotations

import io
import json

import pytest
from rich.console import Console

from client.errors import HomeRefused
from client.past_sales import Sale
from client.report import REFUSALS_SHOWN, AskedHome, about_sales, home_in_words, json_lines, refusals, show
from client.valuation import Valuation

HOME = {"bedrooms": 3.0, "bathrooms": 2.25, "sqft_living": 1900.0, "zipcode": 98118.0, "lat": 47.542}
VALUATION = Valuation(455_410.9, 380_000.0, 520_000.0, "basic-2026-11-24-ab12cd")


def outcome(answer: Valuation | HomeRefused = VALUATION, sold: float | None = None, times: int = 1) -> AskedHome:
    return AskedHome(2, HOME, answer, None if sold is None else Sale(sold, "20150401T000000", times))


def shown(*outcomes: AskedHome) -> str:
    text = io.StringIO()
    show(outcomes, Console(file=text, width=120))
    return text.getvalue()


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({}, "3 bd, 2.25 ba, 1,900 sq ft, 98118"),
        ({"bedrooms": 33, "bathrooms": 1.0, "sqft_living": 12050}, "33 bd, 1 ba, 12,050 sq ft, 98118"),
        ({"zipcode": 501}, "3 bd, 2.25 ba, 1,900 sq ft, 00501"),
    ],
)
def test_a_home_in_words(changes: dict[str, float], words: str) -> None:
    assert home_in_words({**HOME, **changes}) == words


def test_a_home_without_some_columns_in_words() -> None:
    assert home_in_words({"sqft_living": 900.0, "floors": 1.0}) == "900 sq ft"


def test_the_table_shows_home_price_range_and_model() -> None:
    text = shown(outcome())
    for part in ("3 bd, 2.25 ba, 1,900 sq ft, 98118", "$455,411", "$380,000", "$520,000", VALUATION.price_model):
        assert part in text
    assert "sold" not in text


def test_two_models_are_told_apart_home_by_home() -> None:
    text = shown(outcome(), outcome(Valuation(1.0, 1.0, 1.0, "newer")))
    assert any("$455,411" in line and VALUATION.price_model in line for line in text.splitlines())


def test_a_past_sale_is_compared_and_not_called_unseen() -> None:
    text = shown(outcome(sold=500_000.0), outcome())
    assert "$500,000" in text and "-8.9%" in text
    assert "not unseen" in " ".join(text.split())


def test_the_summary_counts_only_valued_past_sales() -> None:
    outcomes = [
        outcome(sold=VALUATION.price / 1.1),  # 10 % too high, within the range
        outcome(sold=VALUATION.price / 0.7, times=2),  # 30 % too low, outside
        outcome(sold=VALUATION.price),
        outcome(),
        outcome(HomeRefused("no"), sold=1.0),
    ]
    first, _, repeated = about_sales(outcomes)
    assert first == "Median absolute error 10.0%; 2 of 3 sale prices lie within their range."
    assert repeated.endswith("latest sale: 1.")


def test_json_lines_hold_one_object_per_home() -> None:
    valued, refused = (
        json.loads(line) for line in json_lines([outcome(sold=5e5), outcome(HomeRefused("grade is 14"))])
    )
    assert valued == {
        "line": 2,
        "home": {"bedrooms": 3, "bathrooms": 2.25, "sqft_living": 1900, "zipcode": 98118, "lat": 47.542},
        "price": 455_410.9,
        "price_low": 380_000.0,
        "price_high": 520_000.0,
        "price_model": VALUATION.price_model,
        "sold_price": 500_000.0,
        "sold_date": "20150401",
    }
    assert refused == {"line": 2, "home": valued["home"], "refused": "grade is 14"}


def test_refusals_name_the_line_and_stop_somewhere() -> None:
    lines = list(refusals([outcome(), *[outcome(HomeRefused("grade is 14"))] * (REFUSALS_SHOWN + 3)]))
    assert lines[0] == "line 2: grade is 14"
    assert lines[REFUSALS_SHOWN:] == ["and 3 more homes refused"]


def test_when_every_home_was_refused_there_is_no_table() -> None:
    assert shown(outcome(HomeRefused("no"))) == ""
