"""The form's fields: which column is asked by which widget, in which group, under which words.

Names, units, limits and words are those of ``preprocessing.columns``; what is decided here is how they are shown.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from desk.wording import number, plain
from preprocessing.columns import HOME_COLUMNS, LABELS, NEXT_YEAR, WORDS, ZIPCODE, Column

PLACE = ("lat", "long")
"""Both are set by one click on the map."""


@dataclass(frozen=True)
class Field:
    """Hold one field of the form: its column, and what stands above and below it."""

    column: Column
    label: str
    unit: str
    hint: str
    choices: tuple[tuple[str, str], ...]
    """Value and words of each choice; empty for a number that is typed."""

    @property
    def name(self) -> str:
        """Return the column's name, which is the field's, too."""
        return self.column.name

    @property
    def example(self) -> str:
        """Return the column's example as it is typed."""
        return plain(self.column.example)


def _limits(column: Column, this_year: int) -> str:
    """Return in words what may be typed: ``1 to 50,000``."""
    if column.name == ZIPCODE:
        return ""
    grouped = number if column.high is not NEXT_YEAR else plain
    high = this_year + 1 if column.high is NEXT_YEAR else column.high
    return f"{grouped(column.low)} to {grouped(high)}"


def _field(column: Column, this_year: int) -> Field:
    choices = tuple(
        (plain(column.low + place), words.capitalize() if column.high == 1 else f"{column.low + place:g}: {words}")
        for place, words in enumerate(WORDS.get(column.name, ()))
    )
    label = LABELS[column.name]
    unit = {"square feet": "sq ft", "degrees": "degrees"}.get(column.unit, "")
    first, _, more = column.description.partition("; ")
    about = [text for text in (first if first != label else "", more.capitalize()) if text]
    limits = "" if choices else _limits(column, this_year)
    return Field(column, label, unit, ". ".join([*about, *([limits] if limits else [])]), choices)


def fields(today: date | None = None) -> dict[str, Field]:
    """Return all fields by name, in the order of the columns; years may go up to the one after ``today``'s."""
    year = (today or date.today()).year
    return {column.name: _field(column, year) for column in HOME_COLUMNS}


def groups() -> tuple[tuple[str, tuple[str, ...]], ...]:
    """Return the names of what the price needs, and of what sharpens it; the place stands apart, beside the map."""
    needed = tuple(column.name for column in HOME_COLUMNS if column.required)
    more = tuple(column.name for column in HOME_COLUMNS if not column.required and column.name not in PLACE)
    return ("needed", needed), ("more", more)


def in_words(name: str, value: float) -> str:
    """Return a value of a column as a person says it: ``8 (good)``, ``yes``, ``1,900 square feet``, ``98118``."""
    column = _BY_NAME[name]
    place = value - column.low
    ranks = WORDS.get(name, ())
    if place == int(place) and 0 <= place < len(ranks):
        words = ranks[int(place)]
        return words if column.high == 1 else f"{value:g} ({words})"
    if column.special is not None and value == column.special:
        return "never"
    if column.unit == "square feet":
        return f"{number(value)} square feet"
    return plain(value)


_BY_NAME = {column.name: column for column in HOME_COLUMNS}
