"""Whether the basic model has fitted appropriately: what it amounts to, and what holds it back."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from sklearn.base import RegressorMixin
from sklearn.model_selection import GroupKFold, cross_val_predict
from sklearn.neighbors import KNeighborsRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from evaluation.splits import USUAL_FOLDING, zipcodes_of
from preprocessing.columns import DEMOGRAPHIC_COLUMNS, POSITION
from training.accuracy import Accuracy, accuracy
from training.basic import BASIC_COLUMNS, basic_pipeline, pick, train_basic
from training.sales import Sales

NEIGHBOURS = (1, 3, 5, 8, 12, 20, 50)
"""Numbers of neighbours to try; the firm's is 5."""


@dataclass(frozen=True)
class BasicFit:
    """Hold what was measured on the firm's split, whose held-out sales only ``zip_rule`` uses."""

    zip_rule: Accuracy
    """Of the ZIP code's median price per square foot times the living area."""
    heaviest_column: str
    heaviest_share: float
    """The share of the variance of all scaled columns, and so of the distances, in that one; percent."""
    home_share: float
    """The share of the seven columns of the home itself; percent."""
    same_zipcode: float
    """The percentage of a training sale's neighbours, itself left out, that lie in its ZIP code."""
    mae_by_neighbours: dict[int, float]
    """Dollars, by five folds of the training sales grouped by home."""
    mae_scaled: float
    """The same with every column scaled to unit variance, 10 neighbours, nearer ones counting more."""


def basic_fit(sales: Sales) -> BasicFit:
    """Look into the basic model on the firm's own split."""
    training, held_out = sales[sales.training], sales[sales.held_out]
    scaler, neighbours = train_basic(training).regressor
    scaled = scaler.transform(pick(training.table, BASIC_COLUMNS))
    variance = scaled.var(axis=0)
    shares = dict(zip(BASIC_COLUMNS, (variance / variance.sum()).tolist(), strict=True))
    heaviest = max(shares, key=lambda name: shares[name])
    zipcodes, nearest = zipcodes_of(training.table), neighbours.kneighbors(return_distance=False)
    return BasicFit(
        zip_rule=accuracy(zip_rule(training, held_out.table), held_out.prices),
        heaviest_column=heaviest,
        heaviest_share=shares[heaviest] * 100,
        home_share=sum(share for name, share in shares.items() if name not in DEMOGRAPHIC_COLUMNS) * 100,
        same_zipcode=float(np.mean(zipcodes[nearest] == zipcodes[:, None])) * 100,
        mae_by_neighbours={count: _inner_mae(basic_pipeline(count), training) for count in NEIGHBOURS},
        mae_scaled=_inner_mae(make_pipeline(StandardScaler(), KNeighborsRegressor(10, weights="distance")), training),
    )


def zip_rule(sales: Sales, table: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
    """Return prices [M] in dollars of features [M,44]: the area times the ZIP code's median price per square foot.

    The medians are those of the sales; a ZIP code without sales takes the median of all.
    """
    per_square_foot, sold_in = sales.prices / _areas(sales.table), zipcodes_of(sales.table)
    rates = {code: np.median(per_square_foot[sold_in == code]) for code in np.unique(sold_in)}
    everywhere = np.median(per_square_foot)
    rate = np.array([rates.get(code, everywhere) for code in zipcodes_of(table)], dtype=np.float64)
    return np.asarray(rate * _areas(table), dtype=np.float64)


def _areas(table: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
    """Return the living areas [N] in square feet."""
    return table[:, POSITION["sqft_living"]].astype(np.float64)


def _inner_mae(regressor: RegressorMixin, sales: Sales) -> float:
    """Return the mean absolute error in dollars of a regressor by grouped folds of the sales."""
    columns, folds = pick(sales.table, BASIC_COLUMNS), GroupKFold(USUAL_FOLDING.folds)
    valued = cross_val_predict(regressor, columns, sales.prices, groups=sales.homes, cv=folds)
    return float(np.abs(valued - sales.prices).mean())
