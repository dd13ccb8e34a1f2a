"""Tables are read as people save them, each to the same cells; what cannot be read is said in one line."""

from __future__ import annotations

import codecs
import csv
import io
import logging
import os
import tempfile
from datetime import datetime
from pathlib import Path

import openpyxl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data.tabular.encoding import TableError
from data.tabular.headers import find_columns, nearest
from data.tabular.reader import open_table
from data.tabular.workbook import write_workbook

HEADER = ["id", "SqFt Living", "street"]
ROWS = [["0017", "1900", "Café Way"], ["0018", "2100", 'a "b", c; d\te']]


def as_csv(separator: str = ",", end: str = "\n", rows: list[list[str]] = ROWS, **options: int) -> str:
    text = io.StringIO()
    csv.writer(text, delimiter=separator, lineterminator=end, **options).writerows([HEADER, *rows])  # type: ignore[arg-type]
    return text.getvalue()


def read(path: Path) -> tuple[list[str], list[list[str]]]:
    table = open_table(path)
    return list(table.names), [row.cells for row in table.rows()]


@pytest.mark.parametrize(
    "content",
    [
        as_csv().encode(),
        as_csv().encode("utf-8-sig"),
        as_csv(end="\r\n").encode("utf-8-sig"),
        as_csv(end="\r").encode(),
        as_csv("\t", "\r\n").encode("utf-16"),  # Excel's "Unicode Text"
        codecs.BOM_UTF16_BE + as_csv("\t").encode("utf-16-be"),
        as_csv(";", "\r\n").encode("cp1252"),
        as_csv(quoting=csv.QUOTE_ALL).encode(),
        ("\n,,\n" + as_csv() + ",,\n\n , ,\n").encode(),
        "\n".join(f"{line},,," for line in as_csv().splitlines()).encode(),
    ],
    ids=["plain", "marked", "windows", "mac", "utf16", "utf16be", "cp1252", "quoted", "empty rows", "empty columns"],
)
def test_the_same_table_however_it_was_saved(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "homes.csv"
    path.write_bytes(content)
    assert read(path) == (HEADER, ROWS)


def test_a_workbook_is_the_same_table_whatever_it_is_called(tmp_path: Path) -> None:
    path = tmp_path / "homes.csv"
    write_workbook(tmp_path / "homes.xlsx", [HEADER, *ROWS])
    (tmp_path / "homes.xlsx").rename(path)
    assert read(path) == (HEADER, ROWS)


def test_cells_of_a_workbook_are_what_excel_shows(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "homes.xlsx"
    book = openpyxl.Workbook()
    sheet = book.active
    for row in (
        ["a", "b", "c", "d", "e", None],
        [3, 2.0, 47.5112, 1.9, None, None],
        [None, None, None, None, None, None],
        [True, datetime(2014, 10, 13), "x", 7129300520, 47.721],
        [1],
    ):
        sheet.append(row)
    book.create_sheet("notes").append(["other"])
    book.save(path)
    with caplog.at_level(logging.INFO):
        table = open_table(path)
        rows = list(table.rows())
    assert [(row.line, row.cells) for row in rows] == [
        (2, ["3", "2", "47.5112", "1.9", ""]),
        # A digit more, so that it is not taken for 47 thousand.
        (4, ["1", "20141013T000000", "x", "7129300520", "47.7210"]),
        (5, ["1", "", "", "", ""]),
    ]
    assert table.place(4) == f"{path}, row 4"
    assert caplog.text.count("has several sheets: only the first") == 1


def test_a_written_workbook_holds_numbers_as_numbers_and_no_formulas(tmp_path: Path) -> None:
    path = tmp_path / "out.xlsx"
    write_workbook(path, [["1", "2.50", "0017", "=1+1", "1E5", "", "bell\a"]])
    cells = next(openpyxl.load_workbook(path).active.iter_rows())
    assert [cell.value for cell in cells] == [1, 2.5, "0017", "=1+1", "1E5", None, "bell"]
    assert cells[3].data_type == "s"


@pytest.mark.parametrize("place", [10, 5_000, 3_000_000])
def test_windows_1252_is_recognised_at_any_place(tmp_path: Path, place: int, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "homes.csv"
    path.write_bytes(b"a\n" + b"1\n" * (place // 2) + "Café\n".encode("cp1252"))
    with caplog.at_level(logging.INFO):
        assert read(path)[1][-1] == ["Café"]
    assert f"{path} is not in UTF-8: it was read as Windows-1252" in caplog.text


def pipe(path: Path) -> None:
    os.mkfifo(path)


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"", "is empty: its first row must name the columns"),
        (b"\n,,\n", "is empty"),
        (b"a\n\x81\n", "is not text: save it as"),
        (b"a\n\0\n", "is not text"),
        ("a\n1\n".encode("utf-16-le"), "is not text"),
        (codecs.BOM_UTF8 + b"a\n\xff\n", "is not text"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1", "is an old Excel file"),
        (b"PK\x03\x04 and more", "cannot be read as an Excel workbook"),
        (b"a,b,a\n", "line 1: the header names a twice; rename or remove one"),
        (b"a;b,c\n", "may be separated by ',' or ';'"),
        (b'a,b\n1,"2\n3,4\n', "unexpected end of data; correct its quotation marks"),
        (b"a\n" + b"x" * 200_000, "line 2: field larger than field limit"),
    ],
)
def test_what_is_no_table_is_said_in_one_line(tmp_path: Path, content: bytes, complaint: str) -> None:
    path = tmp_path / "homes.csv"
    path.write_bytes(content)
    with pytest.raises(TableError) as error:
        read(path)
    assert complaint in str(error.value)
    assert str(path) in str(error.value)
    assert "\n" not in str(error.value)


def test_what_is_no_plain_file_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path, complaint in (("pipe", "is not a plain file"), ("none", "No such file"), (".", "is not a plain file")):
        with pytest.raises(TableError, match=complaint):
            open_table(tmp_path / path)


def test_rows_keep_cells_that_the_header_does_not_name(tmp_path: Path) -> None:
    path = tmp_path / "homes.csv"
    path.write_text("a,b\n1\n1,2,,\n1,2,3\n")
    table = open_table(path)
    rows = list(table.rows())
    assert [row.cells for row in rows] == [["1"], ["1", "2"], ["1", "2", "3"]]
    assert [table.wrong_count(row) for row in rows] == ["1 cells, the header has 2", None, "3 cells, the header has 2"]


text = st.text(st.characters(codec="cp1252", exclude_categories=["Cc"]), max_size=8).map(str.strip)
tables = st.integers(1, 5).flatmap(
    lambda width: st.lists(st.lists(text, min_size=width, max_size=width).filter(any), min_size=1, max_size=8)
)


@given(tables, st.sampled_from(",;\t"), st.sampled_from(["utf-8-sig", "utf-16", "utf-8"]), st.booleans())
def test_whatever_a_csv_writer_writes_is_read_back(
    rows: list[list[str]], separator: str, encoding: str, windows: bool
) -> None:
    names = [f"column {number}" for number in range(len(rows[0]))]
    if len(names) == 1:
        separator = ","  # as is taken for granted where the header shows none
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "t.csv")
        with path.open("w", newline="", encoding=encoding) as file:
            writer = csv.writer(file, delimiter=separator, lineterminator="\r\n" if windows else "\n")
            writer.writerows([names, *rows])
        assert read(path) == (names, rows)


@pytest.mark.parametrize("name", ["sqft_living", "SqFt Living", " SQFT-LIVING ", "sqftliving"])
def test_a_column_is_found_however_its_name_is_spelled(name: str) -> None:
    assert find_columns(["sqft_living15", name, "x"], ["sqft_living", "grade"], Path("t.csv")) == {"sqft_living": 1}


def test_two_columns_that_may_be_the_same_are_named() -> None:
    with pytest.raises(TableError, match="'Sqft Living' and 'sqft_living' may each be sqft_living; rename or remove"):
        find_columns(["Sqft Living", "sqft_living"], ["sqft_living"], Path("t.csv"))


def test_the_nearest_name_is_a_hint() -> None:
    assert nearest("bedrms", ["bedrooms", "bathrooms"]) == "bedrooms"
    assert nearest("xyzzy", ["bedrooms"]) is None
