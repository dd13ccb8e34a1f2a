"""The typical home of a ZIP code: the medians of its sold homes, made possible."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from market_analysis.past_sales import PastSales
from preprocessing.columns import HOME_COLUMNS, NEVER_RENOVATED, POSITION, ZIPCODE

FEWEST_SALES = 5
"""Below this, medians of a ZIP code say little; it then has no typical home."""


def typical_homes(sales: PastSales) -> Mapping[int, npt.NDArray[np.float32]]:
    """Return the columns [18] of a typical home by ZIP code, for all ZIP codes with ``FEWEST_SALES`` or more."""
    zipcodes = sales.column(ZIPCODE)
    found, counts = np.unique(zipcodes, return_counts=True)
    return {
        int(zipcode): _possible(np.median(sales.homes[zipcodes == zipcode], axis=0))
        for zipcode, count in zip(found, counts, strict=True)
        if count >= FEWEST_SALES
    }


def _possible(home: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Return medians [18] as a home that may be: nobody has half a bedroom, and areas add up.

    The medians of living area, of the part above ground and of the basement add up in no ZIP code of the real data.
    """
    whole = np.array([column.whole for column in HOME_COLUMNS])
    home = np.where(whole, np.rint(home), home).astype(np.float32)
    living, above, basement = (POSITION[name] for name in ("sqft_living", "sqft_above", "sqft_basement"))
    home[above] = min(home[above], home[living])
    home[basement] = home[living] - home[above]
    built, renovated = POSITION["yr_built"], POSITION["yr_renovated"]
    if home[renovated] != NEVER_RENOVATED:
        home[renovated] = max(home[renovated], home[built])
    return home
