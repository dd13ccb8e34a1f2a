"""Homes as JSON schemas: what ``/generate`` reads, from the columns and their limits."""

from __future__ import annotations

from typing import Any

from preprocessing.columns import HOME_COLUMN_NAMES, HOME_COLUMNS, NEXT_YEAR, REQUIRED_COLUMN_NAMES, ZIPCODE, Column
from preprocessing.homes import PACKED_INPUT

from .endpoints import Endpoint

Schema = dict[str, Any]

_SAID_BY_THE_DESCRIPTION = {"rooms", "floors", "0 or 1", "grade", "year", "ZIP code"}
"""Units that a column's description makes clear without being told."""

OWN_TEXT = "Text under any other name is yours and changes nothing; a number there is taken for a misspelt column."
ID = "Yours, and comes back in the reply"


def reference(name: str) -> Schema:
    """Return a reference to a schema of the document."""
    return {"$ref": f"#/components/schemas/{name}"}


def column_schema(column: Column) -> Schema:
    """Return what one home's value of a column may be."""
    unit = "" if column.unit in _SAID_BY_THE_DESCRIPTION else f", in {column.unit}"
    schema: Schema = {"description": f"{column.description}{unit}.", "type": "integer" if column.whole else "number"}
    limits: Schema = {"minimum": _plain(column.low)}
    if column.high is NEXT_YEAR:
        schema["description"] += f" From {column.low:g} to next year."
    else:
        limits["maximum"] = _plain(column.high)
    if column.name == ZIPCODE:
        schema["description"] += (
            " One of the county's ZIP codes with known demographics: the refusal of another one lists them."
            " Written without a decimal point."
        )
    schema |= limits if column.special is None else {"anyOf": [{"const": _plain(column.special)}, limits]}
    return {**schema, "examples": [_plain(column.example)]}


def schemas(most_homes: int) -> dict[str, Schema]:
    """Return the schemas of all columns and of homes with all columns, with the required ones, and packed."""
    return {
        **{column.name: column_schema(column) for column in HOME_COLUMNS},
        "Home": _home("One home with all its columns.", HOME_COLUMN_NAMES),
        "SparseHome": _home(
            "One home. What is not required may be left out, and makes the price surer where it is given.",
            REQUIRED_COLUMN_NAMES,
        ),
        "Homes": _homes("Homes with all their columns", HOME_COLUMN_NAMES),
        "SparseHomes": _homes("Homes with at least the required columns, the same ones for all", REQUIRED_COLUMN_NAMES),
        "PackedHomes": {
            "description": (
                f"Homes as numbers, {len(HOME_COLUMN_NAMES)} a home, one home after the other, in this order: "
                f"{', '.join(HOME_COLUMN_NAMES)}. A column that is not given is NaN, which JSON does not know but "
                "Triton reads; the required ones must be there."
            ),
            "type": "object",
            "required": [PACKED_INPUT],
            "properties": {
                PACKED_INPUT: {
                    "type": "array",
                    "items": {"type": "number"},
                    "minItems": len(HOME_COLUMN_NAMES),
                    "maxItems": len(HOME_COLUMN_NAMES) * most_homes,
                },
                "id": {"description": f"{ID}.", "type": "string"},
            },
            "additionalProperties": {"type": "string"},
        },
    }


def body_schema(endpoint: Endpoint) -> Schema:
    """Return what an endpoint's ``/generate`` reads."""
    if endpoint.packed:
        return reference("PackedHomes")
    one = "SparseHome" if endpoint.sparse else "Home"
    return reference(one) if endpoint.single else {"oneOf": [reference(one), reference(f"{one}s")]}


def _home(description: str, required: tuple[str, ...]) -> Schema:
    return _object(f"{description} {OWN_TEXT}", required, {name: reference(name) for name in HOME_COLUMN_NAMES})


def _homes(description: str, required: tuple[str, ...]) -> Schema:
    columns = {name: {"type": "array", "items": reference(name), "minItems": 1} for name in HOME_COLUMN_NAMES}
    return _object(f"{description}: a list for each column, all of one length. {OWN_TEXT}", required, columns)


def _object(description: str, required: tuple[str, ...], columns: dict[str, Schema]) -> Schema:
    return {
        "description": description,
        "type": "object",
        "required": list(required),
        "properties": {**columns, "id": {"description": f"{ID}.", "type": "string"}},
        "additionalProperties": {"type": "string"},
    }


def _plain(number: float | None) -> float | None:
    """Return a whole number without its decimal point, as people write it."""
    return int(number) if number is not None and float(number).is_integer() else number
