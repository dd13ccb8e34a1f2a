"""What the three CSV files may hold, and what is said about a file that holds something else."""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from data.files import DATA_DIR, DataError, DataFiles, find_data
from data.load import PROBLEMS_SHOWN, MarketData, load_market
from data.schema import DATE, SALE_COLUMNS
from preprocessing.columns import DEMOGRAPHIC_COLUMNS, EXAMPLE_HOME, HOME_COLUMN_NAMES, ZIPCODE

THIS_YEAR = 2026
SALE = {"id": "0000000017", "date": "20141013T000000", "price": "221900"}
OTHER_ZIPCODE = 98_001
TRACED = sorted({*SALE_COLUMNS, *HOME_COLUMN_NAMES} - {DATE, "waterfront", "view", "condition", "long"})
"""Columns of which a home's value follows from its other columns, more or less."""
FEW = 2_000

Frames = tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]


def valid() -> Frames:
    """Return three sales, two ZIP codes and two unseen homes, as text."""
    home = {name: f"{value:g}" for name, value in EXAMPLE_HOME.items()}
    people = dict.fromkeys(DEMOGRAPHIC_COLUMNS, "50.0")
    sales = pd.DataFrame([{**SALE, **home}] * 3, dtype=str)
    demographics = pd.DataFrame([{**people, ZIPCODE: zipcode} for zipcode in (home[ZIPCODE], OTHER_ZIPCODE)], dtype=str)
    return sales, demographics, pd.DataFrame([home] * 2, dtype=str)


@pytest.fixture
def load(tmp_path: Path) -> Callable[[Frames], MarketData]:
    """Write the files and load them."""

    def write_and_load(frames: Frames) -> MarketData:
        files = DataFiles(tmp_path)
        for frame, path in zip(frames, (files.sales, files.demographics, files.unseen), strict=True):
            frame.to_csv(path, index=False)
        return load_market(files, THIS_YEAR)

    return write_and_load


def test_a_market(load: Callable[[Frames], MarketData]) -> None:
    market = load(valid())
    assert market.sales.shape == (3, 21)
    assert market.demographics.shape == (2, 27)
    assert market.unseen.shape == (2, 18)
    assert list(market.unseen.columns) == list(HOME_COLUMN_NAMES)
    assert market.sales.at[0, "date"] == pd.Timestamp(2014, 10, 13)
    assert market.sales.at[0, "id"] == 17
    assert {str(market.sales[name].dtype) for name in ("id", "bedrooms", ZIPCODE, "yr_built")} == {"int64"}
    assert {str(market.sales[name].dtype) for name in ("price", "bathrooms", "sqft_lot", "lat")} == {"float64"}


def test_columns_are_matched_by_name(load: Callable[[Frames], MarketData]) -> None:
    straight = load(valid())
    sales, demographics, unseen = valid()
    turned = load((sales[sales.columns[::-1]], demographics[demographics.columns[::-1]], unseen[unseen.columns[::-1]]))
    pd.testing.assert_frame_equal(turned.sales, straight.sales)
    pd.testing.assert_frame_equal(turned.demographics, straight.demographics)
    pd.testing.assert_frame_equal(turned.unseen, straight.unseen)


def test_quoted_numbers_blank_lines_and_a_byte_order_mark_are_read(load: Callable[[Frames], MarketData]) -> None:
    market = load(valid())
    path = market.files.sales
    header, *rows = path.read_text().splitlines()
    quoted = [",".join(f'"{cell}"' for cell in row.split(",")) for row in rows]
    path.write_text("\n".join(["\ufeff" + header, quoted[0], "", *quoted[1:], "", ""]), encoding="utf-8")
    pd.testing.assert_frame_equal(load_market(market.files, THIS_YEAR).sales, market.sales)


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "cp1252"])
def test_files_of_a_german_excel_are_read(load: Callable[[Frames], MarketData], encoding: str) -> None:
    market = load(valid())
    for path in (market.files.sales, market.files.demographics, market.files.unseen):
        german = path.read_text().translate(str.maketrans(",.", ";,"))
        path.write_text(german, encoding=encoding, newline="\r\n")
    pd.testing.assert_frame_equal(load_market(market.files, THIS_YEAR).sales, market.sales)


def test_a_number_in_doubt_is_said_to_be_in_doubt(load: Callable[[Frames], MarketData]) -> None:
    sales, demographics, unseen = valid()
    sales.loc[1, "bathrooms"] = "2,25"
    with pytest.raises(DataError, match=r"line 3: bathrooms is 2,25, which has another decimal mark"):
        load((sales, demographics, unseen))


@pytest.mark.parametrize(
    ("column", "value", "allowed"),
    [
        ("id", "7.5", "a whole number"),
        ("date", "2014-10-13", "a date like 20141013T000000"),
        ("date", "20141313T000000", "a date like 20141013T000000"),
        ("date", "21041013T000000", "not after today"),
        ("date", "19141013T000000", "from 2000 on"),
        ("price", "0", "from 1,000 to 1,000,000,000"),
        ("price", "inf", "from 1,000"),
        ("price", "1e308", "from 1,000"),
        ("price", "", "from 1,000"),
        ("bedrooms", "three", "a whole number from 0 to 50"),
        ("bedrooms", "2.5", "a whole number from 0 to 50"),
        ("bathrooms", "-1", "a number from 0 to 30"),
        ("sqft_lot", "0", "a number from 1 to 10,000,000"),
        ("floors", "NaN", "a number from 0 to 10"),
        ("floors", "2.25", "whole or half floors"),
        ("waterfront", "2", "a whole number from 0 to 1"),
        ("grade", "14", "a whole number from 1 to 13"),
        ("yr_built", "2028", "from 1800 to 2027"),
        ("yr_renovated", "1", "0 or a whole number from 1800 to 2027"),
        ("yr_renovated", "1947", "0 or a year not before yr_built"),
        ("sqft_living", "1902", "the sum of sqft_above and sqft_basement, within 1 square foot"),
        ("lat", "46.9", "a number from 47.0 to 47.9"),
        (ZIPCODE, "98199", "a ZIP code of zipcode_demographics.csv"),
    ],
)
def test_a_bad_value_in_a_sale(load: Callable[[Frames], MarketData], column: str, value: str, allowed: str) -> None:
    sales, demographics, unseen = valid()
    sales.loc[1, column] = value
    with pytest.raises(DataError) as error:
        load((sales, demographics, unseen))
    summary, problem = str(error.value).splitlines()
    assert "not allowed, 1 in all" in summary
    assert f"kc_house_data.csv, line 3: {column} is {value or 'empty'}, allowed is " in problem
    assert allowed in problem


@pytest.mark.parametrize(
    ("column", "value", "allowed"),
    [
        ("ppltn_qty", "-1", "a number, not negative"),
        ("medn_hshld_incm_amt", "inf", "a number, not negative"),
        ("hous_val_amt", "dear", "a number, not negative"),
        ("per_bchlr", "100.5", "a percentage from 0 to 100"),
        ("per_urbn", "", "a percentage from 0 to 100"),
        (ZIPCODE, "98001.5", "a whole number"),
    ],
)
def test_a_bad_value_in_the_demographics(
    load: Callable[[Frames], MarketData], column: str, value: str, allowed: str
) -> None:
    sales, demographics, unseen = valid()
    demographics.loc[1, column] = value
    with pytest.raises(DataError) as error:
        load((sales, demographics, unseen))
    assert f"zipcode_demographics.csv, line 3: {column} is {value or 'empty'}, allowed is {allowed}" in str(error.value)


def test_a_zip_code_has_one_row_of_demographics(load: Callable[[Frames], MarketData]) -> None:
    sales, demographics, unseen = valid()
    demographics[ZIPCODE] = "98118"
    with pytest.raises(DataError, match=r"zipcode_demographics.csv, line 3: zipcode is 98118, .* once in the file"):
        load((sales, demographics, unseen))


def test_an_unseen_home_must_have_demographics(load: Callable[[Frames], MarketData]) -> None:
    sales, demographics, unseen = valid()
    unseen.loc[0, ZIPCODE] = "98199"
    with pytest.raises(DataError, match=r"future_unseen_examples.csv, line 2: zipcode is 98199"):
        load((sales, demographics, unseen))


def test_areas_may_be_a_square_foot_off(load: Callable[[Frames], MarketData]) -> None:
    sales, demographics, unseen = valid()
    sales.loc[0, "sqft_living"] = "1901"
    assert load((sales, demographics, unseen)).sales.at[0, "sqft_living"] == 1901


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"id": "17", "lat": "47.5", "sqft_above": "1400"}, "id is 17, allowed is the id of one home"),
        ({"id": "18", "lat": "47.2"}, "lat is 47.2, allowed is a latitude within 0.2 degrees"),
        ({"id": "18", "sqft_above": "0", "sqft_basement": "1900"}, "sqft_above is 0, allowed is above 0"),
    ],
)
def test_sales_that_are_possible_one_by_one_but_not_together(
    load: Callable[[Frames], MarketData], changes: dict[str, str], complaint: str
) -> None:
    sales, demographics, unseen = valid()
    for column, value in changes.items():
        sales.loc[1, column] = value
    with pytest.raises(DataError, match=f"line 3: {complaint}"):
        load((sales, demographics, unseen))


@pytest.mark.parametrize("column", TRACED)
def test_a_column_that_was_sorted_alone_is_noticed(column: str, files: DataFiles, tmp_path: Path) -> None:
    sales = pd.read_csv(files.sales, dtype=str, nrows=FEW)
    sales[column] = sorted(sales[column], key=float)
    sales.to_csv(tmp_path / "sorted.csv", index=False)
    with pytest.raises(DataError) as error:
        load_market(replace(files, given_sales=tmp_path / "sorted.csv"))
    assert str(tmp_path / "sorted.csv") in str(error.value), "the file that was given is the one that is named"


@pytest.mark.parametrize(
    ("column", "other"), [*itertools.combinations([name for name in HOME_COLUMN_NAMES if name != "sqft_lot15"], 2)][::7]
)
def test_columns_that_changed_places_are_noticed(column: str, other: str, files: DataFiles, tmp_path: Path) -> None:
    sales = pd.read_csv(files.sales, dtype=str, nrows=FEW).rename(columns={column: other, other: column})
    sales.to_csv(tmp_path / "swapped.csv", index=False)
    with pytest.raises(DataError, match=r"swapped\.csv"):
        load_market(replace(files, given_sales=tmp_path / "swapped.csv"))


@pytest.mark.parametrize("spelled", [str.upper, str.title, lambda name: f" {name.replace('_', ' ')} "])
def test_a_name_may_be_spelled_otherwise(load: Callable[[Frames], MarketData], spelled: Callable[[str], str]) -> None:
    straight, frames = load(valid()), valid()
    otherwise = load(tuple(frame.rename(columns=spelled) for frame in frames))
    pd.testing.assert_frame_equal(otherwise.sales, straight.sales)


def test_all_problems_are_told_at_once_and_the_first_are_listed(load: Callable[[Frames], MarketData]) -> None:
    sales, demographics, unseen = valid()
    demographics.loc[0, "per_urbn"] = "-1"
    sales = pd.concat([sales] * 5, ignore_index=True)
    sales["grade"] = "99"
    unseen.loc[0, "view"] = "5"
    with pytest.raises(DataError) as error:
        load((sales, demographics, unseen))
    lines = str(error.value).splitlines()
    assert "not allowed, 17 in all" in lines[0]
    assert "zipcode_demographics.csv, line 2: per_urbn is -1" in lines[1]
    assert "kc_house_data.csv, line 2: grade is 99" in lines[2]
    assert lines[-1].strip() == f"and {17 - PROBLEMS_SHOWN} more"


def test_blank_lines_count_as_lines(load: Callable[[Frames], MarketData]) -> None:
    market = load(valid())
    path = market.files.unseen
    header, first, second = path.read_text().splitlines()
    path.write_text("\n".join([header, first, "", second.replace("98118", "98199")]))
    with pytest.raises(DataError, match="line 4: zipcode is 98199"):
        load_market(market.files, THIS_YEAR)


@pytest.mark.parametrize(
    ("rename", "complaint"),
    [
        ({"grade": "grad"}, "column 'grade' is missing; column 'grad' is unknown, did you mean 'grade'?"),
        ({"view": "xyzzy"}, "column 'view' is missing; column 'xyzzy' is unknown. The columns are"),
    ],
)
def test_a_missing_or_unknown_column_is_named_with_the_nearest(
    load: Callable[[Frames], MarketData], rename: dict[str, str], complaint: str
) -> None:
    sales, demographics, unseen = valid()
    with pytest.raises(DataError) as error:
        load((sales, demographics, unseen.rename(columns=rename)))
    assert f"future_unseen_examples.csv, header: {complaint}" in str(error.value)


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"", " is empty"),
        (b"price\n\x81\xfe", " is not text"),
        (b"a,b\n1,2\n1,2,3\n", ", header: column 'bedrooms' is missing"),
        (",".join(HOME_COLUMN_NAMES).encode(), " has a header but no rows"),
        (
            ",".join(HOME_COLUMN_NAMES).encode() + b"\n" + b",".join([b"1"] * 19),
            ", line 2: 19 cells, the header has 18",
        ),
    ],
)
def test_a_file_that_is_no_table_of_homes(load: Callable[[Frames], MarketData], content: bytes, complaint: str) -> None:
    files = load(valid()).files
    files.unseen.write_bytes(content)
    with pytest.raises(DataError, match=f"future_unseen_examples.csv{complaint}"):
        load_market(files, THIS_YEAR)


def test_a_row_that_ends_early_may_lack_any_of_its_values(load: Callable[[Frames], MarketData]) -> None:
    files = load(valid()).files
    files.unseen.write_text(files.unseen.read_text().rstrip("\n").rsplit(",", 1)[0] + "\n")
    with pytest.raises(DataError, match="line 3: 17 cells, the header has 18"):
        load_market(files, THIS_YEAR)


@pytest.mark.skipif(not os.environ.get(DATA_DIR), reason=f"{DATA_DIR} names no folder with Sound Realty's files")
def test_the_real_files_load_as_they_stand() -> None:
    files = find_data()
    assert files is not None
    market = load_market(files)
    assert len(market.sales) > 0
    assert set(market.sales[ZIPCODE]) <= set(market.demographics[ZIPCODE])
    assert market.sales[["id", "date", "price", *HOME_COLUMN_NAMES]].notna().all(axis=None)
