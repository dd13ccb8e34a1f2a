"""What an address says of a home, and the address that says it again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlencode

from data.tabular.notation import POINT, Notation
from desk.wording import plain
from preprocessing.columns import HOME_COLUMN_NAMES, LABELS, REQUIRED_COLUMN_NAMES

LONGEST = 40
"""Characters of a value that are looked at and shown again."""


@dataclass(frozen=True)
class Form:
    """Hold what was typed: as it was, as numbers, and what is wrong with it by column."""

    typed: Mapping[str, str] = field(default_factory=dict)
    home: Mapping[str, float] = field(default_factory=dict)
    wrong: Mapping[str, str] = field(default_factory=dict)

    def refused(self, wrong: Mapping[str, str]) -> Form:
        """Return the same form with what the service finds wrong."""
        return Form(self.typed, self.home, {**self.wrong, **wrong})

    @property
    def complaints(self) -> list[tuple[str, str]]:
        """Return column and sentence of everything that is wrong, in the order of the columns."""
        return [(name, f"{LABELS[name]} {self.wrong[name]}") for name in HOME_COLUMN_NAMES if name in self.wrong] + [
            ("", text) for name, text in self.wrong.items() if name not in LABELS
        ]

    @property
    def given(self) -> list[str]:
        """Return the columns that were given, in their order."""
        return [name for name in HOME_COLUMN_NAMES if name in self.home]

    @property
    def missing(self) -> list[str]:
        """Return the columns that may still be told."""
        return [name for name in HOME_COLUMN_NAMES if name not in self.home]

    def query(self, **more: str) -> str:
        """Return the address's part after the question mark, the shortest that says the same home."""
        return urlencode({name: self.typed[name] for name in HOME_COLUMN_NAMES if name in self.typed} | more)


def read(query: Mapping[str, str]) -> Form:
    """Return the form that a query fills. What is empty was not given; names that are no columns are left alone."""
    typed = {name: query[name].strip()[:LONGEST] for name in HOME_COLUMN_NAMES if query.get(name, "").strip()}
    if not typed:
        return Form()
    home, wrong = {}, {name: "is needed" for name in REQUIRED_COLUMN_NAMES if name not in typed}
    for name, text in typed.items():
        number = _number(text)
        if number is None:
            wrong[name] = f"is “{text}”, but must be a number"
        else:
            home[name] = number
    return Form({name: plain(home[name]) if name in home else text for name, text in typed.items()}, home, wrong)


def of_home(home: Mapping[str, float]) -> Form:
    """Return the form of a home."""
    return Form({name: plain(value) for name, value in home.items()}, dict(home))


_AMERICAN = Notation(frozenset({POINT}))


def _number(text: str) -> float | None:
    """Return a number as people in Washington State type it, ``1,900`` and ``$1,900`` included; None for no number."""
    return _AMERICAN.number(text.removeprefix("$"))
