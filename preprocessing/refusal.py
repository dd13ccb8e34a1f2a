"""The one sentence or two that a caller gets instead of a price."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from itertools import accumulate, groupby

from .checks import Problem
from .columns import HOME_COLUMN_NAMES, ZIPCODE
from .demographics import Demographics

MOST_CHARACTERS = 6_000
"""A message travels in gRPC's trailers, of which many clients read no more than 8 KiB."""


def refusal(problems: Sequence[Problem], homes: int, demographics: Demographics) -> str:
    """Why a request of so many homes gets no price: every bad row with its bad columns."""
    rows = [
        (row, "; ".join(problem.message for problem in problems_of_row))
        for row, problems_of_row in groupby(problems, key=lambda problem: problem.row)
    ]
    if homes == 1:
        message = f"home refused: {rows[0][1]}"
    else:
        described = [f"Row {row}: {text}" for row, text in rows]
        lengths = accumulate(len(text) for text in described)
        shown = [text for text, length in zip(described, lengths, strict=True) if length <= MOST_CHARACTERS]
        more = [f"And {len(rows) - len(shown)} more rows"] if len(shown) < len(rows) else []
        message = ". ".join([f"{len(rows)} of {homes} homes refused, rows counted from 0", *shown, *more])
    if any(problem.column == ZIPCODE for problem in problems):
        message += f". Known ZIP codes: {', '.join(map(str, demographics.zipcodes))}"
    return message


def unknown_columns(names: Iterable[str]) -> str:
    """Why a request with keys that are no columns gets no price: a misspelt column would be ignored otherwise."""
    return "; ".join(_unknown_column(name) for name in names)


def _unknown_column(name: str) -> str:
    nearest = difflib.get_close_matches(name.lower(), HOME_COLUMN_NAMES, n=1)
    advice = f"did you mean '{nearest[0]}'?" if nearest else f"the columns are {', '.join(HOME_COLUMN_NAMES)}"
    return f"unknown column '{name}': {advice}"
