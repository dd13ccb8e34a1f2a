"""Models as data scientists hand them over, and what becomes of each."""

from __future__ import annotations

import gzip
import pickle
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import numpy.typing as npt
import skops.io
from sklearn.compose import ColumnTransformer, TransformedTargetRegressor, make_column_selector
from sklearn.cross_decomposition import PLSRegression
from sklearn.decomposition import PCA
from sklearn.dummy import DummyRegressor
from sklearn.ensemble import (
    AdaBoostRegressor,
    BaggingRegressor,
    ExtraTreesRegressor,
    GradientBoostingRegressor,
    HistGradientBoostingRegressor,
    RandomForestRegressor,
    StackingRegressor,
    VotingRegressor,
)
from sklearn.feature_selection import SelectKBest, f_regression
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import RBF, WhiteKernel
from sklearn.impute import KNNImputer, SimpleImputer
from sklearn.kernel_ridge import KernelRidge
from sklearn.linear_model import (
    BayesianRidge,
    ElasticNet,
    GammaRegressor,
    HuberRegressor,
    Lasso,
    LinearRegression,
    PoissonRegressor,
    Ridge,
    RidgeCV,
    SGDRegressor,
    TweedieRegressor,
)
from sklearn.model_selection import GridSearchCV, RandomizedSearchCV
from sklearn.neighbors import KNeighborsRegressor, RadiusNeighborsRegressor
from sklearn.neural_network import MLPRegressor
from sklearn.pipeline import Pipeline, make_pipeline, make_union
from sklearn.preprocessing import (
    FunctionTransformer,
    KBinsDiscretizer,
    MinMaxScaler,
    OneHotEncoder,
    OrdinalEncoder,
    PolynomialFeatures,
    PowerTransformer,
    QuantileTransformer,
    RobustScaler,
    SplineTransformer,
    StandardScaler,
    TargetEncoder,
)
from sklearn.svm import SVR, LinearSVR, NuSVR
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from preprocessing.columns import HOME_COLUMN_NAMES
from training.basic import BASIC_COLUMNS, basic_pipeline, pick
from training.gaps import with_gaps
from training.sales import Sales

PUBLISHED = ""
EITHER = "^"
"""Stands for a model that skl2onnx converts right for some data only: such a one is published or refused."""


@dataclass(frozen=True)
class HandedOver:
    """Hold an unfitted model, the columns that it learns from, and what becomes of it.

    ``refused`` is a pattern of the one line that refuses it, empty if it is published. ``gaps`` when it learns from
    homes with gaps, ``named`` when it learns from a frame with the names of columns. ``target`` turns prices [N] into
    what it learns.
    """

    name: str
    model: Any
    columns: tuple[str, ...] = BASIC_COLUMNS
    refused: str = PUBLISHED
    gaps: bool = False
    named: bool = True
    target: Callable[[npt.NDArray[np.float64]], Any] = lambda prices: prices


def _pickled(model: Any, path: Path) -> None:
    path.write_bytes(pickle.dumps(model))


def _compressed_pickle(model: Any, path: Path) -> None:
    path.write_bytes(gzip.compress(pickle.dumps(model)))


FORMATS: dict[str, Callable[[Any, Path], object]] = {
    "pickle": _pickled,
    "pickle in gzip": _compressed_pickle,
    "joblib": joblib.dump,
    "joblib, zlib": lambda model, path: joblib.dump(model, path, compress=3),
    "joblib, xz": lambda model, path: joblib.dump(model, path, compress=("xz", 3)),
    "skops": lambda model, path: skops.io.dump(model, path),
}


def fitted(one: HandedOver, sales: Sales, learnt: int) -> HandedOver:
    """Fit a model to the first so many sales of those to learn from."""
    rows = sales.training[:learnt]
    table, prices = sales.table[rows], sales.prices[rows]
    if one.gaps:
        table = np.concatenate([table, with_gaps(table, np.random.default_rng(0))])
        prices = np.concatenate([prices, prices])
    homes = pick(table, one.columns)
    one.model.fit(homes if one.named else homes.to_numpy(), one.target(prices))
    return one


def _logged(model: Any) -> TransformedTargetRegressor:
    return TransformedTargetRegressor(model, func=np.log, inverse_func=np.exp)


def _scaled(model: Any) -> Pipeline:
    return make_pipeline(StandardScaler(), model)


def _fahrenheit(columns: Any) -> Any:
    return columns * 1.8 + 32


_NUMBERS = ["sqft_living", "sqft_lot", "bathrooms", "sqft_above", "medn_hshld_incm_amt", "hous_val_amt", "per_bchlr"]
_GAPS = "which callers may leave out, and cannot value a home with only the required columns given"
_DIFFERS = r"prices [\d,]+ of [\d,]+ homes differently"
_NOT_CONVERTED = "cannot be converted to ONNX"
_FEW = ("sqft_living", "bathrooms", "medn_hshld_incm_amt", "hous_val_amt", "per_bchlr")
_WITH_GAPS = (*BASIC_COLUMNS, "yr_built", "grade", "view")
_WITH_ZIPCODE = (*BASIC_COLUMNS, "zipcode")

CATALOGUE = (
    HandedOver("basic pipeline", basic_pipeline()),
    HandedOver("basic pipeline of numpy arrays", basic_pipeline(), named=False),
    HandedOver(
        "grid search of the basic pipeline",
        GridSearchCV(basic_pipeline(), {"kneighborsregressor__n_neighbors": [4, 8]}, cv=2),
    ),
    HandedOver(
        "random search of a forest",
        RandomizedSearchCV(
            RandomForestRegressor(10, random_state=0), {"max_depth": [6, 9]}, n_iter=2, cv=2, random_state=0
        ),
    ),
    HandedOver(
        "neighbours weighted by distance", make_pipeline(RobustScaler(), KNeighborsRegressor(weights="distance"))
    ),
    HandedOver(
        "log price of weighted neighbours",
        _logged(make_pipeline(RobustScaler(), KNeighborsRegressor(8, weights="distance"))),
    ),
    HandedOver("neighbours by Manhattan distance", _scaled(KNeighborsRegressor(metric="manhattan"))),
    HandedOver("neighbours by Minkowski distance, p=3", make_pipeline(RobustScaler(), KNeighborsRegressor(p=3)), _FEW),
    HandedOver(
        "neighbours by Chebyshev distance", _scaled(KNeighborsRegressor(metric="chebyshev")), refused=_NOT_CONVERTED
    ),
    HandedOver(
        "neighbours weighted by a function",
        _scaled(KNeighborsRegressor(weights=np.exp)),
        refused="weights 'uniform' or 'distance'",
    ),
    HandedOver("neighbours within a radius", _scaled(RadiusNeighborsRegressor(20.0)), refused="ONNX|gives no price"),
    HandedOver(
        "neighbours of homes with gaps filled",
        make_pipeline(SimpleImputer(strategy="median"), StandardScaler(), KNeighborsRegressor()),
        _WITH_GAPS,
        gaps=True,
    ),
    HandedOver(
        "prices below zero",
        LinearRegression(),
        refused="a price must be above 0: learn the log",
        target=lambda prices: prices - 500_000,
    ),
    HandedOver("linear regression of the log price", _logged(LinearRegression())),
    HandedOver(
        "ridge of the log price, log1p",
        TransformedTargetRegressor(_scaled(RidgeCV()), func=np.log1p, inverse_func=np.expm1),
    ),
    HandedOver(
        "ridge of the square root", TransformedTargetRegressor(_scaled(Ridge()), func=np.sqrt, inverse_func=np.square)
    ),
    HandedOver(
        "ridge of the scaled log price",
        _logged(TransformedTargetRegressor(_scaled(Ridge()), transformer=StandardScaler())),
    ),
    HandedOver(
        "ridge of the price by quantiles",
        TransformedTargetRegressor(_scaled(Ridge()), transformer=QuantileTransformer(n_quantiles=100)),
        refused="transformed by QuantileTransformer has no ONNX form",
    ),
    HandedOver(
        "ridge of the price by a function of one's own",
        TransformedTargetRegressor(_scaled(Ridge()), func=np.cbrt, inverse_func=_fahrenheit, check_inverse=False),
        refused="_fahrenheit",
    ),
    HandedOver("pipeline that ends in a log price", _scaled(_logged(Ridge()))),
    HandedOver(
        "grid search of a log price",
        GridSearchCV(_logged(_scaled(Ridge())), {"regressor__ridge__alpha": [1.0, 10.0]}, cv=2),
    ),
    HandedOver("lasso", _logged(_scaled(Lasso(0.001)))),
    HandedOver("elastic net", _logged(_scaled(ElasticNet(0.001)))),
    HandedOver("Huber", _logged(_scaled(HuberRegressor(max_iter=1000)))),
    HandedOver("Bayesian ridge", _logged(_scaled(BayesianRidge()))),
    HandedOver("stochastic gradient", _logged(_scaled(SGDRegressor(alpha=0.01, random_state=0)))),
    HandedOver("gamma", _scaled(GammaRegressor(alpha=0.1))),
    HandedOver("Poisson", _scaled(PoissonRegressor(alpha=0.1, max_iter=1000))),
    HandedOver("Tweedie", _scaled(TweedieRegressor(power=1.5, alpha=0.1, max_iter=1000))),
    HandedOver("partial least squares", _logged(PLSRegression(8))),
    HandedOver("linear support vectors", _logged(_scaled(LinearSVR(random_state=0, max_iter=20_000)))),
    HandedOver("support vectors", _logged(_scaled(SVR(C=3)))),
    HandedOver("nu support vectors", _logged(_scaled(NuSVR(C=3)))),
    HandedOver("kernel ridge", _logged(_scaled(KernelRidge())), refused=_NOT_CONVERTED),
    HandedOver(
        "Gaussian process",
        _logged(_scaled(GaussianProcessRegressor(RBF(10.0) + WhiteKernel(0.1), optimizer=None, normalize_y=True))),
    ),
    HandedOver(
        "neural network",
        _logged(
            _scaled(MLPRegressor(hidden_layer_sizes=(16,), alpha=1.0, solver="lbfgs", max_iter=300, random_state=0))
        ),
    ),
    HandedOver("tree", DecisionTreeRegressor(max_depth=6, random_state=0)),
    HandedOver("forest", RandomForestRegressor(20, random_state=0)),
    HandedOver("forest of scaled columns", _scaled(RandomForestRegressor(20, random_state=0))),
    HandedOver(
        "forest of homes without gaps",
        RandomForestRegressor(20, random_state=0),
        HOME_COLUMN_NAMES,
        refused="with only required columns given",
    ),
    HandedOver("forest that learnt from gaps", RandomForestRegressor(20, random_state=0), _WITH_GAPS, gaps=True),
    HandedOver(
        "forest of filled gaps",
        make_pipeline(SimpleImputer(), RandomForestRegressor(20, random_state=0)),
        _WITH_GAPS,
        gaps=True,
    ),
    HandedOver("extra trees that learnt from gaps", ExtraTreesRegressor(20, random_state=0), _WITH_GAPS, gaps=True),
    HandedOver("extra trees of the log price", _logged(ExtraTreesRegressor(20, random_state=0))),
    HandedOver("gradient boosting", _logged(GradientBoostingRegressor(random_state=0))),
    HandedOver(
        "gradient boosting that takes no gaps",
        _logged(GradientBoostingRegressor(random_state=0)),
        HOME_COLUMN_NAMES,
        refused=_GAPS,
    ),
    HandedOver(
        "histogram boosting that learnt from gaps",
        _logged(HistGradientBoostingRegressor(max_iter=40, random_state=0)),
        _WITH_GAPS,
        gaps=True,
    ),
    HandedOver(
        "histogram boosting of scaled columns",
        _logged(_scaled(HistGradientBoostingRegressor(max_iter=40, random_state=0))),
        _WITH_GAPS,
        gaps=True,
    ),
    HandedOver(
        "histogram boosting of categories",
        HistGradientBoostingRegressor(max_iter=20, categorical_features=["bedrooms"]),
        refused="ONNX",
    ),
    HandedOver(
        "AdaBoost", _logged(AdaBoostRegressor(DecisionTreeRegressor(max_depth=6), n_estimators=10, random_state=0))
    ),
    HandedOver("bagged trees", BaggingRegressor(n_estimators=8, random_state=0)),
    HandedOver(
        "votes of ridge and forest",
        _logged(VotingRegressor([("ridge", _scaled(Ridge())), ("forest", RandomForestRegressor(10, random_state=0))])),
    ),
    HandedOver(
        "stack of ridge and boosting",
        StackingRegressor([("ridge", _scaled(Ridge())), ("boosting", GradientBoostingRegressor(random_state=0))], cv=2),
    ),
    HandedOver(
        "columns by name, one-hot ZIP codes",
        _logged(
            make_pipeline(
                ColumnTransformer(
                    [("zip", OneHotEncoder(handle_unknown="ignore"), ["zipcode"]), ("size", StandardScaler(), _NUMBERS)]
                ),
                Ridge(),
            )
        ),
        _WITH_ZIPCODE,
    ),
    HandedOver(
        "columns by name, the rest passed through",
        _logged(
            make_pipeline(
                ColumnTransformer([("size", StandardScaler(), _NUMBERS)], remainder="passthrough"),
                GradientBoostingRegressor(random_state=0),
            )
        ),
    ),
    HandedOver(
        "columns by a pattern of their names",
        _logged(
            make_pipeline(
                ColumnTransformer(
                    [
                        (
                            "size",
                            make_pipeline(FunctionTransformer(np.log1p), StandardScaler()),
                            make_column_selector("sqft_living|sqft_lot|per_"),
                        )
                    ]
                ),
                Ridge(),
            )
        ),
    ),
    HandedOver(
        "columns by name, gaps filled",
        _logged(
            make_pipeline(
                ColumnTransformer(
                    [
                        ("years", SimpleImputer(strategy="median"), ["yr_built", "grade", "view"]),
                        ("size", StandardScaler(), _NUMBERS),
                    ]
                ),
                GradientBoostingRegressor(random_state=0),
            )
        ),
        _WITH_GAPS,
        gaps=True,
    ),
    HandedOver(
        "ordinal ZIP codes",
        _logged(
            make_pipeline(
                ColumnTransformer(
                    [("zip", OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1), ["zipcode"])],
                    remainder="passthrough",
                ),
                GradientBoostingRegressor(random_state=0),
            )
        ),
        _WITH_ZIPCODE,
    ),
    HandedOver(
        "ZIP codes by their mean price",
        _logged(
            make_pipeline(
                ColumnTransformer(
                    [("zip", TargetEncoder(target_type="continuous"), ["zipcode"])], remainder="passthrough"
                ),
                Ridge(),
            )
        ),
        _WITH_ZIPCODE,
    ),
    HandedOver("logs of all columns", _logged(make_pipeline(FunctionTransformer(np.log1p), StandardScaler(), Ridge()))),
    HandedOver(
        "a function of one's own",
        make_pipeline(FunctionTransformer(_fahrenheit), RandomForestRegressor(5)),
        refused="_fahrenheit",
    ),
    HandedOver("principal components", _logged(make_pipeline(StandardScaler(), PCA(12), Ridge()))),
    HandedOver(
        "scaled columns and principal components",
        _logged(make_pipeline(make_union(MinMaxScaler(), PCA(3)), Ridge(0.01))),
    ),
    HandedOver("the best columns", _logged(make_pipeline(SelectKBest(f_regression, k=15), StandardScaler(), Ridge()))),
    HandedOver(
        "polynomials",
        _logged(make_pipeline(StandardScaler(), PCA(6), PolynomialFeatures(2), Ridge(10.0))),
    ),
    HandedOver(
        "splines",
        _logged(_scaled(make_pipeline(SplineTransformer(), Ridge(10.0)))),
        refused=f"{_NOT_CONVERTED}|skops does not know",
    ),
    HandedOver(
        "bins",
        _logged(
            make_pipeline(KBinsDiscretizer(5, encode="onehot-dense", quantile_method="averaged_inverted_cdf"), Ridge())
        ),
        _FEW,
    ),
    HandedOver(
        "power transforms",
        _logged(make_pipeline(PowerTransformer(), Ridge())),
        refused=EITHER,
    ),
    HandedOver(
        "gaps filled by neighbours",
        _logged(make_pipeline(KNNImputer(), Ridge())),
        _WITH_GAPS,
        gaps=True,
        refused=_NOT_CONVERTED,
    ),
    HandedOver("one price for all", DummyRegressor(), refused=_NOT_CONVERTED),
    HandedOver(
        "log price handed over as dollars", _scaled(Ridge()), refused="no range around its prices", target=np.log
    ),
    HandedOver(
        "a classifier",
        DecisionTreeClassifier(max_depth=3),
        refused="predicts no price",
        target=lambda prices: prices > 500_000,
    ),
    HandedOver("a scaler", StandardScaler(), refused="predicts no price"),
    HandedOver(
        "two prices",
        RandomForestRegressor(5),
        refused="one price for each",
        target=lambda prices: np.column_stack([prices, prices]),
    ),
    HandedOver("one price as a column", _scaled(KNeighborsRegressor()), target=lambda prices: prices[:, np.newaxis]),
)
