"""What a procedure said of each sale before it had seen that home: it is judged by this once it has learned from all.

A model can't be tried on sales that it was trained on. So the same procedure is trained on a part of the homes, values
the others, and so on until every sale was valued by a model that knew no sale of that home. The model that serves is
then trained on all of them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from training.sales import Sales
from training.valuations import Valuations, ValuedSales

Rows = npt.NDArray[np.intp]


@dataclass(frozen=True)
class Proof:
    """Hold sales, and how they were valued by models that were trained on other homes.

    ``homes`` int64 [N] are the homes' ids, ``days`` datetime64[D] [N] the days of sale, ``paid`` float64 [N] dollars.
    ``whole`` are the valuations [N] with all columns given, ``required`` those with the required ones only, both at
    the average market of these sales.
    """

    homes: npt.NDArray[np.int64]
    days: npt.NDArray[np.datetime64]
    paid: npt.NDArray[np.float64]
    whole: Valuations
    required: Valuations

    def __len__(self) -> int:
        """Return the number of sales."""
        return len(self.paid)

    def told(self, required: bool = False) -> ValuedSales:
        """Return the sales as they were valued with all columns given, or with the ``required`` ones only."""
        return (self.required if required else self.whole).of(self.paid, self.homes)

    def among(self, sales: Sales) -> tuple[Rows, Rows]:
        """Find these sales among others by home and day; return their places here [M] and there [M].

        Of several sales of one home on one day, one is found.
        """
        here, there = (sale_keys(one.homes, one.days) for one in (self, sales))
        _, places, rows = np.intersect1d(here, there, return_indices=True)
        return places, rows


def sale_keys(homes: npt.NDArray[np.int64], days: npt.NDArray[np.datetime64]) -> npt.NDArray[np.void]:
    """Return what tells sales [N] apart: the home and the day."""
    return np.rec.fromarrays((homes, days.astype("datetime64[D]").astype(np.int64)))
