"""The features of homes: the one function that both training and serving call."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from .columns import FEATURE_NAMES, HOME_COLUMN_NAMES
from .demographics import Demographics
from .homes import Homes


def features(homes: Homes, demographics: Demographics) -> npt.NDArray[np.float32]:
    """The features of N homes: float32 [N,44], the columns of ``FEATURE_NAMES``.

    A column that was not given is NaN, and so are the demographics of an unknown ZIP code,
    which ``checks.check`` refuses before a price is asked for.
    """
    place, known = demographics.find(homes.zipcodes)
    table = np.empty((len(homes), len(FEATURE_NAMES)), dtype=np.float32)
    table[:, : len(HOME_COLUMN_NAMES)] = homes.values
    table[:, len(HOME_COLUMN_NAMES) :] = demographics.figures[place]
    if not known.all():
        table[~known, len(HOME_COLUMN_NAMES) :] = np.nan
    return table
