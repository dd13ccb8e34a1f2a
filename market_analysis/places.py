"""Distances between homes."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

EARTH_MILES = 3_958.8
"""The mean radius of the earth."""


def directions(lat: npt.ArrayLike, long: npt.ArrayLike) -> Floats:
    """Return places in degrees, each [N], as unit vectors [N,3] from the middle of the earth."""
    north, east = np.radians(np.asarray(lat, np.float64)), np.radians(np.asarray(long, np.float64))
    return np.stack([np.cos(north) * np.cos(east), np.cos(north) * np.sin(east), np.sin(north)], axis=-1)


def miles(places: Floats, place: Floats) -> Floats:
    """Return the great-circle distances [N] between places [N,3] and one place [3], as ``directions`` gives them.

    By the chord: the angle between two directions that are nearly the same is lost in the rounding of their cosine.
    """
    half_chord = np.sqrt(((places - place) ** 2).sum(axis=-1)) / 2
    return np.asarray(2 * EARTH_MILES * np.arcsin(np.minimum(half_chord, 1.0)))


def middles(lat: npt.ArrayLike, long: npt.ArrayLike, zipcodes: npt.ArrayLike) -> Mapping[int, Floats]:
    """Return the middle of the homes [N] of each ZIP code, as ``directions`` gives it [3]: their median, each way."""
    lat, long, zipcodes = (np.asarray(values) for values in (lat, long, zipcodes))
    found = {int(zipcode): zipcodes == zipcode for zipcode in np.unique(zipcodes)}
    return {zipcode: directions(np.median(lat[there]), np.median(long[there])) for zipcode, there in found.items()}
