"""How good valuations are in parts of the market: by ZIP code, and by the price paid."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from training.valuations import ValuedSales

PRICE_BANDS = (
    ("below $300,000", 0.0, 300_000.0),
    ("$300,000 to $500,000", 300_000.0, 500_000.0),
    ("$500,000 to $750,000", 500_000.0, 750_000.0),
    ("$750,000 to $1,000,000", 750_000.0, 1_000_000.0),
    ("$1,000,000 and more", 1_000_000.0, np.inf),
)
"""In dollars; a price belongs to the band that begins with it."""


@dataclass(frozen=True)
class PartAccuracy:
    """Hold the accuracy in one part of the market; MdAPE, PPE10 and bias as in ``Accuracy``, in percent."""

    name: str
    sales: int
    mdape: float
    ppe10: float
    bias: float


def accuracy_by(valued: ValuedSales, zipcodes: npt.NDArray[np.float32]) -> dict[str, tuple[PartAccuracy, ...]]:
    """Return the accuracy of valued sales [N] by ``area``, their ZIP codes [N], and by ``price``; no part is empty."""
    areas = [(str(int(zipcode)), zipcodes == zipcode) for zipcode in np.unique(zipcodes)]
    bands = [(name, (low <= valued.paid) & (valued.paid < high)) for name, low, high in PRICE_BANDS]
    return {
        kind: tuple(_part(name, valued[rows]) for name, rows in parts if rows.any())
        for kind, parts in (("area", areas), ("price", bands))
    }


def _part(name: str, valued: ValuedSales) -> PartAccuracy:
    absolute = np.abs(valued.error) * 100
    return PartAccuracy(
        name=name,
        sales=len(absolute),
        mdape=float(np.median(absolute)),
        ppe10=float(np.mean(absolute <= 10) * 100),
        bias=float(np.median(valued.error) * 100),
    )
