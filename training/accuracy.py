"""How far valuations are from sale prices, as appraisers and as statisticians count it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True)
class Accuracy:
    """Hold MAE and RMSE in dollars; MAPE, MdAPE, PPE10, PPE20 and bias in percent; R2 as it is.

    MdAPE is the median of the absolute error relative to the sale price; PPE10 the share of
    homes valued within 10 % of it; bias the median of the signed error, positive when too high.
    """

    sales: int
    mae: float
    rmse: float
    r2: float
    mape: float
    mdape: float
    ppe10: float
    ppe20: float
    bias: float


def accuracy(valued: npt.NDArray[np.float64], paid: npt.NDArray[np.float64]) -> Accuracy:
    """Compare valuations [N] with sale prices [N], both in dollars."""
    # Imported here: whoever only reads a card need not wait a second for scikit-learn.
    from sklearn.metrics import mean_absolute_error, mean_squared_error, r2_score

    relative = (valued - paid) / paid * 100
    absolute = np.abs(relative)
    return Accuracy(
        sales=len(paid),
        mae=float(mean_absolute_error(paid, valued)),
        rmse=float(np.sqrt(mean_squared_error(paid, valued))),
        r2=float(r2_score(paid, valued)),
        mape=float(absolute.mean()),
        mdape=float(np.median(absolute)),
        ppe10=float(np.mean(absolute <= 10) * 100),
        ppe20=float(np.mean(absolute <= 20) * 100),
        bias=float(np.median(relative)),
    )
