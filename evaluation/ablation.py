"""What each decision behind the improved model is worth: ``python -m evaluation.ablation``.

Step by step from the basic model to the improved one, then what was left out of it, each on the
same folds of homes. Seeds draw the folds and the trees anew; how much a gain differs from seed to
seed is its noise.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import product
from statistics import mean
from typing import Annotated, Any, Literal

import numpy as np
import numpy.typing as npt
import typer
from rich.console import Console
from rich.table import Table
from sklearn.ensemble import ExtraTreesRegressor, HistGradientBoostingRegressor
from sklearn.model_selection import GroupKFold
from sklearn.utils.parallel import Parallel, delayed

from data.standin import find_or_generate
from preprocessing.columns import HOME_COLUMN_NAMES, POSITION
from training.accuracy import accuracy
from training.basic import BASIC_COLUMNS
from training.gaps import only_required, with_gaps
from training.improved import LOSSES, ROUNDS, boosted
from training.location import Location
from training.sales import Sales, read_sales
from training.valuer import train

Array = npt.NDArray[Any]

SEEDS = (0, 1, 2)
FOLDS = 5
_BASIC_PLACES = [POSITION[name] for name in BASIC_COLUMNS]
_ANOTHER = 1_000
"""Added to a seed for the second of two models that are averaged."""
_EXTRA_TREES = 100


@dataclass(frozen=True)
class Step:
    """A model on the way: the decisions that it already follows."""

    key: str
    name: str
    trees: Literal["usual", "tuned", "random"] = "tuned"
    basic_columns: bool = False
    log: bool = True
    landmarks: bool = True
    demographics: bool = False
    gaps: bool = True
    losses: tuple[str, ...] = LOSSES
    averaged: bool = False
    """Whether it is averaged with the improved model of the other seed."""


_MEAN = LOSSES[:1]
STEPS = (
    Step("trees", "boosted trees of the price", "usual", True, False, False, True, False, _MEAN),
    Step("columns", "all 18 columns", "usual", False, False, False, True, False, _MEAN),
    Step("log", "of the log price", "usual", False, True, False, True, False, _MEAN),
    Step("tuned", "more, larger, regularised trees", "tuned", False, True, False, True, False, _MEAN),
    Step("landmarks", "distances to landmarks", demographics=True, gaps=False, losses=_MEAN),
    Step("blind", "without demographics", gaps=False, losses=_MEAN),
    Step("gaps", "each sale once more with gaps", losses=_MEAN),
    Step("improved", "mean and median averaged: the improved model"),
)
"""Each is compared with the one before it, the first with the basic model."""

ALTERNATIVES = (
    Step("demographics", "with demographics", demographics=True),
    Step("twice", "averaged with the same of another seed", averaged=True),
    Step("random", "randomised trees, neither boosted nor with gaps", "random", gaps=False, losses=_MEAN),
)
"""Each is compared with the improved model."""

BASIC = Step("basic", "the firm's basic model")
IMPROVED = STEPS[-1]


@dataclass(frozen=True)
class Row:
    """A step, measured with all columns given and with the required ones only.

    MAE in dollars and MdAPE in percent: means over the seeds. A ``gain`` is how much lower the MAE
    is than that of ``compared``, a ``noise`` its standard deviation over the seeds.
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
    """How many times an ablation trains a model."""
    return (1 + len(STEPS) + len(ALTERNATIVES)) * seeds * folds


def ablation(
    sales: Sales,
    seeds: Sequence[int] = SEEDS,
    folds: int = FOLDS,
    rounds: int = ROUNDS,
    after_training: Callable[[], None] = lambda: None,
) -> list[Row]:
    """Every step on grouped folds, pooled, a training on each core; the basic model first."""
    steps = (BASIC, *STEPS, *ALTERNATIVES)
    parts = {
        seed: list(GroupKFold(folds, shuffle=True, random_state=seed).split(sales.table, groups=sales.homes))
        for seed in seeds
    }
    trainings = [(step, seed, part) for step, seed in product(steps, seeds) for part in parts[seed]]
    priced: dict[tuple[str, int], Array] = {
        (s.key, seed): np.empty((2, len(sales.prices))) for s, seed in product(steps, seeds)
    }
    answers = Parallel(n_jobs=-1, return_as="generator")(
        delayed(_priced)(step, sales, seed, fitted, left_out, rounds) for step, seed, (fitted, left_out) in trainings
    )
    for (step, seed, (_, left_out)), answer in zip(trainings, answers, strict=True):
        priced[step.key, seed][:, left_out] = answer
        after_training()
    for step, seed in product(ALTERNATIVES, seeds):
        if step.averaged:
            priced[step.key, seed] = np.sqrt(priced[step.key, seed] * priced[IMPROVED.key, seed])
    before = (None, *steps[: len(STEPS)], *[IMPROVED] * len(ALTERNATIVES))
    return [
        _row(step, other, sales.prices, [(priced[step.key, seed], priced[(other or step).key, seed]) for seed in seeds])
        for step, other in zip(steps, before, strict=True)
    ]


def _row(step: Step, compared: Step | None, paid: Array, pairs: list[tuple[Array, Array]]) -> Row:
    """From prices [2,N], with all columns given and with the required ones only, of a step and of its measure."""
    whole = [accuracy(ours[0], paid) for ours, _ in pairs]
    # [seeds,2]
    mae, other = (np.array([np.abs(pair[place] - paid).mean(axis=1) for pair in pairs]) for place in (0, 1))
    gains = other - mae
    noises = gains.std(axis=0, ddof=1) if len(pairs) > 1 else np.full(2, np.nan)
    return Row(
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


def _priced(step: Step, sales: Sales, seed: int, fitted: Array, left_out: Array, rounds: int) -> Array:
    """Prices [2,M] of the sales left out: all columns given, required ones only."""
    table, prices = sales.table[fitted], sales.prices[fitted]
    given = sales.table[left_out], only_required(sales.table[left_out])
    if step.key == BASIC.key:
        price = train("basic", sales[fitted], seed).value(given[0]).price
        return np.stack([price, price])
    value = fit(step, table, prices, seed + _ANOTHER if step.averaged else seed, rounds)
    return np.stack([value(one) for one in given])


def fit(step: Step, table: Array, prices: Array, seed: int, rounds: int = ROUNDS) -> Callable[[Array], Array]:
    """Train a step's trees on features [N,44] and prices [N]; what values features.

    ``IMPROVED`` values as ``training.improved`` does, at the average market and without a range, for
    a quarter of the time.
    """
    location = Location.of(table, seed)
    homes = len(HOME_COLUMN_NAMES)

    def columns(given: Array) -> Array:
        if step.basic_columns:
            return given[:, _BASIC_PLACES]
        read = location.columns(given)
        demographics = given[:, homes:] if step.demographics else given[:, :0]
        return np.concatenate([read if step.landmarks else read[:, :homes], demographics], axis=1)

    centre = float(np.log(prices).mean())
    target, learned = np.log(prices) - centre if step.log else prices, columns(table)
    if step.gaps:
        learned = np.concatenate([learned, learned, columns(with_gaps(table, np.random.default_rng(seed)))])
        target = np.tile(target, 3)
    trees = [_trees(step, loss, seed, rounds).fit(learned, target) for loss in step.losses]

    def value(given: Array) -> Array:
        read = columns(given)
        answer: Array = np.mean([one.predict(read) for one in trees], axis=0)
        priced: Array = np.exp(answer + centre) if step.log else answer
        return priced

    return value


def _trees(step: Step, loss: str, seed: int, rounds: int) -> Any:
    if step.trees == "random":
        return ExtraTreesRegressor(_EXTRA_TREES, min_samples_leaf=2, max_features=0.5, random_state=seed)
    if step.trees == "tuned":
        return boosted(loss, seed, rounds)
    return HistGradientBoostingRegressor(loss=loss, early_stopping=False, random_state=seed)


def main(seeds: Annotated[int, typer.Option(min=2)] = len(SEEDS)) -> None:
    """Print the table."""
    console = Console(width=140)
    done = 0

    def count() -> None:
        nonlocal done
        done += 1
        status.update(f"{done} of {jobs(seeds)} trainings")

    with console.status("reading the sales") as status:
        rows = ablation(read_sales(find_or_generate()), range(seeds), after_training=count)
    table = Table(
        "step", "MAE", "MdAPE", "R2", "gain", "8 columns: MAE", "gain", title=f"grouped, {FOLDS} folds, {seeds} seeds"
    )
    for row in rows:
        table.add_row(
            row.step,
            f"${row.mae:,.0f}",
            f"{row.mdape:.2f} %",
            f"{row.r2:.3f}",
            f"{row.gain:+,.0f} ± {row.noise:,.0f}" if row.compared else "",
            f"${row.mae_required:,.0f}",
            f"{row.gain_required:+,.0f} ± {row.noise_required:,.0f}" if row.compared else "",
        )
    console.print(table)


if __name__ == "__main__":
    typer.run(main)
