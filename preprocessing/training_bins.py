"""How the training sales spread over each column, to tell whether the homes that callers send are like them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from .columns import HOME_COLUMN_NAMES, ZIPCODE

TRAINING_FILE = "training.json"
"""The bins as a file of a preprocessing version; without it no drift is measured."""

QUANTILES = 10
MOST_VALUES = 20
"""A column with at most so many different values has a bin for each; any other column has quantiles."""
LEAST_SHARE = 0.005
"""A bin with a smaller share joins its neighbour: its share would seem to drift by chance alone."""


@dataclass(frozen=True)
class Bins:
    """Hold the bins of one column, at most ``MOST_VALUES``, and the share of training sales in each.

    ``edges`` are the upper ends of all bins but the last, each a part of its bin, so that any number
    falls into one bin. ``low`` and ``high`` are the least and the greatest value that training saw.
    """

    edges: tuple[float, ...]
    labels: tuple[str, ...]
    shares: tuple[float, ...]
    low: float
    high: float

    def __post_init__(self) -> None:
        if not len(self.labels) == len(self.shares) == len(self.edges) + 1 or list(self.edges) != sorted(self.edges):
            raise ValueError(f"bins {self.labels} do not fit shares {self.shares} and edges {self.edges}")

    @classmethod
    def of(cls, name: str, values: npt.NDArray[np.float32]) -> Bins:
        """Return the bins of a column with these values [N] in the training sales; none may be NaN."""
        grouped = 10 * np.floor(values / 10) if name == ZIPCODE else values
        distinct = np.unique(grouped)
        if name == ZIPCODE or len(distinct) <= MOST_VALUES:
            ends = distinct
        else:
            ends = np.unique(np.quantile(values, np.arange(1, QUANTILES) / QUANTILES, method="inverted_cdf"))
        edges = _without_rare([float(end) for end in ends if end < distinct[-1]], grouped)
        places = np.searchsorted(edges, distinct)
        held = [distinct[places == place].tolist() for place in range(len(edges) + 1)]
        return cls(
            edges=tuple(edge + 9 for edge in edges) if name == ZIPCODE else tuple(edges),
            labels=tuple(_label(name, held, place) for place in range(len(held))),
            shares=tuple((np.bincount(np.searchsorted(edges, grouped)) / len(values)).tolist()),
            low=float(values.min()),
            high=float(values.max()),
        )

    def count(self, values: npt.NDArray[np.float32]) -> npt.NDArray[np.intp]:
        """Return how many of these values fall into each bin; NaN falls into none.

        Comparing all values with one edge after the other is far faster than a search for each value.
        """
        up_to = [np.count_nonzero(values <= edge) for edge in np.array(self.edges, dtype=np.float32)]
        given = len(values) - np.count_nonzero(np.isnan(values))
        return np.diff([0, *up_to, given])


TrainingBins = Mapping[str, Bins]
"""The bins of each home column by its name."""


def describe(table: npt.NDArray[np.float32]) -> dict[str, Bins]:
    """Return the bins of training sales, float32 [N,18 or more] with the home columns first."""
    return {name: Bins.of(name, table[:, place]) for place, name in enumerate(HOME_COLUMN_NAMES)}


def as_json(training: TrainingBins) -> dict[str, Any]:
    """Return the bins as they stand in a price model's card and in ``training.json``."""
    return {name: asdict(bins) for name, bins in training.items()}


def read_training(path: Path) -> TrainingBins | None:
    """Read the bins from a version's ``training.json``; None when there is no such file.

    Raises ValueError when it lacks a column, or bins and shares don't fit.
    """
    if not path.is_file():
        return None
    columns = json.loads(path.read_text())
    if missing := [name for name in HOME_COLUMN_NAMES if name not in columns]:
        raise ValueError(f"{path.name} lacks {', '.join(missing)}: publish a price model again to have it written anew")
    return {
        name: Bins(
            edges=tuple(bins["edges"]),
            labels=tuple(bins["labels"]),
            shares=tuple(bins["shares"]),
            low=float(bins["low"]),
            high=float(bins["high"]),
        )
        for name, bins in ((name, columns[name]) for name in HOME_COLUMN_NAMES)
    }


def _without_rare(edges: Sequence[float], values: npt.NDArray[np.float32]) -> list[float]:
    kept = list(edges)
    while kept:
        counts = np.bincount(np.searchsorted(kept, values), minlength=len(kept) + 1)
        rare = int(counts.argmin())
        if counts[rare] >= LEAST_SHARE * len(values):
            break
        to_the_next = rare == 0 or (rare < len(kept) and counts[rare + 1] < counts[rare - 1])
        del kept[rare if to_the_next else rare - 1]
    return kept


def _label(name: str, held: list[list[float]], place: int) -> str:
    first, last = (_shown(name, held[place][end]) for end in (0, -1))
    if first == last:
        return first
    if name == ZIPCODE:
        return f"{first} to {last}"
    below = _shown(name, held[place - 1][-1]) if place else ""
    if place == len(held) - 1:
        return f"over {below}" if place else "any"
    return f"over {below} to {last}" if place else f"to {last}"


def _shown(name: str, value: float) -> str:
    return f"{value // 10:.0f}x" if name == ZIPCODE else f"{value:.7g}"
