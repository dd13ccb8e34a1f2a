"""Counts the homes that the service is asked for, without slowing their valuation.

A batch is only noted down while it is served; it is sorted into bins later, many batches at a time.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from threading import Lock

import numpy as np
import numpy.typing as npt

from .columns import HOME_COLUMN_NAMES
from .metrics import Series, column_series, homes_series, rejected_series, unusual_series
from .training_bins import TrainingBins

MOST_WAITING = 16_384
"""Most homes noted down but not counted yet, 1.2 MB; when a batch finds no room, they are counted first."""


class Tally:
    """Counts homes valued and refused until they are taken. One thread adds, another takes."""

    def __init__(self, training: TrainingBins | None) -> None:
        self._training = training
        self._lock = Lock()
        self._values = np.empty((MOST_WAITING, len(HOME_COLUMN_NAMES)), dtype=np.float32)
        self._waiting = 0
        self._counts: Counter[Series] = Counter()

    def valued(self, values: npt.NDArray[np.float32]) -> None:
        """Add homes that go on to the price model: float32 [N,18], NaN where a column was not given.

        At most ``MOST_WAITING`` at once; Triton's batches are far smaller.
        """
        if self._waiting + len(values) > len(self._values):
            self._count()
        with self._lock:
            end = self._waiting + len(values)
            self._values[self._waiting : end] = values
            self._waiting = end

    def refused(self, problems: Iterable[tuple[str, str]]) -> None:
        """Add the column and reason of each problem for which homes were refused."""
        with self._lock:
            for column, reason in problems:
                self._counts[rejected_series(column, reason)] += 1

    def take(self) -> dict[Series, int]:
        """Return what was counted since the last call, without the zeros."""
        self._count()
        with self._lock:
            counts, self._counts = self._counts, Counter()
        return {series: count for series, count in counts.items() if count}

    def _count(self) -> None:
        with self._lock:
            values = self._values[: self._waiting].copy()
            self._waiting = 0
        found = count(values, self._training)
        with self._lock:
            self._counts.update(found)


def count(values: npt.NDArray[np.float32], training: TrainingBins | None) -> Counter[Series]:
    """Return how many homes of [N,18] came with all columns, lie in each bin, and lie outside what training saw.

    A column that was not given falls into no bin: drift is measured among the homes that have it.
    """
    columns = np.ascontiguousarray(values.T)
    whole = len(values) - int(np.count_nonzero(np.isnan(columns).any(axis=0)))
    counts: Counter[Series] = Counter({homes_series(True): whole, homes_series(False): len(values) - whole})
    if training is None:
        return counts
    for name, column in zip(HOME_COLUMN_NAMES, columns, strict=True):
        bins = training[name]
        counts.update(
            dict(zip((column_series(name, bin) for bin in bins.labels), bins.count(column).tolist(), strict=True))
        )
        low, high = np.float32(bins.low), np.float32(bins.high)
        counts[unusual_series(name)] = int(np.count_nonzero(column < low) + np.count_nonzero(column > high))
    return counts
