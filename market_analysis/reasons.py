"""Why a home is worth more or less than a typical home of its ZIP code: dollars by group of columns.

Shapley values, exact: what a group adds to the price, averaged over all orders in which the groups of the typical home
may be replaced by those of the home itself. The serving model values every such mixture (L. S. Shapley, "A value for
n-person games", 1953). Mixtures are possible homes: columns that depend on each other are in one group.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from math import factorial

import numpy as np
import numpy.typing as npt

from market_analysis.places import Floats
from preprocessing.columns import HOME_COLUMN_NAMES

GROUPS: dict[str, tuple[str, ...]] = {
    "location": ("zipcode", "lat", "long", "sqft_living15", "sqft_lot15"),
    "size and rooms": ("bedrooms", "bathrooms", "sqft_living", "floors", "sqft_above", "sqft_basement"),
    "lot": ("sqft_lot",),
    "quality": ("grade",),
    "condition": ("condition",),
    "age and renovation": ("yr_built", "yr_renovated"),
    "view and waterfront": ("view", "waterfront"),
}
"""Every column of a home is in one of these."""

MEMBERS = np.array([[name in columns for name in HOME_COLUMN_NAMES] for columns in GROUPS.values()])
"""Whether a column is in a group, bool [G,18]."""


@dataclass(frozen=True)
class Mixtures:
    """Hold what must be valued to explain one home.

    ``rows`` float32 [2^m,44] are the features of all mixtures of the home and the typical one; ``active`` are the m
    groups in which they differ. The first row is the typical home, the last the home itself.
    """

    rows: npt.NDArray[np.float32]
    active: npt.NDArray[np.intp]


def mixtures(features: npt.NDArray[np.float32], typical: npt.NDArray[np.float32]) -> Mixtures:
    """Return the mixtures of a home's features [44] and the columns [18] of the typical home of its ZIP code.

    What the home does not tell is hidden in the typical home too: a column that was not given is no reason.
    """
    home = features[: len(HOME_COLUMN_NAMES)]
    reference = np.where(np.isnan(home), np.nan, typical)
    differs = ~((home == reference) | np.isnan(home))
    active = np.flatnonzero((MEMBERS & differs).any(axis=1))
    own = _subsets(len(active)) @ MEMBERS[active] > 0 if len(active) else np.zeros((1, len(home)), dtype=bool)
    rows = np.repeat(features[np.newaxis], len(own), axis=0)
    rows[:, : len(home)] = np.where(own, home, reference)
    if not len(active):
        rows[0] = features
    return Mixtures(rows, active)


def reasons(values: Floats, active: npt.NDArray[np.intp]) -> tuple[float, Floats]:
    """Return the typical home's price and the dollars [G] of each group, from the prices [2^m] of ``Mixtures.rows``.

    All are whole dollars and add up to the rounded price; groups that are not ``active`` get exactly 0.
    """
    dollars = np.zeros(len(GROUPS))
    reference, total = np.rint(values[0]), np.rint(values[-1])
    if len(active):
        dollars[active] = rounded_to(_weights(len(active)) @ values, total - reference)
    return float(reference), dollars


def rounded_to(parts: Floats, total: float) -> Floats:
    """Round parts [m] to whole numbers that add up to ``total``: those with the largest remainders are rounded up.

    The parts add up to ``total`` within the rounding of a few dollars.
    """
    lower = np.floor(parts)
    missing = int(total - lower.sum())
    share, rest = divmod(missing, len(parts))  # the share is 0 unless the parts miss the total by dollars
    up = np.argsort(lower - parts, kind="stable")[:rest]
    lower[up] += 1
    return np.asarray(lower + share)


@lru_cache(maxsize=len(GROUPS) + 1)
def _subsets(count: int) -> npt.NDArray[np.int64]:
    """Return which groups each subset holds, 0 or 1 [2^m,m]: the empty one first, the whole one last."""
    return np.asarray(np.arange(2**count)[:, np.newaxis] >> np.arange(count) & 1, dtype=np.int64)


@lru_cache(maxsize=len(GROUPS) + 1)
def _weights(count: int) -> Floats:
    """Return what each subset's value counts for each group [m,2^m]."""
    within = _subsets(count)
    sizes = within.sum(axis=1)
    orders = np.array([factorial(size) * factorial(count - size - 1) for size in range(count)]) / factorial(count)
    joined = orders[np.maximum(sizes - 1, 0)]  # with the group: it came last of those within
    without = np.append(orders, 0.0)[sizes]  # 0 for the whole set, which no group is missing from
    return np.where(within == 1, joined[:, np.newaxis], -without[:, np.newaxis]).T
