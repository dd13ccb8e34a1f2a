"""Which sales a model is trained on and which it is then asked to value.

Each split answers another question: ``random`` is the firm's own way of testing, ``grouped`` values
homes never seen, ``zip`` values areas never seen, ``temporal`` and ``rolling`` value the future.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum

import numpy as np
import numpy.typing as npt
from sklearn.model_selection import GroupKFold, train_test_split

from data.files import DataError
from preprocessing.columns import POSITION, ZIPCODE
from training.sales import Sales

ONE_DAY, ONE_MONTH = np.timedelta64(1, "D"), np.timedelta64(1, "M")
FROZEN_AT = np.datetime64("2015-03-01")
"""The temporal split trains on the sales before this day."""


class Split(str, Enum):
    """Name the splits, as the command line takes them."""

    RANDOM = "random"
    GROUPED = "grouped"
    TEMPORAL = "temporal"
    ZIP = "zip"
    ROLLING = "rolling"


@dataclass(frozen=True)
class Folding:
    """Hold how often the splits with several folds train."""

    folds: int = 5
    first_month: str = "2014-11"
    """The first month that a rolling refit values; six months of sales come before it."""


USUAL_FOLDING = Folding()


@dataclass(frozen=True)
class Holdout:
    """Hold the rows of the sales to train on, and other rows that are held out to be valued."""

    train: npt.NDArray[np.intp]
    test: npt.NDArray[np.intp]


def zipcodes_of(table: npt.NDArray[np.float32]) -> npt.NDArray[np.int64]:
    """Return the ZIP codes [N] of features [N,44]."""
    return table[:, POSITION[ZIPCODE]].astype(np.int64)


def folds(split: Split, sales: Sales, seed: int, folding: Folding = USUAL_FOLDING) -> Iterator[Holdout]:
    """Yield the folds of a split; every row is tested at most once. ``temporal`` and ``rolling`` ignore the seed.

    Raises data.files.DataError when a date split finds no sales on one of its sides.
    """
    if split is Split.RANDOM:
        train, test = train_test_split(np.arange(len(sales)), random_state=seed)
        yield Holdout(train, test)
    elif split is Split.GROUPED:
        yield from _by_group(sales.homes, seed, folding.folds)
    elif split is Split.ZIP:
        yield from _by_group(zipcodes_of(sales.table), seed, folding.folds)
    elif split is Split.TEMPORAL:
        yield _by_day(sales.days, FROZEN_AT, sales.days.max() + ONE_DAY)
    else:
        first, last = np.datetime64(folding.first_month), sales.days.max().astype("datetime64[M]")
        for month in np.arange(first, max(first, last) + ONE_MONTH):
            yield _by_day(sales.days, month.astype("datetime64[D]"), (month + ONE_MONTH).astype("datetime64[D]"))


def _by_group(groups: npt.NDArray[np.int64], seed: int, count: int) -> Iterator[Holdout]:
    splitter = GroupKFold(count, shuffle=True, random_state=seed)
    for train, test in splitter.split(groups, groups=groups):
        yield Holdout(train, test)


def _by_day(days: npt.NDArray[np.datetime64], start: np.datetime64, end: np.datetime64) -> Holdout:
    fold = Holdout(np.flatnonzero(days < start), np.flatnonzero((days >= start) & (days < end)))
    if not (len(fold.train) and len(fold.test)):
        raise DataError(
            f"date: sales on both sides of {start} are needed, found {days.min()} to {days.max()}; "
            "use a split that does not go by date"
        )
    return fold
