"""What each decision behind the improved model is worth: ``python -m evaluation.ablation``.

Step by step from the basic model to the improved one, each on the same folds of homes. Seeds
draw the folds and the trees anew; the spread of a step's gain over them is its noise.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import mean
from typing import Annotated, Any

import numpy as np
import numpy.typing as npt
import typer
from rich.console import Console
from rich.table import Table
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.model_selection import GroupKFold

from conversion.accuracy import accuracy
from conversion.gaps import hide, with_gaps
from conversion.improved_model import LOSSES, ROUNDS, boosted
from conversion.location import Location
from conversion.sales import Sales, read_sales
from conversion.valuer import train
from data.standin import find_or_generate
from preprocessing.columns import HOME_COLUMN_NAMES

Array = npt.NDArray[Any]

_BASIC = "the firm's basic model"


@dataclass(frozen=True)
class Step:
    """A model on the way: the decisions that it already follows."""

    name: str
    log: bool = True
    tuned: bool = True
    landmarks: bool = True
    demographics: bool = False
    gaps: bool = True
    losses: tuple[str, ...] = LOSSES


_MEAN = LOSSES[:1]
STEPS = (
    Step("boosted trees of the price, all columns", False, False, False, True, False, _MEAN),
    Step("of the log price", True, False, False, True, False, _MEAN),
    Step("more, larger, regularised trees", True, True, False, True, False, _MEAN),
    Step("distances to landmarks", True, True, True, True, False, _MEAN),
    Step("without demographics", gaps=False, losses=_MEAN),
    Step("each sale once more with gaps", losses=_MEAN),
    Step("mean and median averaged: the improved model"),
    Step("the improved model with demographics", demographics=True),
)


@dataclass(frozen=True)
class Row:
    """A step, measured with all columns given and with the required ones only.

    MAE in dollars and MdAPE in percent: means over the seeds. ``gain`` is how much lower the MAE
    with all columns is than one step before, ``noise`` the standard deviation of that over seeds.
    """

    step: str
    mae: float
    mdape: float
    r2: float
    mae_required: float
    mdape_required: float
    gain: float
    noise: float


def ablation(
    sales: Sales,
    seeds: Sequence[int] = (0, 1, 2),
    folds: int = 5,
    rounds: int = ROUNDS,
    progress: Callable[[str], None] = lambda _: None,
) -> list[Row]:
    """Every step on grouped folds, pooled; the basic model first."""
    rows: list[Row] = []
    before = np.full(len(seeds), np.nan)
    for step in (None, *STEPS):
        name = step.name if step else _BASIC
        whole, required = [], []
        for seed in seeds:
            progress(f"{name}, seed {seed}")
            priced = _priced(step, sales, seed, folds, rounds)
            whole.append(accuracy(priced[0], sales.prices))
            required.append(accuracy(priced[1], sales.prices))
        mae = np.array([one.mae for one in whole])
        gains = before - mae
        rows.append(
            Row(
                step=name,
                mae=float(mae.mean()),
                mdape=mean(one.mdape for one in whole),
                r2=mean(one.r2 for one in whole),
                mae_required=mean(one.mae for one in required),
                mdape_required=mean(one.mdape for one in required),
                gain=float(gains.mean()),
                noise=float(gains.std(ddof=1)) if len(seeds) > 1 else float("nan"),
            )
        )
        before = mae
    return rows


def _priced(step: Step | None, sales: Sales, seed: int, folds: int, rounds: int) -> tuple[Array, Array]:
    """Prices [N] of all sales by models that had not seen their home: all columns given, required ones only."""
    table, prices = sales.table, sales.prices
    required = hide(table, "required", np.random.default_rng(seed))
    priced = np.empty(len(prices)), np.empty(len(prices))
    for fitted, left_out in GroupKFold(folds, shuffle=True, random_state=seed).split(table, groups=sales.homes):
        if step is None:
            homes, days = sales.homes[fitted], sales.days[fitted]
            valuer = train("basic", table[fitted], prices[fitted], homes, days, seed)
            priced[0][left_out] = priced[1][left_out] = valuer.value(table[left_out]).price
            continue
        value = _fit(step, table[fitted], prices[fitted], seed, rounds)
        for given, out in zip((table, required), priced, strict=True):
            out[left_out] = value(given[left_out])
    return priced


def _fit(step: Step, table: Array, prices: Array, seed: int, rounds: int) -> Callable[[Array], Array]:
    location = Location.of(table, seed)
    homes = len(HOME_COLUMN_NAMES)

    def columns(given: Array) -> Array:
        read = location.columns(given)
        demographics = given[:, homes:] if step.demographics else given[:, :0]
        return np.concatenate([read if step.landmarks else read[:, :homes], demographics], axis=1)

    target, learned = np.log(prices) if step.log else prices, columns(table)
    if step.gaps:
        learned = np.concatenate([learned, learned, columns(with_gaps(table, np.random.default_rng(seed)))])
        target = np.tile(target, 3)
    trees = [_trees(step, loss, seed, rounds).fit(learned, target) for loss in step.losses]

    def value(given: Array) -> Array:
        read = columns(given)
        answer: Array = np.mean([one.predict(read) for one in trees], axis=0)
        priced: Array = np.exp(answer) if step.log else answer
        return priced

    return value


def _trees(step: Step, loss: str, seed: int, rounds: int) -> HistGradientBoostingRegressor:
    if step.tuned:
        return boosted(loss, seed, rounds)
    return HistGradientBoostingRegressor(loss=loss, early_stopping=False, random_state=seed)


def main(seeds: Annotated[int, typer.Option(min=2)] = 3) -> None:
    """Print the table."""
    console = Console(width=140)
    with console.status("reading the sales") as status:
        rows = ablation(read_sales(find_or_generate()), range(seeds), progress=status.update)
    table = Table("step", "MAE", "MdAPE", "R2", "gain", "8 columns: MAE", "MdAPE", title="grouped, 5 folds")
    for row in rows:
        table.add_row(
            row.step,
            f"${row.mae:,.0f}",
            f"{row.mdape:.2f} %",
            f"{row.r2:.3f}",
            "" if row is rows[0] else f"{row.gain:+,.0f} ± {row.noise:,.0f}",
            f"${row.mae_required:,.0f}",
            f"{row.mdape_required:.2f} %",
        )
    console.print(table)


if __name__ == "__main__":
    typer.run(main)
