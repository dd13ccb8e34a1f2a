"""Numbers as people write them: with a point or a comma for decimals, and marks between thousands.

Nothing is guessed. ``1,900`` is one thing in Seattle and another in Berlin; it is read only where other numbers of
the same file tell which one.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType

POINT, COMMA = ".", ","
_DIGITS = 300
"""With more of them a number may be infinite."""


def _written(decimal: str, thousands: str) -> re.Pattern[str]:
    """Return the form of a number with this decimal mark: thousands are set off all by the same mark, or not at all."""
    grouped = rf"[1-9]\d{{0,2}}(?P<mark>[{thousands}'\u2019 \u00a0\u202f])\d{{3}}(?:(?P=mark)\d{{3}})*"
    exponent = r"(?:[eE][+-]?\d+)?"
    return re.compile(rf"[+-]?(?:{grouped}|\d+|(?={decimal}\d))(?:{decimal}\d*)?{exponent}", re.ASCII)


_FORMS = {POINT: _written(r"\.", ","), COMMA: _written(",", r"\.")}


@lru_cache(maxsize=1 << 16)
def readings(cell: str) -> MappingProxyType[str, float]:
    """Return the finite numbers that a cell may mean, by the decimal mark that makes it mean that."""
    found = {}
    for decimal, form in _FORMS.items():
        if form.fullmatch(cell):
            number = float(re.sub(rf"[^\d{re.escape(decimal)}eE+-]", "", cell, flags=re.ASCII).replace(decimal, POINT))
            if math.isfinite(number):
                found[decimal] = number
    return MappingProxyType(found)


def ambiguous(cell: str) -> bool:
    """Return whether a cell is one number with a decimal point and another one with a decimal comma."""
    return len(set(readings(cell).values())) > 1


@dataclass(frozen=True)
class Notation:
    """Hold what is known of how a file writes numbers."""

    decimals: frozenset[str] = frozenset()
    """The decimal marks of those cells that can be read in one way only."""
    separator: str = COMMA
    """What separates the cells: where that is a semicolon, decimals most likely have a comma."""

    @classmethod
    def of(cls, cells: Iterable[str], separator: str) -> Notation:
        """Return the notation of a file by its cells of numbers."""
        decimals: set[str] = set()
        for cell in cells:
            if not cell.isdecimal() and len(found := readings(cell.strip())) == 1:
                decimals.update(found)
        return cls(frozenset(decimals), separator)

    def number(self, cell: str) -> float | None:
        """Return the finite number that a cell holds; None where there is none, or where it is in doubt which."""
        cell = cell.strip()
        if cell.isascii() and cell.isdigit() and len(cell) <= _DIGITS:
            return float(cell)  # most cells, several times faster
        found = readings(cell)
        if len(found) == len(_FORMS) and not ambiguous(cell):
            return found[POINT]  # no decimals: the marks make no difference
        if len(self.decimals) == 1:
            return found.get(*self.decimals)
        # Points are how programs write decimals, unless something in the file speaks against it.
        trusted = len(found) == 1 or (not self.decimals and self.separator != ";")
        return found.get(POINT) if trusted and COMMA not in cell else None

    def written(self, number: float, digits: int) -> str:
        """Return a number as the file writes numbers, with so many decimals."""
        text = f"{number:.{digits}f}"
        return text.replace(POINT, COMMA) if self.decimals == {COMMA} else text

    def doubt(self, cell: str) -> str | None:
        """Return why it is in doubt which number a cell holds, and what to do; None where it is no number at all."""
        found = readings(cell.strip())
        if not found or self.number(cell) is not None:
            return None
        if ambiguous(cell.strip()):
            meanings = " or ".join(f"{number:.15g}" for number in found.values())
            return f"may mean {meanings}: write it without a mark between thousands"
        return "has another decimal mark than other numbers of the file: write all of them with a point"

    def problem(self, name: str, cell: str, kind: str = "number") -> str:
        """Return what is wrong with a cell that holds no such number, and what to do."""
        if not cell.strip():
            return f"{name} is empty, but must be a {kind}"
        if doubt := self.doubt(cell):
            return f"{name} is '{cell}', which {doubt}"
        return f"{name} is '{cell}', but must be a {kind}"
