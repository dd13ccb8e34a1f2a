"""One home as a plain JSON object: its ZIP code comes as a tensor, its other columns as parameters of the request.

In Triton's generate extension, what is no input of the model becomes a parameter. That spares a tensor for each column,
and with it half of what a request costs.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from .columns import HOME_COLUMN_NAMES, REQUIRED_COLUMN_NAMES, ZIPCODE
from .homes import Row
from .metrics import UNKNOWN_COLUMN
from .refusal import LONGEST_NAME, missing_columns, unknown_columns

ONE_HOME = "this endpoint values one home at a time: send several to house_price or house_price_minimal"

_COLUMNS = frozenset(HOME_COLUMN_NAMES) - {ZIPCODE}
_REQUIRED = frozenset(REQUIRED_COLUMN_NAMES) - {ZIPCODE}
_NUMBERS = frozenset({int, float})
_read_json = json.JSONDecoder().raw_decode  # json.loads without its looks at the encoding and at white space


@dataclass(frozen=True)
class Refusal:
    """Hold why one request gets no price, and the column and reason of each problem, to be counted."""

    message: str
    reasons: Sequence[tuple[str, str]] = ()


def read_home(parameters: str) -> Row | Refusal:
    """Return the home that a request's parameters hold, or why they hold none."""
    given: dict[str, Any] = _read_json(parameters or "{}")[0]
    numbers_of_columns = _COLUMNS >= given.keys() >= _REQUIRED and _NUMBERS.issuperset(map(type, given.values()))
    # Of two values under one name the dictionary keeps the last.
    if not (numbers_of_columns and parameters.count('":') == len(given)) and (refused := _refused(parameters, given)):
        return refused
    return list(map(given.get, HOME_COLUMN_NAMES))


def _refused(parameters: str, given: dict[str, Any]) -> Refusal | None:
    if strangers := strange(given, _COLUMNS):
        return Refusal(unknown_columns(strangers), [UNKNOWN_COLUMN])
    if missing := [name for name in REQUIRED_COLUMN_NAMES if name in _REQUIRED and name not in given]:
        return Refusal(missing_columns(missing))
    names = Counter(name for name, _ in json.loads(parameters, object_pairs_hook=list))
    for name, value in given.items():
        if name in _COLUMNS and type(value) not in _NUMBERS:
            return Refusal(f"{name} is {json.dumps(value)[:LONGEST_NAME]}, allowed is a number without quotes")
        if name in _COLUMNS and names[name] > 1:
            return Refusal(f"{name} is given {names[name]} times: send it once")
    return None


def strange(parameters: dict[str, Any], known: Collection[str] = ()) -> list[str]:
    """Return the names of parameters that are misspelt columns: numbers under names that are not known.

    Text under a name of one's own, such as a reference, is the caller's business. Some names are Triton's own.
    """
    return [
        name
        for name, value in parameters.items()
        if name not in known and not isinstance(value, str) and not name.startswith("triton_")
    ]
