"""The three CSV files: their names, the folder that holds them, and their fingerprint.

Standard library only: every start of the service imports this module, and pandas would slow it down.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

SALES_CSV = "kc_house_data.csv"
DEMOGRAPHICS_CSV = "zipcode_demographics.csv"
UNSEEN_CSV = "future_unseen_examples.csv"
FILE_NAMES = (SALES_CSV, DEMOGRAPHICS_CSV, UNSEEN_CSV)

STANDIN_STAMP = "standin.json"
"""The file that the stand-in market's generator writes beside its CSV files: it marks them as made up."""

DATA_DIR = "DATA_DIR"
"""The environment variable that names the folder of the CSV files."""

HERE = Path(__file__).resolve().parent
"""``data/``: this package, and the folder where people put their CSV files."""

_FINGERPRINT_LENGTH = 12


class DataError(Exception):
    """Report data that are missing or break the schema; the message says where and what to do."""


@dataclass(frozen=True)
class DataFiles:
    """Hold where the three files are; ``standin`` when their content is made up."""

    folder: Path
    standin: bool = False
    given_sales: Path | None = None
    """Another file of sales than the folder's."""

    @property
    def sales(self) -> Path:
        """Return the path of the sales: one row for each sale of a home, with its price."""
        return self.given_sales or self.folder / SALES_CSV

    @property
    def demographics(self) -> Path:
        """Return the path of the demographics: one row for each ZIP code."""
        return self.folder / DEMOGRAPHICS_CSV

    @property
    def unseen(self) -> Path:
        """Return the path of the example homes, which have no prices."""
        return self.folder / UNSEEN_CSV

    def fingerprint(self) -> str:
        """Return the first 12 hexadecimal digits of a SHA-256 over the three files: sales, demographics, examples."""
        digest = hashlib.sha256()
        for path in (self.sales, self.demographics, self.unseen):
            # Each file is hashed by itself first: bytes that move from one file to the next change the result.
            digest.update(hashlib.sha256(path.read_bytes()).digest())
        return digest.hexdigest()[:_FINGERPRINT_LENGTH]


@dataclass(frozen=True)
class DataSummary:
    """Describe the sales behind a model; ``standin`` when they, and so the model's prices, are made up.

    Dates are in ISO format, as in 2015-05-27.
    """

    fingerprint: str
    standin: bool
    sales: int
    first_sale: str
    last_sale: str
    zipcodes: int


def find_data(environ: Mapping[str, str] = os.environ, default: Path = HERE) -> DataFiles | None:
    """Find the files in the folder that ``DATA_DIR`` names, else in ``data/``; return None where there are none.

    Raises:
        DataError: when the folder in ``DATA_DIR`` lacks a file, or ``data/`` has some but not all of them.
            Whoever put files there wants them used, so the stand-in market does not silently replace them.
    """
    named = environ.get(DATA_DIR)
    folder = Path(named).expanduser() if named else default
    missing = [name for name in FILE_NAMES if not (folder / name).is_file()]
    if not missing:
        return DataFiles(folder, standin=(folder / STANDIN_STAMP).is_file())
    if named:
        raise DataError(
            f"{DATA_DIR} is {named!r}, but {_absent(folder, missing)}. "
            f"Put the files there, or unset {DATA_DIR} to use {default} or the stand-in market."
        )
    if len(missing) < len(FILE_NAMES):
        raise DataError(
            f"{_absent(folder, missing)}. Put all of {', '.join(FILE_NAMES)} there, "
            f"or remove them all to use the stand-in market, or set {DATA_DIR}."
        )
    return None


def _absent(folder: Path, missing: list[str]) -> str:
    if not folder.is_dir():
        return f"there is no folder {folder}"
    return f"{folder} has no {' and no '.join(missing)}"
