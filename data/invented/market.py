"""The invented market as a whole: sales, demographics, and 100 homes that were not sold."""

from __future__ import annotations

import numpy as np
import pandas as pd

from data.invented.buildings import LATEST_YEAR, invent_homes
from data.invented.people import invent_demographics
from data.invented.places import Floats, Places, Terrain, invent_places, invent_terrain
from data.schema import DATE_FORMAT
from preprocessing.columns import HOME_COLUMN_NAMES, NEVER_RENOVATED

HOMES_SOLD, SOLD_TWICE, SOLD_THRICE = 21_436, 175, 1
UNSEEN_HOMES = 100

_WITHOUT_BEDROOMS, _WITHOUT_BATHROOMS, _MOST_BEDROOMS = 13, 10, 33

_FIRST_DAY, _LAST_DAY = np.datetime64("2014-05-02"), np.datetime64("2015-05-27")

# The months from May 2014 on: the relative number of sales, and the price of one and the same home in log
# dollars. The winter is quiet, and the next spring 7 % dearer.
_VOLUME = (1.0, 1.18, 1.15, 1.02, 0.97, 0.99, 0.77, 0.76, 0.52, 0.72, 0.98, 1.2, 0.4)
_LEVEL = (0.0, 0.005, 0.005, 0.0, 0.0, 0.0, -0.01, -0.01, 0.0, 0.02, 0.05, 0.07, 0.075)

# What a property of a home adds to its price, in log dollars.
_ORDINARY = 12.835
_PER_LOG_LIVING = 0.42
_PER_LOG_NEIGHBOURS = 0.15
_PER_LOG_LOT = 0.05
_PER_GRADE, _PER_GRADE_SQUARED = 0.12, 0.011
_PER_CONDITION = 0.05
_PER_VIEW = 0.075
_WATERFRONT = 0.6
_RENOVATED = 0.09
_PER_BATHROOM = 0.03
_PER_YEAR_OF_AGE, _CHARMING_AGE = -0.001, 65
_PER_ZIP_STATUS = 0.05
_HAGGLING = 0.11
_DISTRESSED_SHARE, _DISTRESSED = 0.025, -0.3
_FLIP, _FLIP_SPREAD = 0.25, 0.2
"""What a home gains, in log dollars, between two sales within a year: resellers renovate it in between."""

_CHEAPEST, _DEAREST = 75_000, 7_700_000


def invent_market(seed: int) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Invent sales, demographics and unseen homes, with the columns of the three CSV files."""
    rng = np.random.default_rng(seed)
    terrain = invent_terrain(rng)
    places = invent_places(rng, terrain)
    demographics = invent_demographics(rng, places)
    homes = invent_homes(rng, places, terrain, HOMES_SOLD + UNSEEN_HOMES)
    sold, unseen = homes.iloc[:HOMES_SOLD], homes.iloc[HOMES_SOLD:]
    return _sales(rng, sold, places, terrain), demographics, unseen[list(HOME_COLUMN_NAMES)]


def _sales(rng: np.random.Generator, homes: pd.DataFrame, places: Places, terrain: Terrain) -> pd.DataFrame:
    times = np.ones(len(homes), dtype=np.int64)
    again = rng.choice(len(homes), SOLD_TWICE + SOLD_THRICE, replace=False)
    times[again] = 2
    times[again[:SOLD_THRICE]] = 3
    sales = homes.loc[np.repeat(homes.index.to_numpy(), times)].reset_index(drop=True)
    ids = rng.choice(9_900_000, len(homes), replace=False) * 1_000 + rng.integers(100, 1_000, len(homes))
    sales.insert(0, "id", np.repeat(ids, times))
    sales.insert(1, "date", _dates(rng, len(sales)))
    # The sales of one home stand together, the earliest first.
    order = np.lexsort((sales["date"], np.repeat(np.arange(len(homes)), times)))
    sales["date"] = sales["date"].to_numpy()[order]
    once = ~sales["id"].duplicated(keep=False)
    _finish_new_homes(rng, sales, once)
    _slip(rng, sales, once)
    sales.insert(2, "price", _prices(rng, sales, places, terrain))
    sales["date"] = sales["date"].dt.strftime(DATE_FORMAT)
    public: pd.DataFrame = sales.drop(columns="comfort")
    return public


def _dates(rng: np.random.Generator, count: int) -> pd.DatetimeIndex:
    """Draw days of sale: months by their volume, hardly any at weekends."""
    days = pd.date_range(_FIRST_DAY, _LAST_DAY)
    weight = np.array(_VOLUME)[_months(days)] / days.days_in_month.to_numpy() * np.where(days.day_of_week < 5, 1, 0.02)
    dates: pd.DatetimeIndex = days[rng.choice(len(days), count, p=weight / weight.sum())]
    return dates


def _months(days: pd.DatetimeIndex) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """Return whole months since May 2014."""
    return np.asarray((days.year - 2014) * 12 + days.month - 5, dtype=np.int64)


def _finish_new_homes(rng: np.random.Generator, sales: pd.DataFrame, once: pd.Series[bool]) -> None:
    """Finish some homes of the latest year a year later: a few of them after their sale, as in the real file."""
    new = sales["yr_built"] == LATEST_YEAR
    after = new & once & (rng.random(len(sales)) < np.where(sales["date"].dt.year > LATEST_YEAR, 0.25, 0.03))
    sales.loc[after, "yr_built"] = LATEST_YEAR + 1


def _slip(rng: np.random.Generator, sales: pd.DataFrame, once: pd.Series[bool]) -> None:
    """Add the typing errors that the real file is known for, to homes that sold ``once``."""
    odd = rng.choice(np.flatnonzero(once), _WITHOUT_BEDROOMS + _WITHOUT_BATHROOMS + 1, replace=False)
    sales.loc[odd[:_WITHOUT_BEDROOMS], "bedrooms"] = 0
    sales.loc[odd[_WITHOUT_BEDROOMS:-1], "bathrooms"] = 0
    sales.loc[odd[-1], "bedrooms"] = _MOST_BEDROOMS


def _prices(rng: np.random.Generator, sales: pd.DataFrame, places: Places, terrain: Terrain) -> Floats:
    """Return prices in dollars, rounded to 500."""
    count = len(sales)
    value = _worth(sales, places, terrain) + np.array(_LEVEL)[_months(pd.DatetimeIndex(sales["date"]))]
    value += rng.normal(0, _HAGGLING, count)
    value += np.where(rng.random(count) < _DISTRESSED_SHARE, rng.normal(_DISTRESSED, 0.15, count), 0)
    value += sales.groupby("id").cumcount() * rng.normal(_FLIP, _FLIP_SPREAD, count)
    prices: Floats = np.clip(np.round(np.exp(value) / 500) * 500, _CHEAPEST, _DEAREST)
    return prices


def _worth(homes: pd.DataFrame, places: Places, terrain: Terrain) -> Floats:
    """Return what an ordinary buyer would pay in May 2014, in log dollars."""
    status = pd.Series(places.status, index=places.zipcode)
    grade = homes["grade"] - 7.5
    age = np.minimum(LATEST_YEAR + 1 - homes["yr_built"], _CHARMING_AGE)
    worth: Floats = (
        _ORDINARY
        + terrain.worth(homes["lat"].to_numpy(), homes["long"].to_numpy())
        + _PER_ZIP_STATUS * homes["zipcode"].map(status)
        + homes["comfort"]
        + _PER_LOG_LIVING * np.log(homes["sqft_living"] / 1_900)
        + _PER_LOG_NEIGHBOURS * np.log(homes["sqft_living15"] / 1_900)
        + _PER_LOG_LOT * np.log(homes["sqft_lot"] / 7_600)
        + _PER_GRADE * grade
        + _PER_GRADE_SQUARED * grade * np.abs(grade)
        + _PER_CONDITION * (homes["condition"] - 3)
        + _PER_VIEW * homes["view"]
        + _WATERFRONT * homes["waterfront"]
        + _RENOVATED * (homes["yr_renovated"] != NEVER_RENOVATED)
        + _PER_BATHROOM * (homes["bathrooms"] - 2)
        + _PER_YEAR_OF_AGE * age
    ).to_numpy()
    return worth
