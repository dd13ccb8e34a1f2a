"""What a home may be. Nothing is guessed, zeroed or clipped: a home that breaks a rule is refused."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from .columns import HOME_COLUMNS, NEXT_YEAR, POSITION, ZIPCODE, Column, limits
from .demographics import Demographics
from .homes import NO_ZIPCODE, Homes

AREA_ROUNDING_SQFT = 1.0
"""How far living area may be from the sum of its parts."""

_FRACTION = np.array([not column.whole for column in HOME_COLUMNS])
_LIVING, _ABOVE, _BASEMENT = (POSITION[name] for name in ("sqft_living", "sqft_above", "sqft_basement"))
_BUILT, _RENOVATED = POSITION["yr_built"], POSITION["yr_renovated"]
_ZIPCODE = POSITION[ZIPCODE]


OUT_OF_RANGE = "out_of_range"
NOT_WHOLE = "not_whole"
NOT_FINITE = "not_finite"
UNKNOWN_ZIPCODE = "unknown_zipcode"
TORN_AREA = "areas_do_not_add_up"
RENOVATED_TOO_EARLY = "renovated_before_built"

PROBLEMS = (
    *(
        (column.name, reason)
        for column in HOME_COLUMNS
        if column.name != ZIPCODE
        for reason in (OUT_OF_RANGE, NOT_FINITE)
    ),
    *((column.name, NOT_WHOLE) for column in HOME_COLUMNS if column.name != ZIPCODE and column.whole),
    (ZIPCODE, UNKNOWN_ZIPCODE),
    ("sqft_living", TORN_AREA),
    ("yr_renovated", RENOVATED_TOO_EARLY),
)
"""Every column and reason that a problem may have: what is counted must be known beforehand."""


@dataclass(frozen=True)
class Problem:
    """One rule that one home breaks, in words that a caller can act on; ``reason`` names the rule."""

    row: int
    column: str
    reason: str
    message: str


def check(homes: Homes, demographics: Demographics, this_year: int) -> list[Problem]:
    """The rules that homes break, by row; an empty list when all may be valued.

    Only columns that were given are checked.
    """
    lows, highs = _limits(this_year)
    values = homes.values
    with np.errstate(invalid="ignore"):  # infinity and NaN are what this looks for
        within = (values >= lows) & (values <= highs)
        within &= _FRACTION | (values == np.floor(values))
        built, renovated = values[:, _BUILT], values[:, _RENOVATED]
        within[:, _RENOVATED] |= renovated == 0
        # A comparison with a column that was not given, NaN, is false: such a rule stays silent.
        torn = np.abs(values[:, _ABOVE] + values[:, _BASEMENT] - values[:, _LIVING]) > AREA_ROUNDING_SQFT
        premature = (renovated < built) & (renovated != 0)
    within[:, _ZIPCODE] = demographics.find(homes.zipcodes)[1]
    bad = homes.given & ~within
    if not (bad.any() or torn.any() or premature.any()):
        return []
    # Each number must make sense by itself before two are held against each other.
    torn &= within[:, [_LIVING, _ABOVE, _BASEMENT]].all(axis=1)
    premature &= within[:, [_BUILT, _RENOVATED]].all(axis=1)
    return sorted(
        [
            *(_not_allowed(row, HOME_COLUMNS[place], homes, this_year) for row, place in np.argwhere(bad).tolist()),
            *(_torn_area(row, values[row]) for row in np.flatnonzero(torn).tolist()),
            *(_renovated_too_early(row, values[row]) for row in np.flatnonzero(premature).tolist()),
        ],
        key=lambda problem: problem.row,
    )


@lru_cache(maxsize=2)
def _limits(this_year: int) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    lows, highs = limits(this_year)
    return np.array(lows, dtype=np.float32), np.array(highs, dtype=np.float32)


def allowed(column: Column, this_year: int) -> str:
    """The allowed values of a column, in words."""
    if column.name == ZIPCODE:
        return "one of the known ZIP codes"
    high = float(this_year + 1) if column.high is NEXT_YEAR else column.high
    kind = "a whole number" if column.whole else "a number"
    grouped = "" if column.high is NEXT_YEAR else ","
    also = "0 or " if column.name == "yr_renovated" else ""
    return f"{also}{kind} from {column.low:{grouped}} to {high:{grouped}.10g}"


def _not_allowed(row: int, column: Column, homes: Homes, this_year: int) -> Problem:
    number = homes.values[row, POSITION[column.name]]
    exact = column.name == ZIPCODE and homes.zipcodes[row] != NO_ZIPCODE
    value = homes.zipcodes[row] if exact else _shown(number)
    message = f"{column.name} is {value}, allowed is {allowed(column, this_year)}"
    return Problem(row, column.name, _reason(column, number, this_year), message)


def _reason(column: Column, number: np.float32, this_year: int) -> str:
    if column.name == ZIPCODE:
        return UNKNOWN_ZIPCODE
    if not np.isfinite(number):
        return NOT_FINITE
    lows, highs = _limits(this_year)
    within = lows[POSITION[column.name]] <= number <= highs[POSITION[column.name]]
    return NOT_WHOLE if within else OUT_OF_RANGE


def _torn_area(row: int, home: npt.NDArray[np.float32]) -> Problem:
    living, above, basement = (_shown(home[place]) for place in (_LIVING, _ABOVE, _BASEMENT))
    message = f"sqft_living is {living}, but sqft_above {above} and sqft_basement {basement} do not add up to it"
    return Problem(row, "sqft_living", TORN_AREA, message)


def _renovated_too_early(row: int, home: npt.NDArray[np.float32]) -> Problem:
    message = f"yr_renovated is {_shown(home[_RENOVATED])}, before yr_built {_shown(home[_BUILT])}"
    return Problem(row, "yr_renovated", RENOVATED_TOO_EARLY, message)


def _shown(value: np.float32) -> str:
    return np.format_float_positional(value, trim="-") if np.isfinite(value) else str(float(value))
