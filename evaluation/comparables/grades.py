"""What the words high, medium and low confidence are worth: how near prices come that are graded so."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from evaluation.comparables.accuracy import Metrics
from evaluation.comparables.compared import Compared
from evaluation.metrics import measure
from market_analysis.confidence import HIGH, LOW, MEDIUM, confidence, fsd
from training.valuations import Floats, ValuedSales

GRADES = (HIGH, MEDIUM, LOW)
ALL = "all"


@dataclass(frozen=True)
class Grade:
    """Hold the homes of one grade of confidence; percentages are in percent.

    ``within_fsd`` is the share of sale prices within one forecast standard deviation of the estimate.
    """

    name: str
    homes: int
    share: float
    fsd: float
    """The median."""
    metrics: Metrics
    within_fsd: float


@dataclass(frozen=True)
class Signals:
    """Hold rank correlations with the size of the model's error in log dollars: they say what tells it beforehand."""

    fsd: float
    spread: float
    """Of the comparables: the log of the ratio of the highest to the lowest adjusted price."""


def grades(valued: ValuedSales) -> list[Grade]:
    """Return the figures of each grade, and of all homes."""
    deviation = fsd(valued.low, valued.high)
    names = np.array([confidence(one) for one in deviation.tolist()])
    found = [_grade(name, valued[names == name], deviation[names == name], len(names)) for name in GRADES]
    return [*found, _grade(ALL, valued, deviation, len(names))]


def signals(homes: Compared) -> Signals:
    """Compare what could tell how far off the model will be; NaN for too few homes."""
    homes = homes[homes.count > 1]
    valued, adjusted = homes.valued, homes.picked.adjusted
    spread = np.log(np.nanmax(adjusted, axis=1, initial=0) / np.nanmin(adjusted, axis=1, initial=np.inf))
    error = np.abs(np.log(valued.paid / valued.price))
    return Signals(_rank_correlation(fsd(valued.low, valued.high), error), _rank_correlation(spread, error))


def _grade(name: str, valued: ValuedSales, deviation: Floats, all_homes: int) -> Grade:
    within = np.abs(np.log(valued.paid / valued.price)) <= deviation
    some = len(deviation) > 0
    return Grade(
        name=name,
        homes=len(deviation),
        share=100 * len(deviation) / all_homes,
        fsd=float(np.median(deviation)) if some else float("nan"),
        metrics=measure(valued),
        within_fsd=float(np.mean(within) * 100) if some else float("nan"),
    )


def _rank_correlation(one: Floats, other: Floats) -> float:
    if len(one) < 3:
        return float("nan")
    return float(np.corrcoef(_ranks(one), _ranks(other))[0, 1])


def _ranks(values: Floats) -> npt.NDArray[np.intp]:
    return np.argsort(np.argsort(values, kind="stable"), kind="stable")
