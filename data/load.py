"""The three files as checked DataFrames."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

import numpy as np
import pandas as pd
import pandera.pandas as pa

from data.demographics import COLUMNS
from data.files import DataError, DataFiles
from data.schema import (
    CROSS_CHECKS,
    DATE,
    DATE_FORMAT,
    FEWEST_TO_CORRELATE,
    LEAST_CORRELATION,
    RISE_TOGETHER,
    SALE_CHECKS,
    SALE_COLUMNS,
    demographics_schema,
    sales_schema,
    sales_together_schema,
    unseen_schema,
)
from data.table import FileColumns, read_columns
from preprocessing.columns import HOME_COLUMN_NAMES, HOME_COLUMNS, ZIPCODE

PROBLEMS_SHOWN = 10

_WHOLE_COLUMNS = ("id", *(column.name for column in HOME_COLUMNS if column.whole))

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class MarketData:
    """Hold the checked data: rows in the order of their files, columns in the order given below.

    Columns of whole numbers are int64, ``date`` is datetime64, every other column is float64.
    """

    sales: pd.DataFrame
    """[n,21]: ``id``, ``date``, ``price`` in dollars, and the 18 columns of a home."""
    demographics: pd.DataFrame
    """[z,27]: the 26 figures and ``zipcode``, one row for each ZIP code."""
    unseen: pd.DataFrame
    """[m,18]: homes without prices."""
    files: DataFiles


def load_market(files: DataFiles, this_year: int | None = None) -> MarketData:
    """Read and check the three files; their columns may stand in any order.

    ``this_year`` is the current year unless given; a year of the data may be at most the one after it.

    Raises:
        DataError: when values are not allowed. It lists the first ones of all files with line, column,
            value and what is allowed.
    """
    year = date.today().year if this_year is None else this_year
    demographics = read_columns(files.demographics, COLUMNS)
    sales = read_columns(files.sales, (*SALE_COLUMNS, *HOME_COLUMN_NAMES), words=(DATE,))
    unseen = read_columns(files.unseen, HOME_COLUMN_NAMES)
    frames = [_frame(columns) for columns in (demographics, sales, unseen)]
    zipcodes = set(frames[0][ZIPCODE].dropna())
    problems = [
        *_problems(demographics, frames[0], demographics_schema()),
        *_problems(sales, frames[1], sales_schema(zipcodes, year)),
        *_problems(unseen, frames[2], unseen_schema(zipcodes, year)),
    ]
    if problems := problems or [*_problems(sales, frames[1], sales_together_schema()), *_torn(sales, frames[1])]:
        raise DataError(_summary(problems))
    market = MarketData(_typed(frames[1]), _typed(frames[0]), _typed(frames[2]), files)
    log.info("%d sales in %d ZIP codes, from %s", len(market.sales), len(market.demographics), files.sales)
    return market


def _frame(columns: FileColumns) -> pd.DataFrame:
    """Return the columns as float64 and dates as datetime64; NaN and NaT replace text that is neither."""
    frame: pd.DataFrame = pd.DataFrame({name: columns.numbers(name) for name in columns.text if name != DATE})
    if DATE in columns.text:
        days = pd.to_datetime(pd.Series(columns.text[DATE]), format=DATE_FORMAT, errors="coerce")
        # The unit is given because pandas 2 and 3 choose different ones.
        frame.insert(list(columns.text).index(DATE), DATE, days.astype("datetime64[ns]"))
    return frame


def _problems(columns: FileColumns, frame: pd.DataFrame, schema: pa.DataFrameSchema) -> Iterator[str]:
    """Yield one line of text for each bad value, from the top of the file."""
    try:
        schema.validate(frame, lazy=True)
    except pa.errors.SchemaErrors as errors:
        for (row, column), words in sorted(_bad(schema, errors.failure_cases).items()):
            yield columns.complaint(row, column, words)


def _bad(schema: pa.DataFrameSchema, cases: pd.DataFrame) -> dict[tuple[int, str], str]:
    """Return what is allowed in each bad cell, by row and column."""
    reported_for = {check.error: column for column, check in {**CROSS_CHECKS, **SALE_CHECKS}.items()}
    bad: dict[tuple[int, str], str] = {}
    for case in cases.to_dict("records"):
        place = (case["index"], case["column"])
        if case["schema_context"] == "Column":
            bad[place] = str(schema.columns[case["column"]].description)
        elif reported_for.get(case["check"]) == case["column"]:  # pandera reports such a check for every column
            bad.setdefault(place, case["check"])
    return bad


def _torn(sales: FileColumns, frame: pd.DataFrame) -> Iterator[str]:
    """Yield which columns have nothing to do with each other, as after sorting one of them alone."""
    if len(frame) < FEWEST_TO_CORRELATE:
        return
    ranks = frame.rank()
    for column, other in RISE_TOGETHER.items():
        with np.errstate(invalid="ignore"):  # of a column whose values are all the same
            correlation = ranks[column].corr(ranks[other])
        if not correlation >= LEAST_CORRELATION:
            yield (
                f"{sales.table.path}: {column} does not rise with {other} (the correlation of their ranks is "
                f"{correlation:.2f}, allowed is at least {LEAST_CORRELATION:g}): was one sorted without the other?"
            )


def _summary(problems: list[str]) -> str:
    lines = [f"The data hold values that are not allowed, {len(problems)} in all; correct them (line 1 is the header):"]
    lines += problems[:PROBLEMS_SHOWN]
    if len(problems) > PROBLEMS_SHOWN:
        lines.append(f"and {len(problems) - PROBLEMS_SHOWN} more")
    return "\n  ".join(lines)


def _typed(frame: pd.DataFrame) -> pd.DataFrame:
    typed: pd.DataFrame = frame.astype({name: "int64" for name in _WHOLE_COLUMNS if name in frame})
    return typed
