"""Where a home stands: its distances to landmarks, which trees can cut along any direction.

Trees cut latitude and longitude only along the compass. Distances to points spread over the
places where homes are sold let them draw round neighbourhoods, and unlike an average of nearby
prices they are exact, need no sale to be looked up and leak none.

A home that comes without coordinates stands at the middle of its ZIP code.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from sklearn.cluster import KMeans

from preprocessing.columns import HOME_COLUMN_NAMES, POSITION, ZIPCODE

LANDMARKS = 24

METRES_PER_DEGREE = 111_200.0
"""For a degree of latitude."""
_EASTWARD = np.cos(np.radians(47.5))
SCALE = np.array([METRES_PER_DEGREE, METRES_PER_DEGREE * _EASTWARD])
"""Metres for a degree of latitude and of longitude in the middle of King County."""

HOME = [POSITION[name] for name in HOME_COLUMN_NAMES]
PLACE = [POSITION["lat"], POSITION["long"]]


@dataclass(frozen=True)
class Location:
    """Hold points in metres north and east of zero degrees.

    These are float64 ``landmarks`` [L,2], the ``middles`` [Z,2] of the int64 ``zipcodes`` [Z], which
    ascend, and ``elsewhere`` [2] for any other ZIP code.
    """

    landmarks: npt.NDArray[np.float64]
    zipcodes: npt.NDArray[np.int64]
    middles: npt.NDArray[np.float64]
    elsewhere: npt.NDArray[np.float64]

    @classmethod
    def of(cls, table: npt.NDArray[np.float32], seed: int) -> Location:
        """Place landmarks where homes are sold: k-means on the features [N,44] of sold homes."""
        place = table[:, PLACE].astype(np.float64) * SCALE
        zipcodes, which = np.unique(table[:, POSITION[ZIPCODE]].astype(np.int64), return_inverse=True)
        middles = np.array([place[which == one].mean(axis=0) for one in range(len(zipcodes))])
        clusters = min(LANDMARKS, len(np.unique(place, axis=0)))
        landmarks = KMeans(clusters, n_init=1, random_state=seed).fit(place).cluster_centers_
        return cls(landmarks, zipcodes, middles, place.mean(axis=0))

    def columns(self, table: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """Return what trees read of features [N,44]: the 18 home columns and whole metres to each landmark.

        Whole metres are exact in float32, and the graph takes the same steps in double precision.
        """
        middle = np.vstack([self.middles, self.elsewhere])[places_among(self.zipcodes, table[:, POSITION[ZIPCODE]])]
        place = table[:, PLACE].astype(np.float64) * SCALE
        place = np.where(np.isnan(place).any(axis=1, keepdims=True), middle, place)
        return np.concatenate([table[:, HOME], self.metres(place)], axis=1)

    def metres(self, place: npt.NDArray[np.float64]) -> npt.NDArray[np.float32]:
        """Return whole metres to each landmark [N,L] from places [N,2]."""
        legs = place[:, None] - self.landmarks
        metres: npt.NDArray[np.float64] = np.floor(np.sqrt((legs * legs).sum(axis=2)))
        return metres.astype(np.float32)


def places_among(known: npt.NDArray[np.int64], zipcodes: npt.NDArray[np.generic]) -> npt.NDArray[np.intp]:
    """Return the place of each ZIP code [N] among those that are known [Z], which ascend; Z for any other."""
    whole = zipcodes.astype(np.int64)
    nearest = np.searchsorted(known, whole).clip(max=len(known) - 1)
    return np.where(known[nearest] == whole, nearest, len(known))
