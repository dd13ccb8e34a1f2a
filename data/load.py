"""The three CSV files as checked DataFrames."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

import pandas as pd
import pandera.pandas as pa

from data.files import DataError, DataFiles
from data.schema import CROSS_CHECKS, SALE_COLUMNS, demographics_schema, sales_schema, unseen_schema
from data.table import Table, read_table
from preprocessing.columns import DEMOGRAPHIC_COLUMNS, HOME_COLUMN_NAMES, HOME_COLUMNS, ZIPCODE

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
    demographics = read_table(files.demographics, (*DEMOGRAPHIC_COLUMNS, ZIPCODE))
    sales = read_table(files.sales, (*SALE_COLUMNS, *HOME_COLUMN_NAMES))
    unseen = read_table(files.unseen, HOME_COLUMN_NAMES)
    zipcodes = set(demographics.numbers[ZIPCODE].dropna())
    problems = [
        *_problems(demographics, demographics_schema()),
        *_problems(sales, sales_schema(zipcodes, year)),
        *_problems(unseen, unseen_schema(zipcodes, year)),
    ]
    if problems:
        raise DataError(_summary(problems))
    market = MarketData(_typed(sales), _typed(demographics), _typed(unseen), files)
    log.info("%d sales in %d ZIP codes, from %s", len(market.sales), len(market.demographics), files.folder)
    return market


def _problems(table: Table, schema: pa.DataFrameSchema) -> Iterator[str]:
    """Yield one line of text for each bad value, from the top of the file."""
    try:
        schema.validate(table.numbers, lazy=True)
    except pa.errors.SchemaErrors as errors:
        for (index, column), words in sorted(_bad(schema, errors.failure_cases).items()):
            yield f"{table.place(index, column)}, allowed is {words}"


def _bad(schema: pa.DataFrameSchema, cases: pd.DataFrame) -> dict[tuple[int, str], str]:
    """Return what is allowed in each bad cell, by index and column."""
    reported_for = {check.error: column for column, check in CROSS_CHECKS.items()}
    bad: dict[tuple[int, str], str] = {}
    for case in cases.to_dict("records"):
        place = (case["index"], case["column"])
        if case["schema_context"] == "Column":
            bad[place] = str(schema.columns[case["column"]].description)
        elif reported_for.get(case["check"]) == case["column"]:  # pandera reports such a check for every column
            bad.setdefault(place, case["check"])
    return bad


def _summary(problems: list[str]) -> str:
    lines = [
        f"The CSV files hold values that are not allowed, {len(problems)} in all; correct them (line 1 is the header):"
    ]
    lines += problems[:PROBLEMS_SHOWN]
    if len(problems) > PROBLEMS_SHOWN:
        lines.append(f"and {len(problems) - PROBLEMS_SHOWN} more")
    return "\n  ".join(lines)


def _typed(table: Table) -> pd.DataFrame:
    whole = {name: "int64" for name in _WHOLE_COLUMNS if name in table.numbers}
    typed: pd.DataFrame = table.numbers.astype(whole).reset_index(drop=True)
    return typed
