"""What speaks against showing comparables to a seller, as far as it is known before the home is sold."""

from __future__ import annotations

from collections.abc import Iterator

from market_analysis.places import Floats
from market_analysis.selection import FEWEST, LAST_LEVEL, LEVELS

MOST_SPREAD, MOST_APART, MOST_GROSS = 30, 10, 40
"""In percent, what convinces at most: from the lowest to the highest adjusted price, relative to their mean; from their
mean to the estimate; the gross adjustment of any of them. ``docs/comparables.md`` has what they part."""
NEAR = LEVELS[LAST_LEVEL - 2].miles
"""Limits that reach farther, in miles, say that there are too few similar sales near the home."""


def doubts(level: int, adjusted: Floats, gross: Floats, estimate: float) -> Iterator[str]:
    """Yield the doubts, in words that follow a colon; none where comparables can be shown as they are.

    Args:
        level: The place in ``LEVELS`` of the limits that they passed.
        adjusted: Their adjusted prices [K] in dollars, one at least.
        gross: Their gross adjustments [K] in percent.
        estimate: The price of the home in dollars.
    """
    if len(adjusted) < FEWEST:
        yield f"fewer than {FEWEST} comparable sales"
    if level == LAST_LEVEL:
        yield "no sales are close to this home, they differ from it a lot"
    elif level == LAST_LEVEL - 1:
        yield f"too few similar sales within {NEAR:g} miles"
    mean = adjusted.mean()
    spread = 100 * (adjusted.max() - adjusted.min()) / mean
    if spread > MOST_SPREAD:
        yield f"the adjusted prices lie {spread:.0f} percent apart"
    apart = 100 * (mean / estimate - 1)
    if abs(apart) > MOST_APART:
        yield f"together they come to {abs(apart):.0f} percent {'above' if apart > 0 else 'below'} the estimate"
    if gross.max() > MOST_GROSS:
        yield f"one needs an adjustment of {gross.max():.0f} percent"
