"""How sure a price is, in a word that the trade knows, from the width of its range.

The forecast standard deviation (FSD) is what automatic valuations are graded by: about two of three sales fall within
one of it. A range that holds 90 % of sale prices spans 3.29 of them, if errors are normal in log dollars.
"""

from __future__ import annotations

import numpy as np

from market_analysis.places import Floats

FSDS_IN_RANGE = 3.29
HIGH_BELOW = 0.12
MEDIUM_TO = 0.18

HIGH, MEDIUM, LOW = "high", "medium", "low"


def fsd(low: Floats, high: Floats) -> Floats:
    """Return the forecast standard deviations [N] of ranges [N] that hold 90 % of sale prices."""
    return np.asarray(np.log(high / low) / FSDS_IN_RANGE)


def confidence(deviation: float) -> str:
    """Return ``high``, ``medium`` or ``low`` for a forecast standard deviation."""
    return HIGH if deviation < HIGH_BELOW else MEDIUM if deviation <= MEDIUM_TO else LOW


def warning(deviation: float) -> str:
    """Return a sentence about a price that must not stand by itself; empty where it may."""
    if confidence(deviation) != LOW:
        return ""
    return (
        "The range is wide: homes like this one sell far apart, or little was told of it; show the range, not the price"
    )
