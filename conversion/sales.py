"""Sales as models see them."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import numpy.typing as npt

from conversion.card import DataSummary
from conversion.create_model import firm_split
from data.files import SALES, STANDIN_STAMP, DataError, DataFiles
from data.load import load_market
from preprocessing.columns import FEATURE_NAMES
from preprocessing.demographics import Demographics
from preprocessing.features import features
from preprocessing.homes import Homes

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Sales:
    """Features float32 [N,44], prices float64 [N] in dollars, home ids [N] and days of sale [N].

    In the order of their file. ``example_table`` [M,44] holds the homes that serve as unseen examples.
    """

    table: npt.NDArray[np.float32]
    prices: npt.NDArray[np.float64]
    homes: npt.NDArray[np.int64]
    days: npt.NDArray[np.datetime64]
    summary: DataSummary
    example_table: npt.NDArray[np.float32] = field(
        default_factory=lambda: np.empty((0, len(FEATURE_NAMES)), np.float32)
    )

    @property
    def unexampled(self) -> npt.NDArray[np.intp]:
        """Rows that the firm trains on, without the example homes, so that those are unseen indeed."""
        examples = {home.tobytes() for home in self.example_table}
        return np.array([row for row in self.training if self.table[row].tobytes() not in examples])

    @property
    def training(self) -> npt.NDArray[np.intp]:
        """Rows that the firm trains on."""
        return firm_split(len(self.prices))[0]

    @property
    def held_out(self) -> npt.NDArray[np.intp]:
        """Rows that the firm holds out: parity, accuracy and range are measured on them."""
        return firm_split(len(self.prices))[1]


@contextmanager
def with_sales(files: DataFiles, sales: Path | None) -> Iterator[DataFiles]:
    """The same data with another file of sales; as they are when that is None.

    Made up when either is. Raises data.files.DataError when there is no such file.
    """
    if sales is None:
        yield files
        return
    if not sales.is_file():
        raise DataError(f"{sales} is no file: name a CSV file of sales with the columns of {SALES}")
    with TemporaryDirectory() as folder:
        replaced = DataFiles(Path(folder), files.standin or (sales.resolve().parent / STANDIN_STAMP).is_file())
        for target, source in (
            (replaced.sales, sales),
            (replaced.demographics, files.demographics),
            (replaced.unseen, files.unseen),
        ):
            target.symlink_to(source.resolve())
        yield replaced


def read_sales(files: DataFiles) -> Sales:
    """The sales of checked files. Raises data.files.DataError when they break the schema."""
    log.info("reading and checking the sales in %s", files.folder)
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
