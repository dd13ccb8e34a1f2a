"""How figures, dates and shares are written for people in Washington State."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date

MINUS = "\N{MINUS SIGN}"


def dollars(amount: float) -> str:
    """Return whole dollars, as in ``$433,200``; a negative amount has a minus sign before it."""
    return f"{MINUS if round(amount) < 0 else ''}${abs(amount):,.0f}"


def change(amount: float) -> str:
    """Return dollars that are added or taken away, with their sign, as in ``+$12,000``."""
    return f"{'+' if round(amount) > 0 else ''}{dollars(amount)}"


def percent(share: float, digits: int = 0) -> str:
    """Return a share as percent, as in ``31%``."""
    return f"{100 * share:.{digits}f}%"


def number(value: float) -> str:
    """Return a number with marks between thousands and no more decimals than it has, as in ``1,900`` or ``2.25``."""
    return f"{value:,.10g}" if abs(value) < 10_000 and value != round(value) else f"{value:,.0f}"


def plain(value: float) -> str:
    """Return a number as a form or an address carries it, as in ``1900`` or ``-122.268``."""
    return f"{value:.10g}"


def day(when: date) -> str:
    """Return a date as Americans write it, as in ``March 5, 2015``."""
    return f"{when:%B} {when.day}, {when.year}"


def short_day(when: date) -> str:
    """Return a date for a table, as in ``3/5/2015``."""
    return f"{when.month}/{when.day}/{when.year}"


FILTERS: dict[str, Callable[..., str]] = {
    "dollars": dollars,
    "change": change,
    "percent": percent,
    "number": number,
    "plain": plain,
    "day": day,
    "short_day": short_day,
}
"""Under these names templates use them."""
