"""The past sales that comparables are chosen from: a file in a price model's version folder."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from market_analysis.places import Floats, directions, middles
from preprocessing.columns import HOME_COLUMN_NAMES, POSITION, ZIPCODE

COMPARABLES_FILE = "comparables.npz"

ARRAYS: dict[str, tuple[np.dtype[Any], tuple[int, ...]]] = {
    "ids": (np.dtype(np.int64), ()),
    "days": (np.dtype(np.int32), ()),
    "paid": (np.dtype(np.float64), ()),
    "homes": (np.dtype(np.float32), (len(HOME_COLUMN_NAMES),)),
    "valued": (np.dtype(np.float32), (3,)),
}
"""The dtypes of the file's arrays, and their shape after [N]; days are counted from the first of 1970."""


@dataclass(frozen=True)
class PastSales:
    """Hold N sales, each with what the model said of its home before it had seen it.

    ``ids`` int64 [N] are the firm's ids of the homes, ``days`` datetime64[D] [N] the days of sale, ``paid`` float64 [N]
    dollars, ``homes`` float32 [N,18] the columns in the order of ``HOME_COLUMNS``. ``price``, ``low`` and ``high``
    float64 [N] are valuations in dollars at the average market of these sales; ``level`` float64 [N] is what average
    prices are multiplied by on the day of sale.
    """

    ids: npt.NDArray[np.int64]
    days: npt.NDArray[np.datetime64]
    paid: Floats
    homes: npt.NDArray[np.float32]
    price: Floats
    low: Floats
    high: Floats
    level: Floats

    def __len__(self) -> int:
        """Return the number of sales."""
        return len(self.ids)

    def __getitem__(self, rows: npt.NDArray[np.intp] | npt.NDArray[np.bool_]) -> PastSales:
        """Return some of the sales, by their row numbers or by a mask."""
        return PastSales(*(getattr(self, field.name)[rows] for field in fields(self)))

    def column(self, name: str) -> npt.NDArray[np.float32]:
        """Return one column of the homes, float32 [N]."""
        return self.homes[:, POSITION[name]]

    def latest(self) -> PastSales:
        """Return the last sale of each home: two sales of one home are no two comparables."""
        order = np.lexsort((self.days, self.ids))
        last = np.append(self.ids[order][1:] != self.ids[order][:-1], True)[: len(self)]
        return self[np.sort(order[last])]

    @cached_property
    def usual(self) -> npt.NDArray[np.bool_]:
        """Return for each sale [N] whether its price lies in the range that the model gave before it had seen it.

        A sale outside tells of something that its columns do not: a sale within the family, a ruin, a palace behind an
        ordinary entry in the register. It can't be brought to another home by columns. Whether it is one depends on
        the sale alone, never on the home that it would be compared with.
        """
        at_average = self.paid / self.level
        return (self.low <= at_average) & (at_average <= self.high)

    @cached_property
    def places(self) -> Floats:
        """Return where the homes are, as unit vectors [N,3]."""
        return directions(self.column("lat"), self.column("long"))

    @cached_property
    def middles(self) -> Mapping[int, Floats]:
        """Return the middle of the sold homes of each ZIP code, as a unit vector [3]."""
        return middles(*(self.column(name) for name in ("lat", "long", ZIPCODE)))


def read_past_sales(path: Path, levels: Mapping[str, float]) -> PastSales:
    """Read a file that ``write_past_sales`` wrote and the door examined.

    ``levels`` are the market's levels on some days in ISO format, ascending, as the model's card has them; between them
    the level is interpolated. Without any, all sales count as made at the average market.
    """
    with np.load(path, allow_pickle=False) as file:
        found = {name: file[name] for name in ARRAYS}
    price, low, high = found["valued"].astype(np.float64).T
    days = found["days"].astype(np.int64).astype("datetime64[D]")
    return PastSales(found["ids"], days, found["paid"], found["homes"], price, low, high, level_at(days, levels))


def write_past_sales(arrays: Mapping[str, npt.NDArray[Any]], path: Path) -> None:
    """Write the ``ARRAYS`` of some sales for ``read_past_sales``."""
    typed: dict[str, Any] = {name: arrays[name].astype(dtype) for name, (dtype, _) in ARRAYS.items()}
    np.savez_compressed(path, **typed)


def level_at(days: npt.NDArray[np.datetime64], levels: Mapping[str, float]) -> Floats:
    """Return the market's level on each day [N], interpolated in log dollars; 1 where there are no ``levels``."""
    if not levels:
        return np.ones(len(days))
    known = np.array(list(levels), dtype="datetime64[D]").astype(np.float64)
    return np.exp(np.interp(days.astype(np.float64), known, np.log(list(levels.values()))))
