"""Trains a model fold by fold and lets it value the sales that each fold keeps from it."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from itertools import product

import numpy as np
import numpy.typing as npt
from sklearn.utils.parallel import Parallel, delayed

from evaluation.metrics import Valued
from evaluation.splits import USUAL_FOLDING, Fold, Folding, Split, folds
from training.gaps import only_required
from training.improved import ROUNDS, ImprovedModel
from training.sales import FIRM_SEED, Sales
from training.valuer import Valuer, train

log = logging.getLogger(__name__)


class Model(str, Enum):
    """The models that the project can train."""

    BASIC = "basic"
    IMPROVED = "improved"


class Columns(str, Enum):
    """What a caller gives: all 18 columns of a home, or only the eight required ones."""

    FULL = "full"
    REQUIRED = "required"


class Level(str, Enum):
    """The market that a model values for: that of its training sales on average, or the latest."""

    AVERAGE = "average"
    LATEST = "latest"


@dataclass(frozen=True)
class Outcome:
    """What a model said about the sales of a split's test rows, in the order of those rows."""

    rows: npt.NDArray[np.intp]
    valued: Valued


def as_given(table: npt.NDArray[np.float32], columns: Columns) -> npt.NDArray[np.float32]:
    """Features [N,44] as they arrive from a caller who gives these columns: NaN where nothing is given."""
    return table if columns is Columns.FULL else only_required(table)


def usual_level(split: Split) -> Level:
    """The latest market where a split values the future, that of the whole year where it mixes all days."""
    return Level.LATEST if split in (Split.TEMPORAL, Split.ROLLING) else Level.AVERAGE


Way = tuple[Columns, Level]
WAYS: tuple[Way, ...] = tuple(product(Columns, Level))
"""All that a model is asked for each home."""

Values = dict[Way, Valued]

Key = tuple[Split, int, Model]
"""Split, seed, model."""


@dataclass(frozen=True)
class Trained:
    """A model trained on a fold, and what it says about the fold's test rows in every way of asking."""

    valuer: Valuer
    values: Values


class Runs:
    """Trains on parts of the sales, a training on each core, and remembers what came out."""

    def __init__(
        self,
        sales: Sales,
        folding: Folding = USUAL_FOLDING,
        boosting: int = ROUNDS,
        after_training: Callable[[], None] = lambda: None,
    ) -> None:
        self.sales = sales
        self._folding = folding
        self._boosting = boosting
        self.after_training = after_training
        self._outcomes: dict[Key, dict[Way, Outcome]] = {}
        self._firm_valuers: dict[Model, Valuer] = {}

    def trained(self, jobs: Sequence[tuple[Model, int, Fold]]) -> Iterator[Trained]:
        """Train each model with its seed on its fold, in the order given."""
        log.info("training %d models", len(jobs))
        # A single training keeps all cores to itself.
        parallel = Parallel(n_jobs=-1 if len(jobs) > 1 else 1, return_as="generator")
        for one in parallel(delayed(_train)(self.sales, *job, self._boosting) for job in jobs):
            self.after_training()
            yield one

    def run(self, keys: Iterable[Key]) -> None:
        """Train all that these splits ask for, unless it was done before."""
        wanted = [key for key in keys if key not in self._outcomes]
        parts = [(key, fold) for key in wanted for fold in folds(key[0], self.sales, key[1], self._folding)]
        if not parts:
            return
        done: dict[Key, list[tuple[Fold, Values]]] = {key: [] for key in wanted}
        results = self.trained([(model, seed, fold) for (_, seed, model), fold in parts])
        for (key, fold), one in zip(parts, results, strict=True):
            if key[:2] == (Split.RANDOM, FIRM_SEED):
                self._firm_valuers[key[2]] = one.valuer
            done[key].append((fold, one.values))
        for key, folded in done.items():
            rows = np.concatenate([fold.test for fold, _ in folded])
            self._outcomes[key] = {way: Outcome(rows, pooled([values[way] for _, values in folded])) for way in WAYS}

    def outcome(self, split: Split, seed: int, model: Model, columns: Columns, level: Level | None = None) -> Outcome:
        """The test rows of all folds, pooled."""
        key = (split, seed, model)
        self.run([key])
        return self._outcomes[key][columns, level or usual_level(split)]

    def firm_valuer(self, model: Model) -> Valuer:
        """Trained on the firm's own three quarters of the sales."""
        self.run([(Split.RANDOM, FIRM_SEED, model)])
        return self._firm_valuers[model]


def value(valuer: Valuer, sales: Sales, rows: npt.NDArray[np.intp], columns: Columns) -> Valued:
    """These rows of the sales, as a caller would give them."""
    found = valuer.value(as_given(sales.table[rows], columns))
    return Valued(found.price, found.low, found.high, sales.prices[rows], sales.homes[rows])


def pooled(parts: list[Valued]) -> Valued:
    """Several folds as one."""
    fields = [[getattr(part, name) for part in parts] for name in Valued.__dataclass_fields__]
    return Valued(*(np.concatenate(field) for field in fields))


def _train(sales: Sales, model: Model, seed: int, fold: Fold, boosting: int) -> Trained:
    """Train and calibrate on the fold's training rows alone."""
    valuer = train(
        "basic" if model is Model.BASIC else "improved",
        sales[fold.train],
        seed=seed,
        rounds=boosting,
    )
    values = {(columns, level): value(_at(valuer, level), sales, fold.test, columns) for columns, level in WAYS}
    return Trained(valuer, values)


def _at(valuer: Valuer, level: Level) -> Valuer:
    """The same model for another market; the basic one knows only one."""
    if isinstance(valuer, ImprovedModel):
        return valuer.at("latest" if level is Level.LATEST else "average")
    return valuer
