"""The improved model: boosted trees and a neural network of the price, with a range and an index of the market."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

import numpy as np
import numpy.typing as npt
from sklearn.model_selection import GroupKFold

from training.adaptive_range import AdaptiveRange, Fold, fit_range
from training.gaps import GIVEN, Given, hide, how_given, with_gaps
from training.market_index import MarketIndex, market_index
from training.price_model import DECISIONS, PriceModel, learned_prices, unfitted
from training.proof import Proof
from training.valuations import Valuations

if TYPE_CHECKING:
    from training.sales import Sales  # reads files, which a fitted model need not

Level = Literal["average", "latest"]
"""The market that prices belong to: that of the training sales on average, or the one that their index leads to."""

IMPROVED = "improved"
FOLDS = 5
"""As in the evaluation: on sales before those that it reports, three gave ranges as true and wider."""


@dataclass(frozen=True)
class ImprovedModel:
    """Value homes at the average market of its sales; ``at`` brings it to the latest.

    ``proof`` tells what the same procedure says of these sales before it has seen them.
    """

    price_model: PriceModel
    range: AdaptiveRange
    market: MarketIndex
    proof: Proof
    level: Level = "average"
    name: str = IMPROVED

    @property
    def factor(self) -> float:
        """Return what prices are multiplied by."""
        return self.market.factor if self.level == "latest" else 1.0

    @property
    def served_market(self) -> MarketIndex:
        """Return the market that prices are given for."""
        return replace(self.market, factor=self.factor)

    def at(self, level: Level) -> ImprovedModel:
        """Return the same model for another market."""
        return replace(self, level=level)

    def value(self, table: npt.NDArray[np.float32]) -> Valuations:
        """Value features [N,44]; NaN where a column was not given."""
        columns = self.price_model.columns(table)
        price = self.price_model.price(columns) * self.factor
        return Valuations(price, *self.range.around(price, columns, how_given(table)))


def train_improved(sales: Sales, seed: int = 0, rounds: int = DECISIONS.rounds) -> ImprovedModel:
    """Train and calibrate on sales of which all columns are given; the demographics are not read.

    Proof, range and market index come from what models say that were trained on the other parts of the homes; what
    serves is then fitted to all of these sales. ``rounds`` is how often the trees are boosted; fewer
    are quick and worse.
    """
    table, generator = sales.table, np.random.default_rng(seed)
    decisions = replace(DECISIONS, rounds=rounds)
    model = unfitted(sales, decisions, seed)
    paid, target = (model.target(prices) for prices in (sales.prices, learned_prices(sales, decisions, seed)))
    whole, gaps = model.columns(table), model.columns(with_gaps(table, generator))

    as_given = [hide(table, given, generator) for given in GIVEN]
    seen = [model.columns(rows) for rows in as_given]
    errors = np.empty((len(GIVEN), len(table)))
    folds = list(GroupKFold(FOLDS, shuffle=True, random_state=seed).split(table, groups=sales.homes))
    for fitted, left_out in folds:
        of_others = model.fitted(whole[fitted], gaps[fitted], target[fitted])
        for place, columns in enumerate(seen):
            errors[place, left_out] = paid[left_out] - of_others.learners.predict(columns[left_out])

    price_range, bounds = fit_range(
        np.concatenate(seen),
        errors.ravel(),
        np.concatenate([how_given(rows) for rows in as_given]),
        _repeated(folds, len(table)),
        seed,
    )

    def unseen(given: Given) -> Valuations:
        place = GIVEN.index(given)
        price = sales.prices / np.exp(errors[place])
        low, high = np.exp(bounds.reshape(len(GIVEN), -1, 2)[place]).T * price
        return Valuations(price, low, high)

    return ImprovedModel(
        price_model=model.fitted(whole, gaps, target),
        range=price_range,
        market=market_index(errors[0], sales.days),
        proof=Proof(sales.homes, sales.days, sales.prices, unseen("all"), unseen("required")),
    )


def _repeated(folds: list[Fold], rows: int) -> list[Fold]:
    """Return the same folds of homes for rows that are stacked once for each of ``GIVEN``."""
    starts = np.arange(len(GIVEN))[:, None] * rows
    return [((starts + fitted).ravel(), (starts + left_out).ravel()) for fitted, left_out in folds]
