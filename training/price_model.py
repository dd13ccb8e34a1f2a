"""The price of the improved model, without its range: boosted trees and a neural network of the log price.

Each sale is learned three times: twice as it is, and once with gaps in its optional columns. Two
ensembles of boosted trees, one fitted to squares (the mean), one to absolute errors (the median), and a
neural network are averaged. Before that, prices are brought to one market, so that nothing need tell a
home from its month.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
from sklearn.base import BaseEstimator, clone
from sklearn.ensemble import HistGradientBoostingRegressor, VotingRegressor
from sklearn.model_selection import GroupKFold

from training.gaps import with_gaps
from training.location import HOME, Location
from training.market_index import market_index
from training.price_network import PriceNetwork

if TYPE_CHECKING:
    from training.sales import Sales


@dataclass(frozen=True)
class Decisions:
    """Hold what was decided about the trees of the price.

    The defaults are what is published: settings were chosen by grouped cross-validation inside the firm's
    training rows. Others serve to measure what a decision is worth: ``replace(DECISIONS, demographics=True)``.
    """

    losses: tuple[str, ...] = ("squared_error", "absolute_error")
    """The losses that scikit-learn's trees are fitted to; the answers of one ensemble for each are averaged."""
    network: bool = True
    """Whether a neural network is averaged with them, with the weight of one ensemble."""
    log: bool = True
    """Whether the log price is learned, or the price itself."""
    landmarks: bool = True
    """Whether distances to landmarks are read."""
    demographics: bool = False
    """Whether the demographics of the ZIP code are read."""
    gaps: bool = True
    """Whether each sale is learned once more with gaps."""
    dated: bool = True
    """Whether prices are brought from the market of their day to the average one before they are learned."""
    rounds: int = 300
    """How often the trees of each ensemble are boosted."""
    learning_rate: float = 0.08
    leaves: int = 80
    """The most leaves of a tree."""
    least_sales_in_leaf: int = 20
    l2_regularization: float = 3.0
    columns_drawn: float = 0.1
    """The share of the columns that is drawn anew for each cut."""

    @property
    def epochs(self) -> int:
        """Return how often a network goes through the sales: 25 times, less where trees are boosted less."""
        return max(5, self.rounds // 12)


DECISIONS = Decisions()

_FIRST_LOOK = replace(DECISIONS, losses=("squared_error",), network=False, gaps=False, dated=False, rounds=100)
"""Trees that only find the months' levels: better ones would find the same."""
_FIRST_FOLDS = 3


@dataclass(frozen=True)
class PriceModel:
    """Price homes at the average market of the sales that its learners were fitted to."""

    decisions: Decisions
    location: Location
    centre: float
    """What the learners count from, in log dollars, so that float32 keeps its digits for what differs between homes."""
    learners: VotingRegressor

    def columns(self, table: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """Return what the learners read [N,C] of features [N,44]."""
        read = self.location.columns(table)
        if not self.decisions.landmarks:
            read = read[:, : len(HOME)]
        if self.decisions.demographics:
            read = np.concatenate([read, np.delete(table, HOME, axis=1)], axis=1)
        return read

    def target(self, prices: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """Return what the learners are to answer [N] for homes that sold at prices [N] in dollars."""
        return (np.log(prices) if self.decisions.log else prices) - self.centre

    def price(self, columns: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
        """Return prices [N] in dollars of homes, given their columns [N,C]."""
        answers: npt.NDArray[np.float64] = self.learners.predict(columns) + self.centre
        return np.exp(answers) if self.decisions.log else answers

    def fitted(
        self,
        whole: npt.NDArray[np.float32],
        gaps: npt.NDArray[np.float32] | None,
        target: npt.NDArray[np.float64],
    ) -> PriceModel:
        """Return new learners, fitted to columns [N,C] as they are and with gaps, and to what to answer [N]."""
        if gaps is not None:
            # Twice rather than with weight 2: scikit-learn's weighted median makes training ten times as slow.
            whole, target = np.concatenate([whole, whole, gaps]), np.tile(target, 3)
        return replace(self, learners=clone(self.learners).fit(whole, target))


def unfitted(sales: Sales, decisions: Decisions, seed: int) -> PriceModel:
    """Return a model that is still to be fitted, with the location and the centre of these sales."""
    learners: list[tuple[str, BaseEstimator]] = [
        (f"{loss}_{place}", _boosted(loss, decisions, _draws(seed, place)))
        for place, loss in enumerate(decisions.losses, start=1)
    ]
    if decisions.network:
        learners.append(("network", PriceNetwork(decisions.epochs, _draws(seed, place=0))))
    centre = float(np.log(sales.prices).mean()) if decisions.log else 0.0
    return PriceModel(decisions, Location.of(sales.table, seed), centre, VotingRegressor(learners))


def train_price(sales: Sales, decisions: Decisions = DECISIONS, seed: int = 0) -> PriceModel:
    """Train the price alone, which takes a quarter of the time of ``training.improved.train_improved``."""
    model = unfitted(sales, decisions, seed)
    gaps = model.columns(with_gaps(sales.table, np.random.default_rng(seed))) if decisions.gaps else None
    return model.fitted(model.columns(sales.table), gaps, model.target(learned_prices(sales, decisions, seed)))


def learned_prices(sales: Sales, decisions: Decisions, seed: int) -> npt.NDArray[np.float64]:
    """Return the prices [N] in dollars that are to be learned: as paid, or as they would be at the average market.

    The months' levels come from trees that were fitted to other homes.
    """
    if not decisions.dated:
        return sales.prices
    trees = unfitted(sales, replace(_FIRST_LOOK, rounds=min(decisions.rounds, _FIRST_LOOK.rounds)), seed)
    columns, target = trees.columns(sales.table), trees.target(sales.prices)
    errors = np.empty(len(sales))
    for fitted, left_out in GroupKFold(_FIRST_FOLDS, shuffle=True, random_state=seed).split(
        columns, groups=sales.homes
    ):
        of_others = trees.fitted(columns[fitted], None, target[fitted])
        errors[left_out] = target[left_out] - of_others.learners.predict(columns[left_out])
    levels = np.log(market_index(errors, sales.days).at(sales.days))
    return np.asarray(sales.prices / np.exp(levels - levels.mean()), dtype=np.float64)


def _draws(seed: int, place: int) -> int:
    """Return a seed of its own for each learner."""
    return int(np.random.SeedSequence((seed, place)).generate_state(1)[0])


def _boosted(loss: str, decisions: Decisions, draws: int) -> HistGradientBoostingRegressor:
    return HistGradientBoostingRegressor(
        loss=loss,
        learning_rate=decisions.learning_rate,
        max_iter=decisions.rounds,
        max_leaf_nodes=decisions.leaves,
        min_samples_leaf=decisions.least_sales_in_leaf,
        l2_regularization=decisions.l2_regularization,
        max_features=decisions.columns_drawn,
        early_stopping=False,
        random_state=draws,
    )
