"""What each decision behind the improved model is worth, measured on the same folds of homes.

Steps lead from the basic model to the improved one; alternatives change the improved model. Seeds draw the
folds and the trees anew; how much a gain differs from seed to seed is its noise.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import product
from statistics import mean
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.model_selection import GroupKFold
from sklearn.utils.parallel import Parallel, delayed

from training.accuracy import accuracy
from training.basic import train_basic
from training.gaps import only_required
from training.price_model import DECISIONS, Decisions, train_price
from training.sales import Sales

Array = npt.NDArray[Any]

SEEDS = (0, 1, 2)
FOLDS = 5
_ANOTHER = 1_000
"""Added to a seed for the second of two models that are averaged."""


@dataclass(frozen=True)
class Step:
    """Hold a model on the way: its key in the figures, its name in the table, and the decisions that it follows."""

    key: str
    name: str
    decisions: Decisions | None = None
    """None for the basic model."""
    averaged: bool = False
    """Whether the model is averaged with the improved model of another seed."""


_AS_PAID = replace(DECISIONS, dated=False)
_TREES = replace(_AS_PAID, network=False)
_MEAN = replace(_TREES, losses=("squared_error",))
_NO_GAPS = replace(_MEAN, gaps=False)
_WITH_DEMOGRAPHICS = replace(_NO_GAPS, demographics=True)
_NO_LANDMARKS = replace(_WITH_DEMOGRAPHICS, landmarks=False)
_USUAL_SETTINGS = replace(
    _NO_LANDMARKS,
    rounds=100,
    learning_rate=0.1,
    leaves=31,
    least_sales_in_leaf=20,
    l2_regularization=0.0,
    columns_drawn=1.0,
)  # scikit-learn's own
_DOLLARS = replace(_USUAL_SETTINGS, log=False)

BASIC = Step("basic", "the firm's basic model")
STEPS = (
    Step("columns", "boosted trees, all 18 columns", _DOLLARS),
    Step("log", "of the log price", _USUAL_SETTINGS),
    Step("tuned", "more, larger, regularised trees", _NO_LANDMARKS),
    Step("landmarks", "distances to landmarks", _WITH_DEMOGRAPHICS),
    Step("blind", "without demographics", _NO_GAPS),
    Step("gaps", "each sale once more with gaps", _MEAN),
    Step("averaged", "mean and median averaged", _TREES),
    Step("network", "and a neural network", _AS_PAID),
    Step("improved", "prices brought to one market: the improved model", DECISIONS),
)
"""Each is compared with the one before it, the first with the basic model."""

IMPROVED = STEPS[-1]
ALTERNATIVES = (
    Step("demographics", "with demographics", replace(DECISIONS, demographics=True)),
    Step(
        "third",
        "a third ensemble of trees for the network",
        replace(DECISIONS, network=False, losses=(*DECISIONS.losses, "squared_error")),
    ),
    Step("doubled", "averaged with the same of another seed", DECISIONS, averaged=True),
)
"""Each is compared with the improved model."""


@dataclass(frozen=True)
class StepFigures:
    """Hold how good a step is, with all columns given and with the required ones only.

    MAE in dollars, MdAPE in percent and R2 are means over the seeds. A ``gain`` says how much lower the MAE
    is than that of the step ``compared``; a ``noise`` is the gain's standard deviation over the seeds.
    """

    key: str
    step: str
    compared: str
    mae: float
    mdape: float
    r2: float
    gain: float
    noise: float
    mae_required: float
    gain_required: float
    noise_required: float


def jobs(seeds: int = len(SEEDS), folds: int = FOLDS) -> int:
    """Return how many times an ablation trains a model."""
    return (1 + len(STEPS) + len(ALTERNATIVES)) * seeds * folds


def ablation(
    sales: Sales,
    seeds: Sequence[int] = SEEDS,
    folds: int = FOLDS,
    rounds: int = DECISIONS.rounds,
    after_training: Callable[[], None] = lambda: None,
) -> list[StepFigures]:
    """Measure every step on pooled grouped folds, a training on each core; the basic model comes first.

    No step boosts its trees more than ``rounds`` times.
    """
    steps = (BASIC, *STEPS, *ALTERNATIVES)
    parts = {
        seed: list(GroupKFold(folds, shuffle=True, random_state=seed).split(sales.table, groups=sales.homes))
        for seed in seeds
    }
    trainings = [(step, seed, part) for step, seed in product(steps, seeds) for part in parts[seed]]
    priced: dict[tuple[str, int], Array] = {
        (s.key, seed): np.empty((2, len(sales))) for s, seed in product(steps, seeds)
    }
    answers = Parallel(n_jobs=-1, return_as="generator")(
        delayed(_priced)(step, sales[fitted], sales.table[left_out], seed, rounds)
        for step, seed, (fitted, left_out) in trainings
    )
    for (step, seed, (_, left_out)), answer in zip(trainings, answers, strict=True):
        priced[step.key, seed][:, left_out] = answer
        after_training()
    for step, seed in product(ALTERNATIVES, seeds):
        if step.averaged:
            priced[step.key, seed] = np.sqrt(priced[step.key, seed] * priced[IMPROVED.key, seed])
    before = (None, *steps[: len(STEPS)], *[IMPROVED] * len(ALTERNATIVES))
    return [
        _figures(
            step, other, sales.prices, [(priced[step.key, seed], priced[(other or step).key, seed]) for seed in seeds]
        )
        for step, other in zip(steps, before, strict=True)
    ]


def _figures(step: Step, compared: Step | None, paid: Array, pairs: list[tuple[Array, Array]]) -> StepFigures:
    """Measure a step by its prices [2,N] and those of the step it is compared with, a pair for each seed.

    The first of both rows was told all columns, the second the required ones only.
    """
    whole = [accuracy(ours[0], paid) for ours, _ in pairs]
    # [seeds,2]
    mae, other = (np.array([np.abs(pair[place] - paid).mean(axis=1) for pair in pairs]) for place in (0, 1))
    gains = other - mae
    noises = gains.std(axis=0, ddof=1) if len(pairs) > 1 else np.full(2, np.nan)
    return StepFigures(
        key=step.key,
        step=step.name,
        compared=compared.key if compared else "",
        mae=float(mae[:, 0].mean()),
        mdape=mean(one.mdape for one in whole),
        r2=mean(one.r2 for one in whole),
        gain=float(gains[:, 0].mean()),
        noise=float(noises[0]),
        mae_required=float(mae[:, 1].mean()),
        gain_required=float(gains[:, 1].mean()),
        noise_required=float(noises[1]),
    )


def _priced(step: Step, sales: Sales, left_out: npt.NDArray[np.float32], seed: int, rounds: int) -> Array:
    """Train a step's model on these sales; return prices [2,M] of features [M,44], told fully and told little."""
    if step.decisions is None:
        price = train_basic(sales).predict(left_out)
        return np.stack([price, price])
    decisions = replace(step.decisions, rounds=min(rounds, step.decisions.rounds))
    trees = train_price(sales, decisions, seed + _ANOTHER if step.averaged else seed)
    return np.stack([trees.price(trees.columns(given)) for given in (left_out, only_required(left_out))])
