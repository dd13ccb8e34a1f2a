"""What a home may be. Nothing is guessed, zeroed or clipped: a home that breaks a rule is refused."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from .columns import HOME_COLUMNS, NEVER_RENOVATED, NEXT_YEAR, POSITION, ZIPCODE, Column, limits
from .homes import NO_ZIPCODE, Homes

AREA_ROUNDING_SQFT = 1.0
"""How far living area may be from the sum of its parts."""

_FRACTION = np.array([not column.whole for column in HOME_COLUMNS])
_SPECIAL = [(POSITION[column.name], column.special) for column in HOME_COLUMNS if column.special is not None]
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
"""Every column and reason that a problem may have: a counter of each is there before the first home comes."""


@dataclass(frozen=True)
class Problem:
    """Hold one rule that one home breaks; a home has at most one problem in a column."""

    row: int
    column: str
    reason: str
    """The name of the rule, for the counters."""
    complaint: str
    """The rest of a sentence that begins with the column: ``is 14, allowed is a whole number from 1 to 13``."""

    @property
    def message(self) -> str:
        """Return what is wrong and what would be right, in words that a caller can act on."""
        return f"{self.column} {self.complaint}"


def check(homes: Homes, known: npt.NDArray[np.bool_], this_year: int) -> list[Problem]:
    """Return the rules that homes break, by row; an empty list when all may be valued.

    Only columns that were given are checked. ``known`` [N] says of each home whether there are demographics
    of its ZIP code.
    """
    lows, highs = _limits(this_year)
    values = homes.values
    with np.errstate(invalid="ignore", over="ignore"):  # infinity, NaN and sums without end are what this looks for
        within = (values >= lows) & (values <= highs)
        within &= _FRACTION | (values == np.floor(values))
        for place, special in _SPECIAL:
            within[:, place] |= values[:, place] == special
        # A comparison with a column that was not given, NaN, is false: such a rule stays silent.
        torn = np.abs(values[:, _ABOVE] + values[:, _BASEMENT] - values[:, _LIVING]) > AREA_ROUNDING_SQFT
        built, renovated = values[:, _BUILT], values[:, _RENOVATED]
        premature = (renovated < built) & (renovated != NEVER_RENOVATED)
    within[:, _ZIPCODE] = known
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


def allowed(column: Column, this_year: int) -> str:
    """Return in words what a column may hold."""
    if column.name == ZIPCODE:
        return "one of the known ZIP codes"
    high = float(this_year + 1) if column.high is NEXT_YEAR else column.high
    kind = "a whole number" if column.whole else "a number"
    grouped = "" if column.high is NEXT_YEAR else ","
    special = "" if column.special is None else f"{column.special:g} or "
    return f"{special}{kind} from {column.low:{grouped}} to {high:{grouped}.10g}"


@lru_cache(maxsize=2)
def _limits(this_year: int) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    lows, highs = limits(this_year)
    return np.array(lows, dtype=np.float32), np.array(highs, dtype=np.float32)


def _not_allowed(row: int, column: Column, homes: Homes, this_year: int) -> Problem:
    number = homes.values[row, POSITION[column.name]]
    exact = column.name == ZIPCODE and homes.zipcodes[row] != NO_ZIPCODE
    value = homes.zipcodes[row] if exact else _shown(number)
    complaint = f"is {value}, allowed is {allowed(column, this_year)}"
    return Problem(row, column.name, _reason(column, number, this_year), complaint)


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
    complaint = f"is {living}, but sqft_above {above} and sqft_basement {basement} do not add up to it"
    return Problem(row, "sqft_living", TORN_AREA, complaint)


def _renovated_too_early(row: int, home: npt.NDArray[np.float32]) -> Problem:
    complaint = f"is {_shown(home[_RENOVATED])}, before yr_built {_shown(home[_BUILT])}"
    return Problem(row, "yr_renovated", RENOVATED_TOO_EARLY, complaint)


def _shown(value: np.float32) -> str:
    return np.format_float_positional(value, trim="-") if np.isfinite(value) else str(float(value))
