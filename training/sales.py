"""Sales as models see them, and the split of them into what Sound Realty trains on and what it holds out."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

import numpy as np
import numpy.typing as npt
from sklearn.model_selection import train_test_split

from data.files import SALES_CSV, STANDIN_STAMP, DataError, DataFiles, DataSummary
from data.load import load_market
from preprocessing.columns import FEATURE_NAMES
from preprocessing.demographics import Demographics
from preprocessing.features import features
from preprocessing.homes import Homes

FIRM_SEED = 42
"""The seed of the firm's own split."""

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Sales:
    """Hold sales in the order of their file; ``sales[rows]`` are some of them.

    ``table`` float32 [N,44] are the features, ``prices`` float64 [N] in dollars, ``homes`` int64 [N] the
    homes' ids, ``days`` datetime64[D] [N] the days of sale. ``summary`` describes the whole file, also
    where only some of its sales are held. ``example_table`` float32 [M,44] holds the homes that serve as
    unseen examples.
    """

    table: npt.NDArray[np.float32]
    prices: npt.NDArray[np.float64]
    homes: npt.NDArray[np.int64]
    days: npt.NDArray[np.datetime64]
    summary: DataSummary
    example_table: npt.NDArray[np.float32] = field(
        default_factory=lambda: np.empty((0, len(FEATURE_NAMES)), np.float32)
    )

    def __len__(self) -> int:
        """Return the number of sales."""
        return len(self.prices)

    def __getitem__(self, rows: npt.NDArray[np.intp] | npt.NDArray[np.bool_] | slice) -> Sales:
        """Return some of the sales, by their row numbers or by a mask."""
        return replace(
            self, table=self.table[rows], prices=self.prices[rows], homes=self.homes[rows], days=self.days[rows]
        )

    @property
    def training(self) -> npt.NDArray[np.intp]:
        """Return the rows that the firm trains on: three quarters."""
        return self._split[0]

    @property
    def held_out(self) -> npt.NDArray[np.intp]:
        """Return the rows that the firm holds out: a model that can't prove more is measured on them."""
        return self._split[1]

    @cached_property
    def unexampled(self) -> npt.NDArray[np.intp]:
        """Return all rows but those of the example homes, so that those are truly unseen."""
        examples = {home.tobytes() for home in self.example_table}
        return np.array([row for row, home in enumerate(self.table) if home.tobytes() not in examples])

    @cached_property
    def _split(self) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]:
        training, held_out = train_test_split(np.arange(len(self)), random_state=FIRM_SEED)
        return training, held_out


def with_sales(files: DataFiles, sales: Path | None) -> DataFiles:
    """Return the same data with another file of sales; the data as they are when ``sales`` is None.

    They count as stand-in data when either is. Raises data.files.DataError when there is no such file.
    """
    if sales is None:
        return files
    if not sales.is_file():
        raise DataError(f"{sales} is no file: name a file of sales with the columns of {SALES_CSV}")
    return replace(
        files, given_sales=sales, standin=files.standin or (sales.resolve().parent / STANDIN_STAMP).is_file()
    )


def read_sales(files: DataFiles) -> Sales:
    """Read the sales of checked files. Raises data.files.DataError when they break the schema."""
    log.info("reading and checking the sales in %s", files.sales)
    market = load_market(files)
    sales, demographics = market.sales, Demographics.of(market.demographics)
    summary = DataSummary(
        fingerprint=files.fingerprint(),
        standin=files.standin,
        sales=len(sales),
        first_sale=f"{sales['date'].min():%Y-%m-%d}",
        last_sale=f"{sales['date'].max():%Y-%m-%d}",
        zipcodes=len(demographics.zipcodes),
    )
    return Sales(
        table=features(Homes.of(sales), demographics),
        prices=sales["price"].to_numpy(dtype=np.float64),
        homes=sales["id"].to_numpy(dtype=np.int64),
        days=sales["date"].to_numpy(dtype="datetime64[D]"),
        summary=summary,
        example_table=features(Homes.of(market.unseen), demographics),
    )
