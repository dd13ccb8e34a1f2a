"""Homes that nobody thought of, and what the project itself says of each: the price that must come back, or a refusal.

``FUZZ_CASES`` sets how many are made; the long run is ``FUZZ_CASES=15000 make test TESTS="tests -k fuzz"``.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from hypothesis import strategies as st

from conversion.graph import run, session
from preprocessing.columns import EXAMPLE_HOME, HOME_COLUMN_NAMES, HOME_COLUMNS, REQUIRED_COLUMN_NAMES, ZIPCODE, limits
from preprocessing.demographics import Demographics
from preprocessing.features import checked_features
from preprocessing.homes import Homes
from publishing.contract import MODEL_FILE
from tests.service.asking import PROTOCOLS, SINGLE, Answer, Asker

CASES = int(os.environ.get("FUZZ_CASES", "400"))
"""For each of the tests that fuzz."""
YEAR = date.today().year
LOWS, HIGHS = limits(YEAR)
PRICES = ("price", "price_low", "price_high")

Columns = dict[str, list[float]]


@dataclass(frozen=True)
class Case:
    """Hold homes by column and the protocol in which they are sent."""

    protocol: str
    columns: Columns

    @property
    def model(self) -> str:
        return "house_price" if set(self.columns) == set(HOME_COLUMN_NAMES) else "house_price_minimal"


def _value(place: int, zipcodes: npt.NDArray[np.int64]) -> st.SearchStrategy[float]:
    column = HOME_COLUMNS[place]
    if column.name == ZIPCODE:
        return st.sampled_from([int(zipcode) for zipcode in zipcodes])
    low, high = float(np.float32(LOWS[place])), float(np.float32(HIGHS[place]))
    possible: st.SearchStrategy[float] = st.floats(low, high, width=32)
    if column.whole:
        possible = st.integers(int(np.ceil(low)), int(high)).map(float)
    return st.just(float(np.float32(EXAMPLE_HOME[column.name]))) | possible


def _wild(name: str) -> st.SearchStrategy[float]:
    if name == ZIPCODE:
        return st.integers(-(2**63), 2**63 - 1)
    return st.floats(width=32) | st.sampled_from([float("nan"), float("inf"), -0.0, 1e-45, 3.4e38])


@st.composite
def cases(draw: st.DrawFn, zipcodes: npt.NDArray[np.int64]) -> Case:
    """Make homes that could be sold, many with columns left out and some with a value that is anything."""
    protocol = draw(st.sampled_from((*PROTOCOLS, SINGLE)))
    rows = 1 if protocol == SINGLE else draw(st.integers(1, 6))
    optional = [name for name in HOME_COLUMN_NAMES if name not in REQUIRED_COLUMN_NAMES]
    left_out = draw(st.just(set()) | st.sets(st.sampled_from(optional)))
    names = draw(st.permutations([name for name in HOME_COLUMN_NAMES if name not in left_out]))
    columns: Columns = {
        name: [draw(_value(HOME_COLUMN_NAMES.index(name), zipcodes)) for _ in range(rows)] for name in names
    }
    # Areas that add up, as those of homes do.
    parts = zip(columns["sqft_above"], columns["sqft_basement"], strict=True)
    columns["sqft_living"] = [float(np.float32(above + basement)) for above, basement in parts]
    if {"yr_built", "yr_renovated"} <= columns.keys():
        years = zip(columns["yr_built"], columns["yr_renovated"], strict=True)
        columns["yr_renovated"] = [0.0 if renovated < built else renovated for built, renovated in years]
    if draw(st.integers(0, 3)) == 0:
        name = draw(st.sampled_from(sorted(columns)))
        columns[name][draw(st.integers(0, rows - 1))] = draw(_wild(name))
    return Case(protocol, columns)


class Oracle:
    """Say what the project itself answers, without a server: its own checks, its own features, the graph as it is."""

    def __init__(self, version: Path, demographics: Demographics) -> None:
        self._graph = session((version / MODEL_FILE).read_bytes())
        self.demographics = demographics

    def prices(self, columns: Columns) -> dict[str, npt.NDArray[Any]] | None:
        """Return prices by output, each float32 [N]; None when the homes must be refused."""
        arrays = [
            np.array(values, dtype=np.int64 if name == ZIPCODE else np.float32).reshape(-1, 1)
            for name, values in columns.items()
        ]
        homes = Homes.of_requests([(tuple(columns), arrays)])
        problems, table = checked_features(homes, self.demographics, YEAR)
        return None if problems else run(self._graph, table)


def checker(asker: Asker, oracle: Oracle, counts: Counter[str]) -> Callable[[Case], None]:
    """Return a function that asks for a case and compares the answer with the oracle's, to the bit."""

    def check(case: Case) -> None:
        expected, answer = oracle.prices(case.columns), asker.ask(case.protocol, case.model, case.columns)
        counts[f"{case.protocol} {'refused' if answer.refusal else 'valued'}"] += 1
        assert (expected is None) == bool(answer.refusal), (case, answer)
        if expected is not None:
            _assert_same(expected, answer)

    return check


def _assert_same(expected: dict[str, npt.NDArray[Any]], answer: Answer) -> None:
    for name in PRICES:
        np.testing.assert_array_equal(np.array(answer.outputs[name], dtype=np.float32), expected[name])


def pieces() -> st.SearchStrategy[str]:
    """Return what may stand anywhere in a text that should be JSON."""
    syntax = st.sampled_from(['"', "{", "}", "[", "]", ":", ",", "\\", "null", "NaN", "1e999", "-", "\x00", "\\ud800"])
    return syntax | st.text(max_size=5) | st.integers(-(2**70), 2**70).map(str)


@st.composite
def broken(draw: st.DrawFn, text: str) -> bytes:
    """Change a text in a few places."""
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(text)))
        text = text[:start] + draw(pieces()) + text[start + draw(st.integers(0, 6)) :]
    return text.encode("utf-8", "surrogatepass")
