"""The improved model: boosted trees of the log price, for homes of which a caller tells much or little.

Each sale is learned three times: twice as it is, and once with gaps in its optional columns. Two
ensembles of boosted trees are averaged, one fitted to squares (the mean), one to absolute errors (the
median).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import numpy.typing as npt
from sklearn.ensemble import HistGradientBoostingRegressor, VotingRegressor
from sklearn.model_selection import GroupKFold

from training.adaptive_range import AdaptiveRange, Fold, fit_range
from training.gaps import GIVEN, hide, how_given, with_gaps
from training.location import Location
from training.market_level import MarketLevel, market_level
from training.sales import Sales
from training.valuations import Valuations

Level = Literal["average", "latest"]
"""The market that prices belong to: that of the training sales on average, or of the latest ones."""

IMPROVED = "improved"
ROUNDS = 300
"""How often trees are boosted."""
LOSSES = ("squared_error", "absolute_error")
FOLDS = 3


@dataclass(frozen=True)
class ImprovedModel:
    """Value homes at the average market of its sales; ``at`` brings it to the latest."""

    location: Location
    trees: VotingRegressor
    centre: float
    """Log dollars that the trees count from, so that float32 keeps its digits for what differs between homes."""
    range: AdaptiveRange
    market: MarketLevel
    level: Level = "average"
    name: str = IMPROVED

    @property
    def factor(self) -> float:
        """Return what prices are multiplied by."""
        return self.market.factor if self.level == "latest" else 1.0

    @property
    def served_market(self) -> MarketLevel:
        """Return the market that prices are given for."""
        return replace(self.market, factor=self.factor)

    def at(self, level: Level) -> ImprovedModel:
        """Return the same model for another market."""
        return replace(self, level=level)

    def value(self, table: npt.NDArray[np.float32]) -> Valuations:
        """Value features [N,44]; NaN where a column was not given."""
        columns = self.location.columns(table)
        price = np.exp(self.trees.predict(columns) + self.centre) * self.factor
        return Valuations(price, *self.range.around(price, columns, how_given(table)))


def train_improved(sales: Sales, seed: int = 0, rounds: int = ROUNDS) -> ImprovedModel:
    """Train and calibrate on sales of which all columns are given; the demographics are not read.

    Range and market level come from what models say that were trained on the other thirds of the homes.
    """
    table, generator = sales.table, np.random.default_rng(seed)
    location, centre = Location.of(table, seed), float(np.log(sales.prices).mean())
    target = np.log(sales.prices) - centre
    whole, gaps = location.columns(table), location.columns(with_gaps(table, generator))

    as_given = [hide(table, given, generator) for given in GIVEN]
    seen = [location.columns(rows) for rows in as_given]
    errors = np.empty((len(GIVEN), len(table)))
    folds = list(GroupKFold(FOLDS, shuffle=True, random_state=seed).split(table, groups=sales.homes))
    for fitted, left_out in folds:
        trees = _fit(whole[fitted], gaps[fitted], target[fitted], seed, rounds)
        for place, columns in enumerate(seen):
            errors[place, left_out] = target[left_out] - trees.predict(columns[left_out])

    return ImprovedModel(
        location=location,
        trees=_fit(whole, gaps, target, seed, rounds),
        centre=centre,
        range=fit_range(
            np.concatenate(seen),
            errors.ravel(),
            np.concatenate([how_given(rows) for rows in as_given]),
            _repeated(folds, len(table)),
            seed,
        ),
        market=market_level(errors[0], sales.days),
    )


def _fit(
    whole: npt.NDArray[np.float32],
    gaps: npt.NDArray[np.float32],
    target: npt.NDArray[np.float64],
    seed: int,
    rounds: int,
) -> VotingRegressor:
    # Twice rather than with weight 2: scikit-learn's weighted median makes training ten times as slow.
    return price_trees(seed, rounds).fit(np.concatenate([whole, whole, gaps]), np.tile(target, 3))


def price_trees(seed: int, rounds: int) -> VotingRegressor:
    """Return the unfitted trees of the log price."""
    return VotingRegressor([(loss, boosted(loss, seed, rounds)) for loss in LOSSES])


def boosted(loss: str, seed: int, rounds: int) -> HistGradientBoostingRegressor:
    """Return unfitted trees, with settings chosen by grouped cross-validation inside the firm's training rows."""
    return HistGradientBoostingRegressor(
        loss=loss,
        learning_rate=0.08,
        max_iter=rounds,
        max_leaf_nodes=80,
        min_samples_leaf=20,
        l2_regularization=3,
        max_features=0.1,
        early_stopping=False,
        random_state=seed,
    )


def _repeated(folds: list[Fold], rows: int) -> Iterator[Fold]:
    """Yield the same folds of homes for rows that are stacked once for each of ``GIVEN``."""
    starts = np.arange(len(GIVEN))[:, None] * rows
    for fitted, left_out in folds:
        yield (starts + fitted).ravel(), (starts + left_out).ravel()
