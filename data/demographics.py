"""The demographics as the service joins them, from the file of the firm: what every start needs, without pandas."""

from __future__ import annotations

import math
from pathlib import Path

from data.files import DataError
from data.table import read_columns
from preprocessing.columns import DEMOGRAPHIC_COLUMNS, ZIPCODE
from preprocessing.demographics import Demographics

COLUMNS = (*DEMOGRAPHIC_COLUMNS, ZIPCODE)


def read_demographics(path: Path) -> Demographics:
    """Read a file like ``zipcode_demographics.csv``, in any form that ``data.tabular`` reads.

    Raises:
        DataError: when a value is no number, or a ZIP code no whole one or there twice.
    """
    found = read_columns(path, COLUMNS)
    columns = {name: found.numbers(name) for name in COLUMNS}
    for name, numbers in columns.items():
        for row, number in enumerate(numbers):
            if math.isnan(number):
                raise DataError(found.complaint(row, name, "a number"))
            if name == ZIPCODE and not number.is_integer():
                raise DataError(found.complaint(row, name, "a whole number"))
    try:
        return Demographics.of(columns)
    except ValueError as error:
        raise DataError(f"{path}: {error}") from error
