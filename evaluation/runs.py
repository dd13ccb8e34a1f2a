"""Trains a model fold by fold and lets it value the sales that each fold keeps from it."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, fields
from enum import Enum
from itertools import product
from typing import get_args

import numpy as np
import numpy.typing as npt
from sklearn.utils.parallel import Parallel, delayed

from evaluation.splits import USUAL_FOLDING, Folding, Holdout, Split, folds
from training.gaps import only_required
from training.improved import ImprovedModel, Level
from training.price_model import DECISIONS
from training.sales import FIRM_SEED, Sales
from training.valuations import ValuedSales
from training.valuer import Valuer, train

log = logging.getLogger(__name__)

LEVELS: tuple[Level, ...] = get_args(Level)


class Model(str, Enum):
    """Name the models that the project can train."""

    BASIC = "basic"
    IMPROVED = "improved"


class GivenColumns(str, Enum):
    """Name what a caller gives: all 18 columns of a home, or only the eight required ones."""

    FULL = "full"
    REQUIRED = "required"


@dataclass(frozen=True)
class ValuedSplit:
    """Hold what a model said about a split's test rows: their numbers [N] among the sales, and the valued sales."""

    rows: npt.NDArray[np.intp]
    valued: ValuedSales


def as_given(table: npt.NDArray[np.float32], columns: GivenColumns) -> npt.NDArray[np.float32]:
    """Return features [N,44] as they arrive from a caller who gives these columns: NaN where nothing is given."""
    return table if columns is GivenColumns.FULL else only_required(table)


def usual_level(split: Split) -> Level:
    """Return the latest market for a split that values the future, the average for one that mixes all days."""
    return "latest" if split in BY_DATE else "average"


Way = tuple[GivenColumns, Level]
WAYS: tuple[Way, ...] = tuple(product(GivenColumns, LEVELS))
"""All ways in which a model is asked for each home."""

Key = tuple[Split, int, Model]
"""A split, its seed, and the model that is trained on it."""


BY_DATE = (Split.TEMPORAL, Split.ROLLING)
"""The splits that value the future."""

REFITTED = (Split.GROUPED, *BY_DATE)
"""The splits whose improved models are asked for more than what they say about their test rows."""


@dataclass(frozen=True)
class Refit:
    """Hold an improved model that was trained on a fold, and the rows of the sales that it knows and was kept from."""

    fold: Holdout
    model: ImprovedModel


@dataclass(frozen=True)
class TrainedFold:
    """Hold a model trained on a fold, and what it says about the fold's test rows in every way of asking."""

    valuer: Valuer
    values: dict[Way, ValuedSales]


class Runs:
    """Train on parts of the sales, a training on each core, and remember what came out."""

    def __init__(
        self,
        sales: Sales,
        folding: Folding = USUAL_FOLDING,
        boosting: int = DECISIONS.rounds,
        after_training: Callable[[], None] = lambda: None,
    ) -> None:
        self.sales = sales
        self.folding = folding
        self._boosting = boosting
        self.after_training = after_training
        self._tested: dict[Key, dict[Way, ValuedSplit]] = {}
        self._firm_valuers: dict[Model, Valuer] = {}
        self._refits: dict[Split, list[Refit]] = {split: [] for split in REFITTED}

    def trained(self, jobs: Sequence[tuple[Model, int, Holdout]]) -> Iterator[TrainedFold]:
        """Train each model with its seed on its fold; yield them in the order given."""
        log.info("training %d models", len(jobs))
        # A single training keeps all cores to itself.
        parallel = Parallel(n_jobs=-1 if len(jobs) > 1 else 1, return_as="generator")
        for one in parallel(delayed(_train)(self.sales, *job, self._boosting) for job in jobs):
            self.after_training()
            yield one

    def run(self, keys: Iterable[Key]) -> None:
        """Train whatever these splits need that was not trained before."""
        wanted = [key for key in keys if key not in self._tested]
        parts = [(key, fold) for key in wanted for fold in folds(key[0], self.sales, key[1], self.folding)]
        if not parts:
            return
        done: dict[Key, list[tuple[Holdout, TrainedFold]]] = {key: [] for key in wanted}
        results = self.trained([(model, seed, fold) for (_, seed, model), fold in parts])
        for (key, fold), one in zip(parts, results, strict=True):
            if key[:2] == (Split.RANDOM, FIRM_SEED):
                self._firm_valuers[key[2]] = one.valuer
            if key[0] in REFITTED and key[1] == FIRM_SEED and isinstance(one.valuer, ImprovedModel):
                self._refits[key[0]].append(Refit(fold, one.valuer))
            done[key].append((fold, one))
        for key, folded in done.items():
            rows = np.concatenate([fold.test for fold, _ in folded])
            self._tested[key] = {way: ValuedSplit(rows, pooled([one.values[way] for _, one in folded])) for way in WAYS}

    def tested(
        self, split: Split, seed: int, model: Model, columns: GivenColumns, level: Level | None = None
    ) -> ValuedSplit:
        """Return the test rows of all folds, pooled; trains what was not trained before."""
        key = (split, seed, model)
        self.run([key])
        return self._tested[key][columns, level or usual_level(split)]

    def firm_valuer(self, model: Model) -> Valuer:
        """Return the model trained on the firm's own three quarters of the sales."""
        self.run([(Split.RANDOM, FIRM_SEED, model)])
        return self._firm_valuers[model]

    def refits(self, split: Split) -> list[Refit]:
        """Return the improved models of one of ``REFITTED`` in the order of its folds, the earliest first by date."""
        self.run([(split, FIRM_SEED, Model.IMPROVED)])
        return self._refits[split]


def value(valuer: Valuer, sales: Sales, columns: GivenColumns) -> ValuedSales:
    """Value these sales as a caller would who gives these columns."""
    return valuer.value(as_given(sales.table, columns)).of(sales.prices, sales.homes)


def pooled(parts: list[ValuedSales]) -> ValuedSales:
    """Join the sales of several folds."""
    return ValuedSales(*(np.concatenate([getattr(part, one.name) for part in parts]) for one in fields(ValuedSales)))


def _train(sales: Sales, model: Model, seed: int, fold: Holdout, boosting: int) -> TrainedFold:
    """Train and calibrate on the fold's training rows alone."""
    valuer = train("basic" if model is Model.BASIC else "improved", sales[fold.train], seed=seed, rounds=boosting)
    tested = sales[fold.test]
    return TrainedFold(
        valuer, {(columns, level): value(_at(valuer, level), tested, columns) for columns, level in WAYS}
    )


def _at(valuer: Valuer, level: Level) -> Valuer:
    """Return the same model for another market; the basic one knows only one."""
    return valuer.at(level) if isinstance(valuer, ImprovedModel) else valuer
