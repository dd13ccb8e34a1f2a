"""The example home as the service sees it; run as a module, it tries this very folder out.

A version of the preprocessing model is tried before it is published: one that breaks while it
loads can stop an older Triton from polling.
"""

from __future__ import annotations

from datetime import date
from pathlib import Path

import numpy as np
import numpy.typing as npt

from .columns import EXAMPLE_HOME, HOME_COLUMN_NAMES, HOME_COLUMNS, ZIPCODE
from .demographics import DEMOGRAPHICS_FILE, Demographics
from .features import checked_features
from .homes import Homes, Inputs
from .refusal import refusal
from .training_bins import TRAINING_FILE, read_training

_DTYPES = {"FP32": np.float32, "INT64": np.int64}


def example_home(demographics: Demographics) -> dict[str, float]:
    """Return the example home by column, in a ZIP code that these demographics know."""
    zipcode = int(EXAMPLE_HOME[ZIPCODE])
    known = zipcode if zipcode in demographics.zipcodes else int(demographics.zipcodes[0])
    return {**EXAMPLE_HOME, ZIPCODE: known}


def example_inputs(demographics: Demographics) -> Inputs:
    """Return the example home as the inputs of a request, each [1,1]."""
    home = example_home(demographics)
    return HOME_COLUMN_NAMES, [
        np.array([[home[column.name]]], dtype=_DTYPES[column.triton_type]) for column in HOME_COLUMNS
    ]


def example_features(demographics: Demographics) -> npt.NDArray[np.float32]:
    """Return the features of the example home, float32 [1,44], made as for a request.

    Raises ValueError when the checks refuse it.
    """
    homes = Homes.of_requests([example_inputs(demographics)])
    problems, table = checked_features(homes, demographics, date.today().year)
    if problems:
        raise ValueError(refusal(problems, 1, demographics))
    return table


if __name__ == "__main__":
    example_features(Demographics.read(Path(__file__).with_name(DEMOGRAPHICS_FILE)))
    read_training(Path(__file__).with_name(TRAINING_FILE))
