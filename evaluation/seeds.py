"""The models on random splits other than the firm's: how much of a figure is the luck of the draw."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from sklearn.utils.parallel import Parallel, delayed

from evaluation.runs import Model
from evaluation.splits import Split, folds
from training.basic import train_basic
from training.price_model import DECISIONS, train_price
from training.sales import Sales


@dataclass(frozen=True)
class Seeds:
    """Hold mean absolute errors in dollars, one for each split."""

    mae: list[float]

    @property
    def mean(self) -> float:
        """Return their mean in dollars."""
        return float(np.mean(self.mae))

    @property
    def spread(self) -> float:
        """Return their standard deviation in dollars; NaN for a single split."""
        return float(np.std(self.mae, ddof=1)) if len(self.mae) > 1 else float("nan")

    @property
    def highest(self) -> float:
        """Return the largest of them in dollars."""
        return max(self.mae)


def other_seeds(
    sales: Sales, seeds: Sequence[int], rounds: int, after_training: Callable[[], None]
) -> dict[str, Seeds]:
    """Measure both models on the same splits, a training on each core. Prices alone are trained, no ranges."""
    jobs = [(model, seed) for model in reversed(Model) for seed in seeds]
    found: dict[str, list[float]] = {model.value: [] for model in Model}
    errors = Parallel(n_jobs=-1, return_as="generator")(delayed(_mae)(sales, *job, rounds) for job in jobs)
    for (model, _), mae in zip(jobs, errors, strict=True):
        found[model.value].append(mae)
        after_training()
    return {model: Seeds(maes) for model, maes in found.items()}


def _mae(sales: Sales, model: Model, seed: int, rounds: int) -> float:
    """Return the mean absolute error in dollars of one model on one split, as the cell of that seed has it."""
    (fold,) = folds(Split.RANDOM, sales, seed)
    trained_on, tested = sales[fold.train], sales[fold.test]
    if model is Model.IMPROVED:
        trees = train_price(trained_on, replace(DECISIONS, rounds=rounds), seed)
        price = trees.price(trees.columns(tested.table))
    else:
        price = train_basic(trained_on).predict(tested.table)
    return float(np.abs(price - tested.prices).mean())
