"""A small neural network of the log price, which errs where trees do not.

Trees answer in steps, a network in slopes, so the average of both errs less than either. It reads what the trees read:
the logs of the columns, whether a column was given, and the ZIP code as a name.
"""

from __future__ import annotations

import warnings

import numpy as np
import numpy.typing as npt
from scipy.linalg import block_diag
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPRegressor
from threadpoolctl import threadpool_limits

from preprocessing.columns import HOME_COLUMN_NAMES, POSITION, ZIPCODE
from training.location import places_among

Floats = npt.NDArray[np.float64]

MEMBERS = 2
"""Networks that are averaged, each with draws of its own: a single one depends much on where it began."""
HIDDEN = (64, 32)
"""The units of a network's two hidden layers."""
SHRINKAGE = 0.01
"""What scikit-learn calls alpha."""
MOST_AT_ONCE, LEAST_AT_ONCE = 512, 32
STEPS_AN_EPOCH = 80
"""Sales are learned from so many at once that an epoch takes about this many steps."""
STEPS = ((0.6, 2e-3), (0.2, 5e-4), (0.2, 1e-4))
"""The share of the epochs that each rate of learning has: large steps first, small ones to settle."""

_PLACE = [POSITION[name] for name in (ZIPCODE, "lat", "long")]
"""Columns whose logs say nothing: the ZIP code is a name, and distances to landmarks tell where a home stands."""
_HOME_OFFSETS = {"yr_built": -1750.0, ZIPCODE: 360.0, "lat": 360.0, "long": 360.0}
_USUAL_OFFSET, _OFFSET_OF_METRES = 1.0, 300.0
"""What is added before logs are taken, so that there is one, and that it tells old from new, and near from nearer."""
_UNTOLD = -4.0
"""A missing column is read as one so many standard deviations below the mean, where no home is."""


class PriceNetwork(RegressorMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """Answer the mean of some networks; an estimator as scikit-learn knows them.

    ``epochs`` is how often the sales are gone through. ``fit`` sets, for C columns, Z ZIP codes and H units of a layer
    of all networks side by side:

    - ``offset_``, ``untold_`` float64 [C]: a column is read as log(column + offset), a missing one as log(untold).
    - ``zipcodes_`` int64 [Z], ascending, ``of_zipcodes_`` [Z+1,H]: what a ZIP code adds to the first layer; the last is
      for any other, the mean over all sales.
    - ``weights_``, ``biases_``: of each layer; the first weights [C,H] read the logs.
    """

    def __init__(self, epochs: int, seed: int = 0) -> None:
        self.epochs = epochs
        self.seed = seed

    def fit(self, columns: npt.NDArray[np.float32], target: Floats) -> PriceNetwork:
        """Fit to columns [N,C], of which some are NaN, and to what is to be answered [N]."""
        home = [_HOME_OFFSETS.get(name, _USUAL_OFFSET) for name in HOME_COLUMN_NAMES]
        self.offset_ = np.array(home + [_OFFSET_OF_METRES] * (columns.shape[1] - len(home)))
        logs = np.log(columns + self.offset_)
        mean, spread = np.nanmean(logs, axis=0), np.nanstd(logs, axis=0)
        self.untold_ = np.exp(mean + _UNTOLD * spread)
        read = np.nanmin(columns, axis=0) < np.nanmax(columns, axis=0)  # rounding leaves a spread where nothing differs
        read[_PLACE] = False
        scale = np.divide(1.0, spread, out=np.zeros_like(spread), where=read)

        self.zipcodes_, place = np.unique(columns[:, POSITION[ZIPCODE]].astype(np.int64), return_inverse=True)
        names = np.eye(len(self.zipcodes_))[place]
        seen = np.concatenate([(self._logs(columns) - mean) * scale, names], axis=1).astype(np.float32)
        size = float(target.std()) or 1.0
        seeds = np.random.SeedSequence(self.seed).generate_state(MEMBERS)
        networks = [_fitted(seen, target / size, self.epochs, int(draws)) for draws in seeds]

        first, second, last = (
            [np.asarray(one, dtype=np.float64) for one in layer]
            for layer in zip(*(network.coefs_ for network in networks), strict=True)
        )
        of_logs, of_zipcodes = np.split(np.hstack(first), [len(scale)])
        of_logs *= scale[:, None]
        self.of_zipcodes_ = np.vstack([of_zipcodes, names.mean(axis=0) @ of_zipcodes])
        share = size / MEMBERS
        self.weights_ = [of_logs, block_diag(*second), np.vstack(last) * share]
        *hidden, ends = (
            np.asarray(layer, dtype=np.float64) for layer in zip(*(one.intercepts_ for one in networks), strict=True)
        )
        self.biases_ = [layer.ravel() for layer in hidden] + [ends.sum(axis=0) * share]
        self.biases_[0] -= mean @ of_logs
        return self

    def predict(self, columns: npt.NDArray[np.float32]) -> Floats:
        """Return the answers [N] to columns [N,C]; whatever is NaN counts as not given."""
        of_zipcodes = self.zipcode_rows(columns[:, POSITION[ZIPCODE]])
        state = self._logs(columns) @ self.weights_[0] + self.biases_[0] + of_zipcodes
        for weights, bias in zip(self.weights_[1:], self.biases_[1:], strict=True):
            state = np.maximum(state, 0.0) @ weights + bias
        return np.asarray(state[:, 0])

    def zipcode_rows(self, zipcodes: npt.NDArray[np.generic]) -> Floats:
        """Return what these ZIP codes [N] add to the first layer [N,H]."""
        return np.asarray(self.of_zipcodes_[places_among(self.zipcodes_, zipcodes)])

    def _logs(self, columns: npt.NDArray[np.float32]) -> Floats:
        """Return what the first weights read of columns [N,C]."""
        return np.asarray(np.log(np.where(np.isnan(columns), self.untold_, columns + self.offset_)))


def _fitted(seen: npt.NDArray[np.float32], target: Floats, epochs: int, draws: int) -> MLPRegressor:
    """Fit one network, on one thread: it is small, and the order in which numbers are added then stays the same."""
    network = MLPRegressor(
        hidden_layer_sizes=HIDDEN,
        alpha=SHRINKAGE,
        batch_size=min(len(seen), max(LEAST_AT_ONCE, min(MOST_AT_ONCE, len(seen) // STEPS_AN_EPOCH))),
        n_iter_no_change=epochs,
        random_state=draws,
        warm_start=True,
    )
    with threadpool_limits(1), warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # how long it learns is decided here
        for share, rate in STEPS:
            network.set_params(max_iter=max(1, round(share * epochs)), learning_rate_init=rate)
            network.fit(seen, target.astype(np.float32))
    return network
