"""The places of the invented homes, and how much a location adds to prices."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

KM_PER_DEGREE_LAT = 111.2
KM_PER_DEGREE_LONG = 75.0
"""Valid at 47.5 degrees north."""

CITY, SUBURB, COUNTRY = range(3)

# Public geography: ZIP code, roughly its centre (latitude, longitude), and its kind.
_PLACES = (
    (98001, 47.31, -122.27, SUBURB), (98002, 47.31, -122.21, SUBURB), (98003, 47.31, -122.32, SUBURB),
    (98004, 47.62, -122.21, SUBURB), (98005, 47.61, -122.17, SUBURB), (98006, 47.56, -122.15, SUBURB),
    (98007, 47.61, -122.14, SUBURB), (98008, 47.61, -122.12, SUBURB), (98010, 47.32, -122.00, COUNTRY),
    (98011, 47.75, -122.21, SUBURB), (98014, 47.66, -121.91, COUNTRY), (98019, 47.73, -121.97, COUNTRY),
    (98022, 47.21, -121.99, COUNTRY), (98023, 47.31, -122.36, SUBURB), (98024, 47.56, -121.90, COUNTRY),
    (98027, 47.51, -122.03, COUNTRY), (98028, 47.75, -122.25, SUBURB), (98029, 47.56, -122.01, SUBURB),
    (98030, 47.37, -122.19, SUBURB), (98031, 47.40, -122.19, SUBURB), (98032, 47.38, -122.27, SUBURB),
    (98033, 47.68, -122.19, SUBURB), (98034, 47.72, -122.21, SUBURB), (98038, 47.37, -122.04, SUBURB),
    (98039, 47.63, -122.23, SUBURB), (98040, 47.56, -122.23, SUBURB), (98042, 47.36, -122.12, SUBURB),
    (98045, 47.48, -121.76, COUNTRY), (98052, 47.68, -122.12, SUBURB), (98053, 47.66, -122.04, COUNTRY),
    (98055, 47.45, -122.20, SUBURB), (98056, 47.51, -122.18, SUBURB), (98058, 47.44, -122.14, SUBURB),
    (98059, 47.49, -122.14, SUBURB), (98065, 47.53, -121.86, SUBURB), (98070, 47.41, -122.46, COUNTRY),
    (98072, 47.75, -122.14, SUBURB), (98074, 47.62, -122.04, SUBURB), (98075, 47.59, -122.03, SUBURB),
    (98077, 47.75, -122.06, COUNTRY), (98092, 47.30, -122.13, SUBURB), (98102, 47.63, -122.32, CITY),
    (98103, 47.67, -122.34, CITY), (98105, 47.66, -122.29, CITY), (98106, 47.53, -122.36, CITY),
    (98107, 47.67, -122.37, CITY), (98108, 47.55, -122.31, CITY), (98109, 47.64, -122.35, CITY),
    (98112, 47.63, -122.30, CITY), (98115, 47.68, -122.30, CITY), (98116, 47.57, -122.40, CITY),
    (98117, 47.69, -122.38, CITY), (98118, 47.54, -122.27, CITY), (98119, 47.64, -122.37, CITY),
    (98122, 47.61, -122.30, CITY), (98125, 47.72, -122.30, CITY), (98126, 47.55, -122.37, CITY),
    (98133, 47.74, -122.34, CITY), (98136, 47.54, -122.39, CITY), (98144, 47.59, -122.30, CITY),
    (98146, 47.50, -122.36, CITY), (98148, 47.44, -122.33, SUBURB), (98155, 47.75, -122.30, CITY),
    (98166, 47.45, -122.35, SUBURB), (98168, 47.49, -122.30, SUBURB), (98177, 47.74, -122.37, CITY),
    (98178, 47.50, -122.25, SUBURB), (98188, 47.45, -122.28, SUBURB), (98198, 47.39, -122.32, SUBURB),
    (98199, 47.65, -122.40, CITY),
)  # fmt: skip

# Areas that raise or lower prices around them: latitude, longitude, reach in km, worth in log dollars.
_MAGNETS = (
    (47.635, -122.33, 6.0, 0.25),  # the city's core
    (47.620, -122.215, 6.5, 0.45),  # the lake's eastern shore
    (47.630, -122.05, 11.0, 0.28),  # the plateau with its employers
    (47.700, -122.32, 9.0, 0.22),  # the northern neighbourhoods
    (47.360, -122.25, 16.0, -0.27),  # the industrial valley in the south
)

# Better and worse neighbourhoods in between: wavelength in km, standard deviation of the worth in log dollars.
_RIPPLES = ((9.0, 0.08), (3.0, 0.03))
_WAVES = 8


@dataclass(frozen=True)
class Places:
    """Hold the 70 ZIP codes as arrays [70]; ``lat`` and ``long`` in degrees."""

    zipcode: npt.NDArray[np.int64]
    lat: Floats
    long: Floats
    kind: npt.NDArray[np.int64]
    """``CITY``, ``SUBURB`` or ``COUNTRY``."""
    status: Floats
    """How well off the people are: mean 0, standard deviation 1."""


@dataclass(frozen=True)
class Terrain:
    """Hold the worth of every location, a smooth function of latitude and longitude."""

    waves: tuple[tuple[float, float, float, float], ...]
    """Plane waves: radians per km northwards and eastwards, phase in radians, worth in log dollars."""

    def worth(self, lat: Floats, long: Floats) -> Floats:
        """Return log dollars above an ordinary location, [n], for arrays [n] of degrees."""
        total = np.zeros_like(lat)
        for middle_lat, middle_long, reach, worth in _MAGNETS:
            north, east = _km(lat, long, middle_lat, middle_long)
            total += worth * np.exp(-(north**2 + east**2) / (2 * reach**2))
        north, east = _km(lat, long, 47.5, -122.2)
        for northwards, eastwards, phase, worth in self.waves:
            total += worth * np.sin(northwards * north + eastwards * east + phase)
        return total


def invent_terrain(rng: np.random.Generator) -> Terrain:
    """Draw the waves of a terrain at random; the areas of ``_MAGNETS`` are the same in each."""
    waves = []
    for wavelength, swing in _RIPPLES:
        for _ in range(_WAVES):
            heading, phase = rng.uniform(0, 2 * np.pi, 2)
            frequency = 2 * np.pi / wavelength
            worth = swing * (2 / _WAVES) ** 0.5  # so that the waves together have this standard deviation
            waves.append((frequency * np.cos(heading), frequency * np.sin(heading), phase, worth))
    return Terrain(tuple(waves))


def invent_places(rng: np.random.Generator, terrain: Terrain) -> Places:
    """Return the 70 ZIP codes; people tend to be better off where locations are expensive."""
    zipcode, lat, long, kind = (np.array(column) for column in zip(*_PLACES, strict=True))
    worth = terrain.worth(lat, long)
    status = 0.85 * standardised(worth) + 0.5 * rng.standard_normal(len(_PLACES))
    return Places(zipcode, lat, long, kind, standardised(status))


def standardised(values: Floats) -> Floats:
    """Return the values scaled to mean 0 and standard deviation 1."""
    scaled: Floats = (values - values.mean()) / values.std()
    return scaled


def _km(lat: Floats, long: Floats, from_lat: float, from_long: float) -> tuple[Floats, Floats]:
    """Return how many km north and east of a point locations are."""
    return (lat - from_lat) * KM_PER_DEGREE_LAT, (long - from_long) * KM_PER_DEGREE_LONG
