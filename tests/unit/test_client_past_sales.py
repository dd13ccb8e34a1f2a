"""Example homes that were sold before are recognised by every column, and only by every column."""

from __future__ import annotations

from pathlib import Path

import pytest

from client.errors import UnusableFile
from client.homes_file import read_homes
from client.past_sales import SALES_NAME, Sale, past_sales

SALES = """id,date,price,bedrooms,lat,zipcode
1,"20141013T000000",221900,3,47.5112,"98178"
1,"20150401T000000",300000,3,47.5112,"98178"
2,"20141209T000000",538000,3,47.721,"98125"
"""


def sales_of(folder: Path, homes: str, sales: str | None = SALES) -> list[Sale | None]:
    (folder / "homes.csv").write_text(homes)
    if sales is not None:
        (folder / SALES_NAME).write_text(sales)
    return past_sales(read_homes(folder / "homes.csv"))


def test_a_past_sale_is_found_whatever_the_order_and_spelling_of_its_columns(tmp_path: Path) -> None:
    (found,) = sales_of(tmp_path, "zipcode,lat,bedrooms\n98125.0,47.7210,3.0\n")
    assert found == Sale(538_000.0, "20141209T000000", 1)


def test_of_several_sales_the_latest_counts(tmp_path: Path) -> None:
    (found,) = sales_of(tmp_path, "bedrooms,lat,zipcode\n3,47.5112,98178\n")
    assert found == Sale(300_000.0, "20150401T000000", 2)


def test_the_order_of_homes_is_kept_and_strangers_stay_unmatched(tmp_path: Path) -> None:
    found = sales_of(tmp_path, "bedrooms,lat,zipcode\n4,47.5112,98178\n3,47.721,98125\n3,47.721,98125\n")
    assert [sale and sale.price for sale in found] == [None, 538_000.0, 538_000.0]


@pytest.mark.parametrize("sales", [None, "id,date,bedrooms,lat,zipcode\n1,20141013T000000,3,47.721,98125\n"])
def test_without_prices_beside_the_homes_nothing_matches(tmp_path: Path, sales: str | None) -> None:
    assert sales_of(tmp_path, "bedrooms,lat,zipcode\n3,47.721,98125\n", sales) == [None]


def test_homes_that_lack_a_column_match_nothing(tmp_path: Path) -> None:
    assert sales_of(tmp_path, "bedrooms,zipcode\n3,98125\n") == [None]


def test_a_broken_sales_file_is_not_taken_for_an_empty_one(tmp_path: Path) -> None:
    with pytest.raises(UnusableFile, match=rf"{SALES_NAME}, line 4: bedrooms is 'three'"):
        sales_of(tmp_path, "bedrooms,lat,zipcode\n3,47.721,98125\n", SALES.replace("538000,3", "538000,three"))
