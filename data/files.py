"""Where the three CSV files are.

Standard library only: starting the service needs this module, never pandas.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

SALES = "kc_house_data.csv"
DEMOGRAPHICS = "zipcode_demographics.csv"
UNSEEN = "future_unseen_examples.csv"
FILE_NAMES = (SALES, DEMOGRAPHICS, UNSEEN)

STANDIN_STAMP = "standin.json"
"""What the generator of the stand-in market leaves beside its files, so that they are known for made up."""

DATA_DIR = "DATA_DIR"
"""The environment variable that names the folder of the CSV files."""

HERE = Path(__file__).resolve().parent
"""``data/``: this package, and the folder in which the CSV files are dropped."""

_FINGERPRINT_LENGTH = 12


class DataError(Exception):
    """The data are missing or not what the schema asks for; the message says where and what to do."""


@dataclass(frozen=True)
class DataFiles:
    """The folder that holds the three CSV files, and whether their content is made up."""

    folder: Path
    standin: bool = False

    @property
    def sales(self) -> Path:
        """The sales: one row for each sale of a home, with its price."""
        return self.folder / SALES

    @property
    def demographics(self) -> Path:
        """The demographics: one row for each ZIP code."""
        return self.folder / DEMOGRAPHICS

    @property
    def unseen(self) -> Path:
        """The examples to value: homes without prices."""
        return self.folder / UNSEEN

    def fingerprint(self) -> str:
        """Twelve hexadecimal digits of the SHA-256 over the bytes of the three files, in their fixed order."""
        digest = hashlib.sha256()
        for path in (self.sales, self.demographics, self.unseen):
            # Each file is hashed by itself first, so that bytes moved from one to the next show.
            digest.update(hashlib.sha256(path.read_bytes()).digest())
        return digest.hexdigest()[:_FINGERPRINT_LENGTH]


@dataclass(frozen=True)
class DataSummary:
    """Describe the sales behind a model; ``standin`` when they were generated, and its prices made up.

    Dates are in ISO format, as in 2015-05-27.
    """

    fingerprint: str
    standin: bool
    sales: int
    first_sale: str
    last_sale: str
    zipcodes: int


def find_data(environ: Mapping[str, str] = os.environ, default: Path = HERE) -> DataFiles | None:
    """The files in the folder that ``DATA_DIR`` names, else those in ``data/``, else None.

    Raises ``DataError`` when the folder in ``DATA_DIR`` lacks a file, or ``data/`` has some but not
    all of them: whoever put data there wants them used, so nothing is silently put in their place.
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
            f"or take them all away to use the stand-in market, or set {DATA_DIR}."
        )
    return None


def _absent(folder: Path, missing: list[str]) -> str:
    if not folder.is_dir():
        return f"there is no folder {folder}"
    return f"{folder} has no {' and no '.join(missing)}"
