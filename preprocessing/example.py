"""The example home as the service sees it; run as a module, it tries this very folder out.

A version of the preprocessing model is tried before it is published: one that breaks while it
loads can stop an older Triton from polling.
"""

from __future__ import annotations

from datetime import date
from pathlib import Path

import numpy as np
import numpy.typing as npt

from .checks import check
from .columns import EXAMPLE_HOME, ZIPCODE
from .demographics import DEMOGRAPHICS_FILE, Demographics
from .features import features
from .homes import Homes
from .refusal import refusal
from .training_bins import TRAINING_FILE, read_training


def example_home(demographics: Demographics) -> dict[str, float]:
    """The example home by column, in a ZIP code that these demographics know."""
    zipcode = int(EXAMPLE_HOME[ZIPCODE])
    known = zipcode if zipcode in demographics.zipcodes else int(demographics.zipcodes[0])
    return {**EXAMPLE_HOME, ZIPCODE: known}


def example_features(demographics: Demographics) -> npt.NDArray[np.float32]:
    """Its features, float32 [1,44]. Raises ValueError if the checks refuse it."""
    homes = Homes.of({name: [value] for name, value in example_home(demographics).items()})
    if problems := check(homes, demographics, date.today().year):
        raise ValueError(refusal(problems, 1, demographics))
    return features(homes, demographics)


if __name__ == "__main__":
    example_features(Demographics.read(Path(__file__).with_name(DEMOGRAPHICS_FILE)))
    read_training(Path(__file__).with_name(TRAINING_FILE))
