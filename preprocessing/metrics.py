"""The names and labels of what the preprocessing model counts, for Triton's metrics endpoint.

No caller's text becomes a label, so there are never more series than ``counters`` and ``gauges``
list: about 70 and twice the number of bins, which is at most 20 a column and about 8 in practice.
"""

from __future__ import annotations

from .checks import PROBLEMS
from .columns import HOME_COLUMN_NAMES
from .training_bins import TrainingBins

HOMES = "valuation_homes_total"
REJECTED = "valuation_rejected_homes_total"
UNUSUAL = "valuation_unusual_homes_total"
COLUMN = "valuation_column_total"
SHARE = "valuation_training_share"

DESCRIPTIONS = {
    HOMES: "Homes passed on to the price model, by whether all columns were given",
    REJECTED: "Homes refused, once for each problem",
    UNUSUAL: "Homes passed on of which a column lies outside what training saw",
    COLUMN: "Homes passed on, by the bin that a given column falls into",
    SHARE: "Share of the training sales in a bin of a column",
}

PROBE_ID = "probe"
"""The id of a request that only asks whether the service works: its home is valued but not counted."""

UNKNOWN_COLUMN = ("none", "unknown_column")
"""The column and the reason of a request with a key that is no column; the key itself is a caller's text."""

Series = tuple[str, tuple[tuple[str, str], ...]]
"""The name of a metric, and its labels with their values."""


def homes_series(whole: bool) -> Series:
    """Return the series of homes of which all 18 columns were given, or only some."""
    return HOMES, (("columns", "all" if whole else "some"),)


def rejected_series(column: str, reason: str) -> Series:
    """Return the series of homes refused for this reason."""
    return REJECTED, (("column", column), ("reason", reason))


def unusual_series(column: str) -> Series:
    """Return the series of homes of which this column lies outside what training saw."""
    return UNUSUAL, (("column", column),)


def column_series(column: str, bin: str) -> Series:
    """Return the series of homes in a bin of this column."""
    return COLUMN, (("column", column), ("bin", bin))


def counters(training: TrainingBins | None) -> list[Series]:
    """Return all that may be counted: each starts at zero, or Prometheus would not see its first increase."""
    always = [homes_series(True), homes_series(False)]
    always += [rejected_series(*problem) for problem in (*PROBLEMS, UNKNOWN_COLUMN)]
    if training is None:
        return always
    bins = [column_series(name, bin) for name in HOME_COLUMN_NAMES for bin in training[name].labels]
    return always + [unusual_series(name) for name in HOME_COLUMN_NAMES] + bins


def gauges(training: TrainingBins | None) -> dict[Series, float]:
    """Return the shares of the training sales in each bin."""
    return {
        (SHARE, (("column", name), ("bin", bin))): share
        for name, bins in (training or {}).items()
        for bin, share in zip(bins.labels, bins.shares, strict=True)
    }
