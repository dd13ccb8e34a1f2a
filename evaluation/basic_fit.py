"""Whether the basic model has fitted appropriately: what it amounts to, and what holds it back."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from sklearn.base import RegressorMixin
from sklearn.model_selection import GroupKFold, cross_val_predict
from sklearn.neighbors import KNeighborsRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import RobustScaler, StandardScaler

from evaluation.splits import USUAL_FOLDING, zipcodes_of
from preprocessing.columns import DEMOGRAPHIC_COLUMNS, POSITION
from training.accuracy import Accuracy, accuracy
from training.basic import BASIC_COLUMNS, pick
from training.sales import Sales

NEIGHBOURS = (1, 3, 5, 8, 12, 20, 50)
"""Numbers of neighbours to try; the firm's is 5."""


@dataclass(frozen=True)
class BasicFit:
    """Measured on the firm's split, whose held-out sales only ``zip_rule`` uses."""

    zip_rule: Accuracy
    """Of the ZIP code's median price per square foot times the living area."""
    heaviest_column: str
    heaviest_share: float
    """The share of the variance of all scaled columns, and so of the distances, in that one; percent."""
    home_share: float
    """The same of the seven columns of the home itself."""
    same_zipcode: float
    """The percentage of a training sale's neighbours, itself left out, that lie in its ZIP code."""
    mae_by_neighbours: dict[int, float]
    """Dollars, by five folds of the training sales grouped by home."""
    mae_scaled: float
    """The same with every column scaled to unit variance, 10 neighbours, nearer ones counting more."""


def basic_fit(sales: Sales) -> BasicFit:
    """Look into the basic model on the firm's own split."""
    train, test = sales.training, sales.held_out
    shares = _variance_shares(sales, train)
    heaviest = max(shares, key=lambda name: shares[name])
    return BasicFit(
        zip_rule=accuracy(zip_rule(sales, train, test), sales.prices[test]),
        heaviest_column=heaviest,
        heaviest_share=shares[heaviest] * 100,
        home_share=sum(share for name, share in shares.items() if name not in DEMOGRAPHIC_COLUMNS) * 100,
        same_zipcode=_same_zipcode(sales, train) * 100,
        mae_by_neighbours={
            count: _inner_mae(make_pipeline(RobustScaler(), KNeighborsRegressor(count)), sales, train)
            for count in NEIGHBOURS
        },
        mae_scaled=_inner_mae(
            make_pipeline(StandardScaler(), KNeighborsRegressor(10, weights="distance")), sales, train
        ),
    )


def zip_rule(sales: Sales, train: npt.NDArray[np.intp], test: npt.NDArray[np.intp]) -> npt.NDArray[np.float64]:
    """Prices of test rows: the median price per square foot of the ZIP code's training sales times the area.

    A ZIP code without training sales takes the median of all.
    """
    areas = sales.table[:, POSITION["sqft_living"]].astype(np.float64)
    zipcodes, per_square_foot = zipcodes_of(sales), sales.prices / areas
    rates = {code: np.median(per_square_foot[train][zipcodes[train] == code]) for code in np.unique(zipcodes[train])}
    everywhere = np.median(per_square_foot[train])
    rate = np.array([rates.get(code, everywhere) for code in zipcodes[test]], dtype=np.float64)
    return np.asarray(rate * areas[test], dtype=np.float64)


def _variance_shares(sales: Sales, train: npt.NDArray[np.intp]) -> dict[str, float]:
    scaled = RobustScaler().fit_transform(pick(sales.table[train], BASIC_COLUMNS))
    variance = scaled.var(axis=0)
    return dict(zip(BASIC_COLUMNS, (variance / variance.sum()).tolist(), strict=True))


def _same_zipcode(sales: Sales, train: npt.NDArray[np.intp]) -> float:
    scaled = RobustScaler().fit_transform(pick(sales.table[train], BASIC_COLUMNS))
    nearest = KNeighborsRegressor().fit(scaled, sales.prices[train]).kneighbors(return_distance=False)
    zipcodes = zipcodes_of(sales)[train]
    return float(np.mean(zipcodes[nearest] == zipcodes[:, None]))


def _inner_mae(regressor: RegressorMixin, sales: Sales, train: npt.NDArray[np.intp]) -> float:
    columns, paid = pick(sales.table[train], BASIC_COLUMNS), sales.prices[train]
    valued = cross_val_predict(regressor, columns, paid, groups=sales.homes[train], cv=GroupKFold(USUAL_FOLDING.folds))
    return float(np.abs(valued - paid).mean())
