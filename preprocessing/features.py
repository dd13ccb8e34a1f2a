"""The features of homes: what training and serving both read, from the same lines."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from .checks import Problem, check
from .columns import FEATURE_NAMES, HOME_COLUMN_NAMES
from .demographics import Demographics
from .homes import Homes


def features(homes: Homes, demographics: Demographics) -> npt.NDArray[np.float32]:
    """Return the features of N homes: float32 [N,44], the columns of ``FEATURE_NAMES``.

    Nothing is checked. A column that was not given is NaN, and so are the demographics of an unknown ZIP code.
    """
    return _join(homes, demographics, *demographics.find(homes.zipcodes))


def checked_features(
    homes: Homes, demographics: Demographics, this_year: int
) -> tuple[list[Problem], npt.NDArray[np.float32]]:
    """Return the rules that N homes break, by row, and their features, float32 [N,44].

    Both need to know where a ZIP code stands among the demographics; it is looked up once.
    """
    place, known = demographics.find(homes.zipcodes)
    problems = check(homes, known, this_year)
    return problems, _join(homes, demographics, place, known)


def _join(
    homes: Homes, demographics: Demographics, place: npt.NDArray[np.intp], known: npt.NDArray[np.bool_]
) -> npt.NDArray[np.float32]:
    table = np.empty((len(homes), len(FEATURE_NAMES)), dtype=np.float32)
    table[:, : len(HOME_COLUMN_NAMES)] = homes.values
    table[:, len(HOME_COLUMN_NAMES) :] = demographics.figures[place]
    if not known.all():
        table[~known, len(HOME_COLUMN_NAMES) :] = np.nan
    return table
