"""What a version of the analysis knows of the price models that serve: their markets and the sales behind them.

It is written at publishing and read when Triton loads the version. An analysis asks one numbered version of the price
model, and must know that it is the one whose sales it shows: a number may belong to another model after a rollback.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np
import numpy.typing as npt

from market_analysis.past_sales import PastSales, read_past_sales
from market_analysis.places import Floats
from market_analysis.typical import typical_homes

VERSIONS_FILE = "versions.json"

ROUNDING = 1e-4
"""Relative: processors add up in another order. ``publishing.contract`` allows as much, and a test compares."""


@dataclass(frozen=True)
class Facts:
    """Hold what the card of a price model's version says, as far as an analysis needs it.

    ``sales_file`` is empty for a version that was published without comparables. ``proven`` says that its sales were
    valued by a procedure that then learned from them, not that they were kept from it. ``factor`` and ``levels`` are
    those of the market index; without one, ``valued_for`` is the middle of the period, whose average prices are given.
    ``example`` are the features [44] of a home, None where one is not given, and ``example_prices`` its price, low and
    high in dollars.
    """

    number: int
    price_model: str
    standin: bool
    proven: bool
    dated: bool
    first_sale: str
    last_sale: str
    valued_for: str
    factor: float
    levels: Mapping[str, float]
    sales_file: str
    example: tuple[float | None, ...]
    example_prices: tuple[float, float, float]


@dataclass(frozen=True)
class KnownVersion:
    """Hold a version of the price model: its facts, and its sales, each home once; None where it has none."""

    facts: Facts
    sales: PastSales | None
    typical: Mapping[int, npt.NDArray[np.float32]] = field(default_factory=dict)
    """A typical home of each ZIP code, columns [18]."""

    @property
    def as_of(self) -> np.datetime64:
        """Return the day from which the age of a sale counts: never before the last of them."""
        return max(np.datetime64(self.facts.valued_for), np.datetime64(self.facts.last_sale))

    @cached_property
    def example(self) -> npt.NDArray[np.float32]:
        """Return the features [1,44] of a home whose prices are known."""
        return np.array([self.facts.example], dtype=np.float32)  # None becomes NaN

    def answered(self, prices: Floats) -> bool:
        """Return whether price, low and high [3] of the example are those of this version."""
        return bool(np.allclose(prices, self.facts.example_prices, rtol=ROUNDING, atol=0))


def write_versions(versions: Sequence[Facts], folder: Path) -> None:
    """Write the facts of the versions, newest first, for ``read_versions``."""
    (folder / VERSIONS_FILE).write_text(json.dumps([asdict(one) for one in versions], indent=1) + "\n")


def read_versions(folder: Path) -> list[KnownVersion]:
    """Read what was published with a version of the analysis, the newest price model first."""
    known = []
    for entry in json.loads((folder / VERSIONS_FILE).read_text()):
        facts = Facts(**{**entry, "example": tuple(entry["example"]), "example_prices": tuple(entry["example_prices"])})
        sales = read_past_sales(folder / facts.sales_file, facts.levels).latest() if facts.sales_file else None
        known.append(KnownVersion(facts, sales, typical_homes(sales) if sales is not None else {}))
    return known
