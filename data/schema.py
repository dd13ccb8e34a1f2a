"""What each of the three CSV files must hold, built from ``preprocessing.columns``.

The schemas check numbers: ``data.load`` has turned every column into float64 and the date into datetime64.
A column's ``description`` says in words what is allowed; the error messages quote it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection

import pandas as pd
import pandera.pandas as pa

from preprocessing.checks import AREA_ROUNDING_SQFT, allowed
from preprocessing.columns import (
    DEMOGRAPHIC_COLUMNS,
    HOME_COLUMNS,
    MOST_ZIPCODE,
    NEVER_RENOVATED,
    ZIPCODE,
    limits,
)

DATE = "date"
DATE_FORMAT = "%Y%m%dT%H%M%S"
"""The sales file's form of a date: 20141013T000000."""

SALE_COLUMNS = ("id", DATE, "price")
"""The columns that a sale has in addition to those of its home."""

_LARGEST_EXACT = 2**53  # every number is read as float64, which skips whole numbers beyond this one

_CHEAPEST, _DEAREST = 1_000, 1_000_000_000
"""Dollars: less is a gift or a fee, more is a slip of the keyboard."""
_FIRST_DAY = pd.Timestamp(2000, 1, 1)
"""An earlier sale says nothing of today's prices, and is most likely a mistyped year."""
_PAST = f"a date like 20141013T000000, from {_FIRST_DAY.year} on and not after today"

_SAME_PLACE_DEGREES = 0.01
"""About a kilometre: how far apart a home's coordinates may be between its sales."""
_ZIP_CODE_DEGREES = 0.2
"""Twice the farthest that a home of King County lies north or south of the middle of its ZIP code."""

CROSS_CHECKS = {
    "sqft_living": pa.Check(
        lambda homes: (homes.sqft_above + homes.sqft_basement - homes.sqft_living).abs() <= AREA_ROUNDING_SQFT,
        error=f"the sum of sqft_above and sqft_basement, within {AREA_ROUNDING_SQFT:g} square foot",
        ignore_na=False,
    ),
    "yr_renovated": pa.Check(
        lambda homes: (homes.yr_renovated == NEVER_RENOVATED) | ~(homes.yr_renovated < homes.yr_built),
        error=f"{NEVER_RENOVATED} or a year not before yr_built",
        ignore_na=False,
    ),
}
"""The checks that compare columns of a home, by the column that a failure is reported for."""


def _within(spread: pd.Series[float], most: float) -> pd.Series[bool]:
    return ~(spread > most)  # NaN has been reported already, for its own column


def _stays(sales: pd.DataFrame) -> pd.Series[bool]:
    by_id = sales.groupby("id")
    return _within((by_id.lat.transform("max") - by_id.lat.transform("min")), _SAME_PLACE_DEGREES) & _within(
        (by_id.long.transform("max") - by_id.long.transform("min")), _SAME_PLACE_DEGREES
    )


SALE_CHECKS = {
    "id": pa.Check(_stays, error="the id of one home: here homes in several places have it", ignore_na=False),
    "lat": pa.Check(
        lambda sales: _within((sales.lat - sales.groupby(ZIPCODE).lat.transform("median")).abs(), _ZIP_CODE_DEGREES),
        error=f"a latitude within {_ZIP_CODE_DEGREES:g} degrees of most homes of the ZIP code",
        ignore_na=False,
    ),
    "floors": pa.Check(
        lambda sales: sales.floors.isna() | (sales.floors % 0.5 == 0), error="whole or half floors", ignore_na=False
    ),
    "sqft_above": pa.Check(lambda sales: ~(sales.sqft_above <= 0), error="above 0 in a sold home", ignore_na=False),
}
"""The further checks of sales, in the same form: what shows that columns or their cells have changed places."""

RISE_TOGETHER = {
    "price": "sqft_living",
    "bedrooms": "sqft_living",
    "bathrooms": "sqft_living",
    "floors": "bathrooms",
    "grade": "sqft_living",
    "sqft_living15": "sqft_living",
    "sqft_lot15": "sqft_lot",
}
"""Columns whose ranks correlate in any market, unless one was sorted or filled down without the other."""
LEAST_CORRELATION = 0.2
"""Of two such columns; in King County it is 0.55 and more, and 0 where one was sorted alone."""
FEWEST_TO_CORRELATE = 100


def demographics_schema() -> pa.DataFrameSchema:
    """Describe the demographics: one row for each ZIP code, figures finite and not negative, ``per_*`` in percent."""
    columns = {name: _figure(name) for name in DEMOGRAPHIC_COLUMNS}
    words = f"a whole number from 0 to {MOST_ZIPCODE:,}, once in the file"
    columns[ZIPCODE] = _number(0, MOST_ZIPCODE, words, whole=True, unique=True)
    return pa.DataFrameSchema(columns, strict=True)


def unseen_schema(zipcodes: Collection[float], this_year: int) -> pa.DataFrameSchema:
    """Describe homes without prices; ``zipcodes`` are the allowed ones, those with demographics."""
    return pa.DataFrameSchema(_home(zipcodes, this_year), checks=list(CROSS_CHECKS.values()), strict=True)


def sales_schema(zipcodes: Collection[float], this_year: int) -> pa.DataFrameSchema:
    """Describe sold homes: the home's id, the sale's date and price in dollars, and the columns of the home."""
    sale = {
        "id": _number(0, _LARGEST_EXACT, "a whole number, not negative", whole=True),
        DATE: pa.Column("datetime64[ns]", pa.Check(_past, error=_PAST), description=_PAST),
        "price": _number(_CHEAPEST, _DEAREST, f"a number of dollars from {_CHEAPEST:,} to {_DEAREST:,}"),
    }
    columns = {**sale, **_home(zipcodes, this_year)}
    return pa.DataFrameSchema(columns, checks=list(CROSS_CHECKS.values()), strict=True)


def sales_together_schema() -> pa.DataFrameSchema:
    """Describe what sold homes whose values are all allowed must be beside each other."""
    return pa.DataFrameSchema(checks=list(SALE_CHECKS.values()))


def _past(days: pd.Series[pd.Timestamp]) -> pd.Series[bool]:
    # A mistyped year would be the last sale of the data: no later file could then bring newer ones.
    return days.between(_FIRST_DAY, pd.Timestamp.now())


def _home(zipcodes: Collection[float], this_year: int) -> dict[str, pa.Column]:
    columns = {}
    for column, low, high in zip(HOME_COLUMNS, *limits(this_year), strict=True):
        words = allowed(column, this_year)
        columns[column.name] = _number(low, high, words, whole=column.whole, special=column.special)
    columns[ZIPCODE] = _column(lambda zips: zips.isin(zipcodes), "a ZIP code of zipcode_demographics.csv")
    return columns


def _figure(name: str) -> pa.Column:
    if name.startswith("per_"):
        return _number(0, 100, "a percentage from 0 to 100")
    return _column(lambda figure: (figure >= 0) & (figure < float("inf")), "a number, not negative")


def _number(
    low: float, high: float, words: str, *, whole: bool = False, special: float | None = None, unique: bool = False
) -> pa.Column:
    def holds(values: pd.Series[float]) -> pd.Series[bool]:
        within = values.between(low, high)
        if special is not None:
            within |= values == special
        return within & (values % 1 == 0) if whole else within

    return _column(holds, words, unique=unique)


def _column(holds: Callable[[pd.Series[float]], pd.Series[bool]], words: str, *, unique: bool = False) -> pa.Column:
    return pa.Column("float64", pa.Check(holds, error=words), unique=unique, description=words)
