"""Requests that the document shows, and refusals with the requests that get them. A test sends all of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from preprocessing.checks import check
from preprocessing.columns import EXAMPLE_HOME, HOME_COLUMN_NAMES, HOME_COLUMNS, REQUIRED_COLUMN_NAMES, ZIPCODE
from preprocessing.demographics import Demographics
from preprocessing.homes import PACKED_INPUT, Homes
from preprocessing.refusal import missing_columns, refusal, unknown_columns

from .endpoints import Endpoint

Home = dict[str, float]
Body = dict[str, Any]

LARGER_HOME: Home = {
    **EXAMPLE_HOME,
    "bedrooms": 4,
    "bathrooms": 3,
    "sqft_living": 2600,
    "sqft_lot": 7200,
    "floors": 2,
    "condition": 3,
    "grade": 9,
    "sqft_above": 2600,
    "sqft_basement": 0,
    "yr_built": 2004,
    ZIPCODE: 98052,
    "lat": 47.685,
    "long": -122.105,
    "sqft_living15": 2500,
    "sqft_lot15": 7000,
}
"""Another made-up, ordinary home, in Redmond."""

_BOTH = (EXAMPLE_HOME, LARGER_HOME)
_YEAR = 2026
"""In which refusals of the examples are worded; none of them speaks of a year."""


@dataclass(frozen=True)
class Example:
    """Hold a request that the document shows."""

    summary: str
    body: Body


@dataclass(frozen=True)
class Refused:
    """Hold a request that gets a 400 and the ``error`` that it gets."""

    summary: str
    model: str
    body: Body
    error: str


def generate_examples(endpoint: Endpoint) -> dict[str, Example]:
    """Return requests to an endpoint's ``/generate`` by name."""
    if endpoint.packed:
        return {
            "one": Example("One home", {PACKED_INPUT: _packed(EXAMPLE_HOME)}),
            "two": Example("Two homes", {PACKED_INPUT: [*_packed(EXAMPLE_HOME), *_packed(LARGER_HOME)]}),
        }
    examples = {"all": Example("One home with all its columns", dict(EXAMPLE_HOME))}
    if endpoint.sparse:
        examples["required"] = Example("One home with what must be given", _required(EXAMPLE_HOME))
        examples["own"] = Example(
            "With an id and text of your own",
            {**_required(EXAMPLE_HOME), "grade": 7, "id": "listing 4711", "caller": "crm"},
        )
    if not endpoint.single:
        examples["two"] = Example("Two homes", _lists([_required(home) if endpoint.sparse else home for home in _BOTH]))
    return examples


def infer_examples(endpoint: Endpoint) -> dict[str, Example]:
    """Return requests to an endpoint's ``/infer`` by name."""
    homes = (EXAMPLE_HOME,) if endpoint.single else _BOTH
    if endpoint.packed:
        rows = [_packed(home) for home in homes]
        inputs = [_tensor(PACKED_INPUT, "FP32", rows, len(HOME_COLUMN_NAMES))]
    else:
        shown = {tensor.name for tensor in endpoint.inputs if not tensor.optional}
        inputs = [
            _tensor(column.name, column.triton_type, [home[column.name] for home in homes], 1)
            for column in HOME_COLUMNS
            if column.name in shown
        ]
    whole: Body = {"id": "listing 4711", "inputs": inputs}
    if endpoint.single:
        whole["parameters"] = {name: value for name, value in EXAMPLE_HOME.items() if name != ZIPCODE}
        return {"one": Example("One home", whole)}
    return {
        "two": Example("Two homes", whole),
        "prices": Example("The prices alone", {**whole, "outputs": [{"name": "price"}]}),
    }


def refused() -> dict[str, Refused]:
    """Return requests that get a 400 by name, each with the service's own words."""
    minimal = _required(EXAMPLE_HOME)
    impossible = {**minimal, "grade": 14}
    batch = [{**impossible, "condition": 3}, {**minimal, "grade": 7, "condition": 3}, {**impossible, "condition": 0}]
    return {
        "impossible": Refused(
            "A value that no home of this market has",
            "house_price_minimal",
            impossible,
            _in("house_price_minimal", _checked([impossible])),
        ),
        "rows": Refused(
            "Two of three homes",
            "house_price_minimal",
            _lists(batch),
            _in("house_price_minimal", _checked(batch)),
        ),
        "misspelt": Refused(
            "A misspelt column",
            "house_price_minimal",
            {**minimal, "grad": 7},
            _in("house_price_minimal", unknown_columns(["grad"])),
        ),
        "missing": Refused(
            "A required column is missing",
            "house_price_single",
            {name: value for name, value in minimal.items() if name != "sqft_lot"},
            _in("house_price_single", missing_columns(["sqft_lot"])),
        ),
    }


def _in(model: str, words: str) -> str:
    """Return a refusal as Triton hands it on."""
    return f"in ensemble '{model}', {words}"


def _checked(homes: Sequence[Home]) -> str:
    """Return what homes of known ZIP codes are refused with."""
    table = Homes.of(_lists(homes))
    known = np.ones(len(homes), dtype=np.bool_)
    nowhere = Demographics(np.empty(0, dtype=np.int64), np.empty((0, 0), dtype=np.float32))
    return refusal(check(table, known, _YEAR), len(homes), nowhere)


def _required(home: Home) -> Home:
    return {name: home[name] for name in REQUIRED_COLUMN_NAMES}


def _lists(homes: Sequence[Home]) -> dict[str, list[float]]:
    return {name: [home[name] for home in homes] for name in homes[0]}


def _packed(home: Home) -> list[float]:
    return [home[name] for name in HOME_COLUMN_NAMES]


def _tensor(name: str, datatype: str, data: list[Any], width: int) -> Body:
    return {"name": name, "datatype": datatype, "shape": [len(data), width], "data": data}
