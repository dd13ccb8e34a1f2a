"""The invented homes, built in subdivisions: the homes of a subdivision resemble each other."""

from __future__ import annotations

import numpy as np
import pandas as pd

from data.invented.places import (
    CITY,
    COUNTRY,
    KM_PER_DEGREE_LAT,
    KM_PER_DEGREE_LONG,
    SUBURB,
    Floats,
    Places,
    Terrain,
    standardised,
)
from preprocessing.columns import HOME_COLUMN_NAMES, NEVER_RENOVATED

LATEST_YEAR = 2014

_HOMES_PER_SUBDIVISION = 12
_BOUNDS = ((47.156, 47.778), (-122.519, -121.315))
"""The degrees of latitude and longitude within which homes are sold."""

# By kind of place (city, suburb, country).
_SPREAD_KM = np.array([1.2, 2.0, 3.5])
_MIDDLE_YEAR = np.array([1941.0, 1979.0, 1985.0])
_YEARS_AROUND = np.array([20.0, 15.0, 17.0])
_REDEVELOPED = np.array([0.2, 0.13, 0.1])
"""The share of subdivisions that were rebuilt since 1998."""
_MEDIAN_LOT_SQFT = np.array([5_200.0, 8_800.0, 26_000.0])
_LOT_SPREAD = np.array([0.30, 0.35, 0.95])
"""Standard deviation of log square feet."""

_MEDIAN_LIVING_SQFT, _MEDIAN_ABOVE_SQFT = 1_890.0, 1_620.0
_MIDDLE_GRADE = 7.5
_TOWNHOUSE_LOT_SQFT = 1_300.0
_SMALLEST_LOT_SQFT, _LARGEST_LOT_SQFT = 520, 1_650_000
_SMALLEST_HOME_SQFT, _LARGEST_ABOVE_SQFT, _LARGEST_BASEMENT_SQFT = 290, 9_400, 4_800

_WATERFRONT_SHARE = 0.0074


def invent_homes(rng: np.random.Generator, places: Places, terrain: Terrain, count: int) -> pd.DataFrame:
    """Invent ``count`` homes: their 18 columns and ``comfort``.

    ``comfort`` is what a subdivision adds to prices, in log dollars, beyond what the columns explain.
    """
    subdivisions = _subdivisions(rng, places, terrain, count // _HOMES_PER_SUBDIVISION)
    block = subdivisions.iloc[rng.integers(0, len(subdivisions), count)].reset_index(drop=True)
    homes = pd.DataFrame(index=block.index)
    homes["zipcode"], homes["comfort"] = block["zipcode"], block["comfort"]
    (south, north), (west, east) = _BOUNDS
    lat, long = _scattered(rng, block["lat"].to_numpy(), block["long"].to_numpy(), 0.25)
    homes["lat"] = np.clip(lat, south, north).round(4)
    homes["long"] = np.clip(long, west, east).round(3)
    homes["yr_built"] = np.clip(np.round(block["year"] + rng.normal(0, 3, count)), 1900, LATEST_YEAR)
    _build(rng, homes, block)
    _lay_out(rng, homes, block)
    _age(rng, homes)
    _look_out(rng, homes)
    whole = [name for name in HOME_COLUMN_NAMES if name not in ("bathrooms", "floors", "lat", "long")]
    finished: pd.DataFrame = homes[[*HOME_COLUMN_NAMES, "comfort"]].astype(dict.fromkeys(whole, "int64"))
    return finished


def _subdivisions(rng: np.random.Generator, places: Places, terrain: Terrain, count: int) -> pd.DataFrame:
    """Invent subdivisions: place, year, quality (mean 0, standard deviation 1), log of the lot, comfort."""
    popularity = rng.gamma(6, size=len(places.zipcode))
    place = rng.choice(len(places.zipcode), size=count, p=popularity / popularity.sum())
    kind = places.kind[place]
    lat, long = _scattered(rng, places.lat[place], places.long[place], _SPREAD_KM[kind])
    year = rng.normal(_MIDDLE_YEAR[kind], _YEARS_AROUND[kind])
    redeveloped = rng.random(count) < _REDEVELOPED[kind]
    year = np.clip(np.where(redeveloped, rng.uniform(1998, LATEST_YEAR, count), year), 1900, LATEST_YEAR)
    wealth = standardised(terrain.worth(lat, long)) + 0.5 * places.status[place]
    quality = standardised(0.3 * wealth + 0.03 * (year - 1971) + rng.normal(0, 0.7, count) - 0.25 * (kind == CITY))
    townhouses = redeveloped & (kind == CITY) & (rng.random(count) < 0.5)
    lot = np.log(_MEDIAN_LOT_SQFT[kind]) + rng.normal(0, _LOT_SPREAD[kind]) + 0.06 * quality
    acreage = (kind == SUBURB) & (rng.random(count) < 0.08)
    subdivisions: pd.DataFrame = pd.DataFrame(
        {
            "zipcode": places.zipcode[place],
            "lat": lat,
            "long": long,
            "kind": kind,
            "year": year,
            "quality": quality,
            "townhouses": townhouses,
            "log_lot": np.where(townhouses, np.log(_TOWNHOUSE_LOT_SQFT), lot + 1.7 * acreage),
            "comfort": rng.normal(0, 0.03, count),
        }
    )
    return subdivisions


def _build(rng: np.random.Generator, homes: pd.DataFrame, block: pd.DataFrame) -> None:
    """Add grade, areas and lots: a home of high quality is large, and resembles its subdivision."""
    count = len(homes)
    quality = 0.8 * block["quality"] + 0.6 * rng.normal(0, 1, count)
    grade = _MIDDLE_GRADE + 0.75 * quality + 0.24 * np.maximum(quality, 0) ** 2 + rng.normal(0, 0.35, count)
    homes["grade"] = np.clip(np.round(grade), 3, 13)
    size = 0.31 * quality + 0.04 * np.maximum(quality, 0) ** 2 + rng.normal(0, 0.19, count) - 0.15 * block["townhouses"]
    year = homes["yr_built"]
    digs = rng.random(count) < np.where(year < 1985, 0.52, 0.2)
    above = np.exp(size) * _MEDIAN_ABOVE_SQFT * np.where(digs, 0.92, 1.0)
    homes["sqft_above"] = _tens(above, _SMALLEST_HOME_SQFT, _LARGEST_ABOVE_SQFT)
    homes["sqft_basement"] = np.where(digs, _tens(above * rng.beta(8, 7, count), 10, _LARGEST_BASEMENT_SQFT), 0)
    homes["sqft_living"] = homes["sqft_above"] + homes["sqft_basement"]
    neighbours = 0.35 * size + 0.14 * block["quality"] + rng.normal(0, 0.16, count)
    homes["sqft_living15"] = _tens(np.exp(neighbours) * _MEDIAN_LIVING_SQFT, 400, 6_200)
    lot = block["log_lot"] + rng.normal(0, 0.22, count) * np.where(block["kind"] == COUNTRY, 2.5, 1)
    homes["sqft_lot"] = np.clip(np.round(np.exp(lot)), _SMALLEST_LOT_SQFT, _LARGEST_LOT_SQFT)
    lot15 = block["log_lot"] + rng.normal(0, 0.12, count)
    homes["sqft_lot15"] = np.clip(np.round(np.exp(lot15)), 650, 870_000)


def _lay_out(rng: np.random.Generator, homes: pd.DataFrame, block: pd.DataFrame) -> None:
    """Add floors, which depend mostly on the year, and bedrooms and bathrooms, which depend on size."""
    count, year, size = len(homes), homes["yr_built"], np.log(homes["sqft_living"] / _MEDIAN_LIVING_SQFT)
    two_floors = np.select([year < 1950, year < 1980], [0.18, 0.25], 0.8) + 0.3 * np.clip(size, -0.5, 0.5)
    two_floors -= 0.15 * (homes["sqft_basement"] > 0)
    draw = rng.random(count)
    floors = np.where(draw < two_floors, 2.0, 1.0)
    floors[(floors == 1) & (year < 1950) & (rng.random(count) < 0.35)] = 1.5
    floors[(floors == 2) & (rng.random(count) < 0.02)] = 2.5
    homes["floors"] = np.where(block["townhouses"], 3.0, floors)
    homes["bedrooms"] = np.clip(np.round(3.4 + 1.25 * size + rng.normal(0, 0.7, count)), 1, 11)
    baths = 2.1 + 1.25 * size + 0.009 * (year - 1971) + 0.14 * (homes["grade"] - _MIDDLE_GRADE)
    baths = np.clip(np.round(4 * (baths + rng.normal(0, 0.35, count))) / 4, 0.75, 8)
    usual = np.select([year < 1955, year < 1985], [1.0, 1.75], 2.5)
    homes["bathrooms"] = np.where((abs(baths - usual) <= 0.5) & (rng.random(count) < 0.6), usual, baths)


def _age(rng: np.random.Generator, homes: pd.DataFrame) -> None:
    """Add condition and year of renovation: old homes are kept up, renovated, or neither."""
    count, age = len(homes), LATEST_YEAR - homes["yr_built"]
    upkeep = rng.normal(0, 1, count) + 0.012 * np.minimum(age, 60)
    condition = np.select([upkeep < -2.2, upkeep < 0.95, upkeep < 1.85], [2, 3, 4], 5)
    condition[age < 12] = 3
    condition[(age > 30) & (rng.random(count) < 0.002)] = 1
    homes["condition"] = condition
    renovated = (age > 25) & (rng.random(count) < 0.066)
    back = np.round(rng.triangular(0, 0, np.minimum(np.maximum(age - 10, 1), 50)))
    homes["yr_renovated"] = np.where(renovated, LATEST_YEAR - back, NEVER_RENOVATED)


def _look_out(rng: np.random.Generator, homes: pd.DataFrame) -> None:
    """Add views and waterfronts, which homes of a high grade have more often."""
    count = len(homes)
    outlook = rng.normal(0, 1, count) + 0.5 * (homes["grade"] - _MIDDLE_GRADE).clip(-1.5, 3)
    homes["view"] = np.select([outlook < 1.6, outlook < 1.72, outlook < 2.2, outlook < 2.75], [0, 1, 2, 3], 4)
    shore = rng.random(count) < _WATERFRONT_SHARE * np.clip(homes["grade"] - 6.7, 0, 3)
    homes["waterfront"] = shore
    homes.loc[shore, "view"] = np.where(rng.random(shore.sum()) < 0.85, 4, 3)


def _scattered(rng: np.random.Generator, lat: Floats, long: Floats, spread_km: Floats | float) -> tuple[Floats, Floats]:
    """Scatter points around the given ones; all in degrees, the spread in km."""
    north, east = rng.normal(0, 1, (2, len(lat))) * spread_km
    return lat + north / KM_PER_DEGREE_LAT, long + east / KM_PER_DEGREE_LONG


def _tens(sqft: Floats, smallest: int, largest: int) -> Floats:
    """Round areas to ten square feet, as people do, within bounds."""
    return np.clip(np.round(sqft, -1), smallest, largest)
