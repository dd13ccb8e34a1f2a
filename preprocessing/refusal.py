"""What a caller gets instead of a price: sentences for people, then one line of JSON for programs.

The JSON names every bad home by its row, counted from 0, and every bad column with what is wrong with it::

    home refused: grade is 14, allowed is a whole number from 1 to 13
    {"rows":{"0":{"grade":"is 14, allowed is a whole number from 1 to 13"}}}

It is the last line of the message. A message without it refuses the request itself and says nothing about a home.
``client.errors`` reads it; a test holds both sides together.
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterable, Sequence
from functools import lru_cache
from itertools import accumulate, groupby

from .checks import Problem
from .columns import HOME_COLUMN_NAMES, REQUIRED_COLUMN_NAMES, ZIPCODE
from .demographics import Demographics
from .homes import PACKED_INPUT

MOST_JSON = 5_500
"""Characters. A message travels in gRPC's trailers, of which many clients read no more than 8 KiB."""
MOST_UNKNOWN = 5
"""Unknown columns that are named. Each is compared with all columns, and a request may have thousands."""
LONGEST_NAME = 40
"""Characters of an unknown column's name that are looked at; the longest column has 13."""
MOST_SENTENCES = 1_000
"""Characters of sentences about rows, before the known ZIP codes: all rows that fit stand in the JSON anyway."""


def refusal(problems: Sequence[Problem], homes: int, demographics: Demographics) -> str:
    """Return why a request of so many homes gets no price: every bad row with its bad columns, as many as fit."""
    rows = [(row, list(problems_of_row)) for row, problems_of_row in groupby(problems, key=lambda bad: bad.row)]
    described = [(row, "; ".join(problem.message for problem in bad)) for row, bad in rows]
    if homes == 1:
        sentences = f"home refused: {described[0][1]}"
    else:
        shown = _fitting([f"Row {row}: {text}" for row, text in described], MOST_SENTENCES)
        more = [f"And {len(rows) - len(shown)} more rows"] if len(shown) < len(rows) else []
        sentences = ". ".join([f"{len(rows)} of {homes} homes refused, rows counted from 0", *shown, *more])
    if any(problem.column == ZIPCODE for problem in problems):
        sentences += f". Known ZIP codes: {', '.join(map(str, demographics.zipcodes))}"
    return f'{sentences}\n{{"rows":{{{",".join(_fitting([_as_json(row, bad) for row, bad in rows], MOST_JSON))}}}}}'


@lru_cache(maxsize=64)
def unusable_inputs(names: tuple[str, ...]) -> str:
    """Return why inputs of these names make no homes; empty where they do.

    The ensembles let nothing else through. Who asks the preprocessing model itself may send any inputs.
    """
    if names == (PACKED_INPUT,):
        return ""
    if PACKED_INPUT in names:
        return f"input '{PACKED_INPUT}' holds all columns of a home: send it without any other input"
    missing = [name for name in REQUIRED_COLUMN_NAMES if name not in names]
    return missing_columns(missing) if missing else ""


def missing_columns(names: Sequence[str]) -> str:
    """Return why a request without these columns gets no price."""
    return f"missing columns: {', '.join(names)}"


def unknown_columns(names: Sequence[str]) -> str:
    """Return why a request with unknown columns gets no price: otherwise a misspelt one would be ignored."""
    more = [f"and {len(names) - MOST_UNKNOWN} more unknown columns"] if len(names) > MOST_UNKNOWN else []
    return "; ".join([*(_unknown_column(name) for name in names[:MOST_UNKNOWN]), *more])


def _as_json(row: int, problems: Iterable[Problem]) -> str:
    columns = {problem.column: problem.complaint for problem in problems}
    return f'"{row}":{json.dumps(columns, separators=(",", ":"))}'


def _fitting(texts: list[str], most: int) -> list[str]:
    """Return the first of the texts that together have at most ``most`` characters, and the first one in any case."""
    lengths = accumulate(len(text) for text in texts)
    return [
        text for place, (text, length) in enumerate(zip(texts, lengths, strict=True)) if not place or length <= most
    ]


def _unknown_column(name: str) -> str:
    if len(name) > LONGEST_NAME:
        name = f"{name[: LONGEST_NAME - 1]}…"
    nearest = difflib.get_close_matches(name.lower(), HOME_COLUMN_NAMES, n=1)
    advice = f"did you mean '{nearest[0]}'?" if nearest else f"the columns are {', '.join(HOME_COLUMN_NAMES)}"
    return f"unknown column '{name}': {advice}"
