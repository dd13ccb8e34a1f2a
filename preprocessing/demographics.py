"""The demographics of a home's ZIP code, joined by the service so that no caller sends them."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from .columns import DEMOGRAPHIC_COLUMNS, ZIPCODE
from .homes import NamedColumns

DEMOGRAPHICS_FILE = "zipcode_demographics.csv"
"""The file's name, at Sound Realty and in a version of the preprocessing model."""


@dataclass(frozen=True)
class Demographics:
    """Hold census figures by ZIP code.

    ``zipcodes`` is int64 [Z], ascending; ``figures`` is float32 [Z,26] in the order of
    ``DEMOGRAPHIC_COLUMNS``.
    """

    zipcodes: npt.NDArray[np.int64]
    figures: npt.NDArray[np.float32]

    @classmethod
    def of(cls, columns: NamedColumns) -> Demographics:
        """Return the demographics from columns by name, in any order of ZIP codes.

        Raises ValueError when a ZIP code stands there twice, KeyError when a column is missing.
        """
        zipcodes = np.asarray(columns[ZIPCODE], dtype=np.int64)
        order = np.argsort(zipcodes)
        ascending = zipcodes[order]
        twice = ascending[1:][np.diff(ascending) == 0]
        if twice.size:
            raise ValueError(f"demographics: ZIP code {twice[0]} stands there twice; keep one row for it")
        figures = np.column_stack([np.asarray(columns[name], dtype=np.float32) for name in DEMOGRAPHIC_COLUMNS])
        return cls(ascending, figures[order])

    @classmethod
    def read(cls, path: Path) -> Demographics:
        """Read a file that ``write`` wrote; what people save is read by ``data.demographics``."""
        with path.open(newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
        return cls.of({name: [float(row[name]) for row in rows] for name in (*DEMOGRAPHIC_COLUMNS, ZIPCODE)})

    def write(self, path: Path) -> None:
        """Write a file for ``read``, which gives the same numbers back."""
        with path.open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow((*DEMOGRAPHIC_COLUMNS, ZIPCODE))
            for zipcode, figures in zip(self.zipcodes, self.figures, strict=True):
                writer.writerow((*map(str, figures), zipcode))

    def find(self, zipcodes: npt.NDArray[np.int64]) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.bool_]]:
        """Return where each ZIP code [N] stands, and whether it is there at all; where it is not, any place."""
        place = np.minimum(self.zipcodes.searchsorted(zipcodes), len(self.zipcodes) - 1)
        return place, self.zipcodes[place] == zipcodes
