"""The models on random splits other than the firm's: how much of a figure is the luck of the draw."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from sklearn.utils.parallel import Parallel, delayed

from evaluation.ablation import IMPROVED, fit
from evaluation.runs import Model
from evaluation.splits import Split, folds
from training.sales import Sales
from training.valuer import train


@dataclass(frozen=True)
class Seeds:
    """Mean absolute errors in dollars, one for each split."""

    mae: list[float]

    @property
    def mean(self) -> float:
        return float(np.mean(self.mae))

    @property
    def spread(self) -> float:
        """Standard deviation over the splits."""
        return float(np.std(self.mae, ddof=1)) if len(self.mae) > 1 else float("nan")

    @property
    def highest(self) -> float:
        return max(self.mae)


def other_seeds(
    sales: Sales, seeds: Sequence[int], rounds: int, after_training: Callable[[], None]
) -> dict[str, Seeds]:
    """Both models on the same splits, a training on each core. Only prices are asked for: no range is trained."""
    jobs = [(model, seed) for model in reversed(Model) for seed in seeds]
    found: dict[str, list[float]] = {model.value: [] for model in Model}
    errors = Parallel(n_jobs=-1, return_as="generator")(delayed(_mae)(sales, *job, rounds) for job in jobs)
    for (model, _), mae in zip(jobs, errors, strict=True):
        found[model.value].append(mae)
        after_training()
    return {model: Seeds(maes) for model, maes in found.items()}


def _mae(sales: Sales, model: Model, seed: int, rounds: int) -> float:
    """Of one model on one split; as the cell of that seed has it."""
    (fold,) = folds(Split.RANDOM, sales, seed)
    table, prices = sales.table[fold.train], sales.prices[fold.train]
    if model is Model.IMPROVED:
        price = fit(IMPROVED, table, prices, seed, rounds)(sales.table[fold.test])
    else:
        valuer = train("basic", sales[fold.train], seed)
        price = valuer.value(sales.table[fold.test]).price
    return float(np.abs(price - sales.prices[fold.test]).mean())
