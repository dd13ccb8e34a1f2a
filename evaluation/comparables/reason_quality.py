"""Whether reasons in dollars can be trusted: do they add up, have the right sign, and outlast another training."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from sklearn.utils.parallel import Parallel, delayed

from evaluation.comparables.compared import looked_at, past_sales
from evaluation.runs import Refit
from market_analysis.reasons import GROUPS, mixtures, reasons
from market_analysis.typical import typical_homes
from preprocessing.columns import HOME_COLUMNS, POSITION, ZIPCODE
from training.price_model import DECISIONS, PriceModel, train_price
from training.sales import FIRM_SEED, Sales
from training.valuations import Floats

OTHER_SEEDS = (1, 2)
"""Trainings on the same sales beside the one that is looked at."""

MORE: Mapping[str, tuple[str, float]] = {
    "size and rooms": ("sqft_living", 200),
    "lot": ("sqft_lot", 1_000),
    "quality": ("grade", 1),
    "condition": ("condition", 1),
    "view and waterfront": ("view", 1),
}
"""The column of a group of which more is better, and a step of it. The other groups have none."""
WORTH_NAMING = 0.01
"""A reason below this share of the price is not held against its sign."""

Table = npt.NDArray[np.float32]
Price = Callable[[Table], Floats]


@dataclass(frozen=True)
class GroupQuality:
    """Hold one group of columns; dollars are means over the homes, shares are in percent and NaN where none was asked.

    ``spread`` is the standard deviation of its dollars over the trainings. ``wrong_sign`` is the share of homes that
    have more than the typical one and get a reason of more than 1 % of the price against it, or less and for it;
    ``agrees`` of those with a reason of more than 1 % where a step more of the column at the home itself moves the
    model's price in the direction of the reason.
    """

    group: str
    dollars: float
    spread: float
    wrong_sign: float
    agrees: float


@dataclass(frozen=True)
class ReasonQuality:
    """Hold the reasons of some homes, drawn with a fixed seed.

    ``add_up`` counts the homes whose typical price and reasons add up to the rounded price to the dollar.
    ``same_largest`` is the percentage of homes whose largest reason is that of the same group in all ``trainings``.
    ``price_spread`` is the mean standard deviation of the price over the trainings, in percent.
    """

    homes: int
    trainings: int
    add_up: int
    same_largest: float
    price_spread: float
    groups: list[GroupQuality]


@dataclass(frozen=True)
class Explained:
    """Hold the prices [N], the typical homes' prices [N] and the dollars [N,G] by one training."""

    price: Floats
    reference: Floats
    dollars: Floats


def reason_quality(
    sales: Sales,
    refit: Refit,
    homes: int,
    rounds: int = DECISIONS.rounds,
    after_training: Callable[[], None] = lambda: None,
) -> ReasonQuality:
    """Explain homes that a model was kept from, and again by models of other seeds."""
    typical = typical_homes(past_sales(sales, refit))
    candidates = looked_at(sales, refit)
    zipcodes = sales.table[candidates, POSITION[ZIPCODE]].astype(int)
    candidates = candidates[np.isin(zipcodes, list(typical))]
    drawn = np.sort(np.random.default_rng(FIRM_SEED).permutation(candidates)[:homes])
    table = sales.table[drawn]
    usual = np.array([typical[int(zipcode)] for zipcode in table[:, POSITION[ZIPCODE]]], dtype=np.float32)

    models = [refit.model.price_model]
    parallel = Parallel(n_jobs=-1, return_as="generator")
    known, decisions = sales[refit.fold.train], replace(DECISIONS, rounds=rounds)
    for one in parallel(delayed(train_price)(known, decisions, seed) for seed in OTHER_SEEDS):
        models.append(one)
        after_training()
    explained = [_explained(_price_of(model), table, usual) for model in models]
    return judged(explained, _price_of(models[0]), table, usual)


def judged(explained: Sequence[Explained], price: Price, table: Table, usual: Table) -> ReasonQuality:
    """Judge the reasons of homes [N,44] against typical ones [N,18], explained by several trainings.

    ``price`` is that of the first of them.
    """
    first = explained[0]
    dollars = np.stack([one.dollars for one in explained])
    prices = np.stack([one.price for one in explained])
    largest = np.abs(dollars).argmax(axis=2)
    sums = first.reference + first.dollars.sum(axis=1)
    return ReasonQuality(
        homes=len(table),
        trainings=len(explained),
        add_up=int((sums == np.rint(first.price)).sum()),
        same_largest=float((largest == largest[0]).all(axis=0).mean() * 100),
        price_spread=float((prices.std(axis=0, ddof=1) / prices.mean(axis=0)).mean() * 100),
        groups=[
            GroupQuality(
                group,
                dollars=float(np.abs(first.dollars[:, place]).mean()),
                spread=float(dollars[:, :, place].std(axis=0, ddof=1).mean()),
                **_signs(group, first.dollars[:, place] / first.price, price, table, usual),
            )
            for place, group in enumerate(GROUPS)
        ],
    )


def _signs(group: str, share: Floats, price: Price, table: Table, usual: Table) -> dict[str, float]:
    """Return how often the sign of a group's reasons [N], in shares of the price, is wrong, and how often it agrees."""
    if group not in MORE:
        return {"wrong_sign": float("nan"), "agrees": float("nan")}
    column, step = MORE[group]
    place = POSITION[column]
    more = np.sign(table[:, place] - usual[:, place])
    named = (np.abs(share) > WORTH_NAMING) & (more != 0)
    wrong = named & (np.sign(share) != more)
    worth_more = np.sign(price(_with(table, column, step)) - price(_with(table, column, -step)))
    agrees = np.sign(share) == more * worth_more
    return {"wrong_sign": _percent(wrong, more != 0), "agrees": _percent(agrees & named, named)}


def _with(table: Table, column: str, step: float) -> Table:
    """Return homes [N,44] with so much more of a column, as far as it is allowed."""
    known = next(one for one in HOME_COLUMNS if one.name == column)
    changed = table.copy()
    changed[:, POSITION[column]] = np.clip(table[:, POSITION[column]] + step, known.low, known.high)
    if column == "sqft_living":  # what is above ground grows with it
        changed[:, POSITION["sqft_above"]] += changed[:, POSITION[column]] - table[:, POSITION[column]]
    return changed


def _explained(price: Price, table: Table, usual: Table) -> Explained:
    mixed = [mixtures(*home) for home in zip(table, usual, strict=True)]
    values = np.split(
        price(np.concatenate([one.rows for one in mixed])), np.cumsum([len(one.rows) for one in mixed])[:-1]
    )
    found = [reasons(told, one.active) for told, one in zip(values, mixed, strict=True)]
    reference, dollars = zip(*found, strict=True)
    return Explained(np.array([told[-1] for told in values]), np.array(reference), np.array(dollars))


def _price_of(model: PriceModel) -> Price:
    return lambda table: model.price(model.columns(table))


def _percent(mask: npt.NDArray[np.bool_], of: npt.NDArray[np.bool_]) -> float:
    return float(mask.sum() / of.sum() * 100) if of.any() else float("nan")
