"""How near comparables come to what was paid: beside the model, by the way they are told, and by what they are like."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from evaluation.comparables.compared import Compared, Mask
from evaluation.metrics import Estimate, by_band, estimate, measure
from market_analysis.selection import COMPARABLES, LEVELS, NO_LEVEL
from preprocessing.columns import POSITION
from training.sales import Sales
from training.valuations import Floats

Metrics = dict[str, float]
"""Figures by the names in ``evaluation.metrics.METRICS``; ``coverage`` and ``width`` are those of the spread."""

MILES = (0.0, 0.25, 0.5, 1.0, 2.0, np.inf)
"""Bands of the mean distance of a home's comparables."""
FAR_OFF = 25
"""Percent: a comparable that is so far from the estimate after its adjustment needs words at a seller's table."""


@dataclass(frozen=True)
class Way:
    """Hold how near a price comes that is told in one way; for comparables, of the mean and the spread of theirs."""

    name: str
    homes: int
    metrics: dict[str, Estimate]


@dataclass(frozen=True)
class Part:
    """Hold how near comparables and the model come on some of the homes, and medians of their comparables.

    ``gross`` is in percent of what was paid for the comparable.
    """

    name: str
    homes: int
    comparables: Metrics
    model: Metrics
    miles: float
    gross: float
    far_off: float
    """The percentage of homes with an adjusted price that is more than ``FAR_OFF`` percent from the estimate."""


def ways(sales: Sales, served: Compared, unusual_too: Compared) -> list[Way]:
    """Return the model, the comparables as they are served, and in other ways, on the same homes.

    Homes without a comparable are left out.
    """
    served, unusual_too = (homes[(served.count > 0) & (unusual_too.count > 0)] for homes in (served, unusual_too))
    picked = served.picked
    to_now = served.level[:, None] / picked.level
    to_home = served.value[:, None] / picked.unseen
    area = POSITION["sqft_living"]
    own_area = sales.table[served.row, area].astype(np.float64)[:, None]
    their_area = np.where(np.isnan(picked.row), np.nan, sales.table[np.nan_to_num(picked.row).astype(int), area])
    told: Mapping[str, Floats] = {
        "comparables, adjusted: as served": picked.adjusted,
        "the same, unusual sales among them": unusual_too.picked.adjusted,
        "the same, values of a model that knows the sales": picked.paid * to_now * served.value[:, None] / picked.seen,
        "adjusted to the home alone": picked.paid * to_home,
        "adjusted to the market alone": picked.paid * to_now,
        "price a square foot, and to the market": picked.paid * to_now * own_area / their_area,
        "as paid": picked.paid,
    }
    found = {"the model": served.valued, **{name: served.at(prices) for name, prices in told.items()}}
    return [Way(name, len(served), estimate(valued)) for name, valued in found.items()]


def ahead(known: Compared) -> list[Way]:
    """Return the model and the comparables where the model was trained before the homes were sold."""
    homes = known[known.count > 0]
    found = {
        "the model": homes.valued,
        "comparables, adjusted: as served": homes.at(homes.picked.adjusted),
        "as paid": homes.at(homes.picked.paid),
    }
    return [Way(name, len(homes), estimate(valued)) for name, valued in found.items()]


def by_number(asked: Mapping[int, Compared]) -> list[Part]:
    """Return the parts by how many comparables are asked for; and the homes that have fewer than are served."""
    found = [part(f"{number}", homes) for number, homes in asked.items()]
    served = asked[COMPARABLES]
    fewer = (served.count > 0) & (served.count < COMPARABLES)
    return [*found, part(f"{COMPARABLES}, of which fewer were found", served[fewer])]


def by_limits(homes: Compared) -> list[Part]:
    """Return the parts by the limits that the comparables passed; homes without any come last."""
    places = [*range(len(LEVELS)), NO_LEVEL]
    return [part(f"{place}" if place != NO_LEVEL else "none", homes[homes.limits == place]) for place in places]


def by_distance(homes: Compared) -> list[Part]:
    """Return the parts by the mean distance of the comparables."""
    homes = homes[homes.count > 0]
    away = np.nanmean(homes.picked.miles, axis=1)
    return list(_split(homes, {_band(low, high): (low <= away) & (away < high) for low, high in pairwise(MILES)}))


def by_price(homes: Compared) -> list[Part]:
    """Return the parts by what the model says that the home is worth."""
    homes = homes[homes.count > 0]
    bands = by_band(homes.valued)
    return list(_split(homes, {name: np.isin(homes.valued.price, valued.price) for name, valued in bands}))


def part(name: str, homes: Compared) -> Part:
    """Measure some homes; figures of comparables are NaN where there are none."""
    with_some = homes[homes.count > 0]
    adjusted = with_some.picked.adjusted
    estimates = with_some.valued.price[:, None]
    off = np.nanmax(np.abs(adjusted / estimates - 1), axis=1, initial=0) * 100
    some = len(with_some) > 0
    return Part(
        name=name,
        homes=len(homes),
        comparables=measure(with_some.at(adjusted)) if some else measure(homes.valued[homes.count < 0]),
        model=measure(homes.valued),
        miles=float(np.nanmedian(with_some.picked.miles)) if some else float("nan"),
        gross=float(np.nanmedian(with_some.picked.gross)) if some else float("nan"),
        far_off=float(np.mean(off > FAR_OFF) * 100) if some else float("nan"),
    )


def _split(homes: Compared, masks: Mapping[str, Mask]) -> Iterator[Part]:
    yield from (part(name, homes[mask]) for name, mask in masks.items() if mask.sum() > 1)


def _band(low: float, high: float) -> str:
    return f"from {low:g} miles" if np.isinf(high) else f"{low:g} to {high:g} miles"


def unusual_share(homes: Compared) -> float:
    """Return the percentage that is left out as unusual of the sales that are similar enough to be shown."""
    left_out, shown = int(homes.unusual.sum()), int(homes.count.sum())
    return 100 * left_out / (left_out + shown)
