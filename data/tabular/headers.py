"""Finds columns by name, whatever their order, and also where case, blanks or punctuation of a name differ."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from pathlib import Path

from .encoding import TableError


def find_columns(names: Sequence[str], wanted: Iterable[str], path: Path) -> dict[str, int]:
    """Return the positions of those wanted columns that are among the names: ``SqFt Living`` is ``sqft_living``.

    Raises TableError where two columns may be the same wanted one.
    """
    places: dict[str, list[int]] = {}
    for place, name in enumerate(names):
        places.setdefault(_letters(name), []).append(place)
    found = {}
    for name in wanted:
        candidates = places.get(_letters(name), [])
        if len(candidates) > 1:
            both = " and ".join(repr(names[place]) for place in candidates)
            raise TableError(f"{path}: {both} may each be {name}; rename or remove one")
        if candidates:
            found[name] = candidates[0]
    return found


def nearest(name: str, names: Iterable[str]) -> str | None:
    """Return the one of the names that is most like this one, if any is."""
    matches = difflib.get_close_matches(_letters(name), by_letters := {_letters(known): known for known in names}, n=1)
    return by_letters[matches[0]] if matches else None


def _letters(name: str) -> str:
    return "".join(character for character in name.casefold() if character.isalnum())
