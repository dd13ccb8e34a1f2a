"""A CSV of homes: found where it should be, read by name, and every fault named with its line."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from client.errors import UnusableFile
from client.homes_file import EXAMPLES_NAME, find_examples, fingerprint, open_homes, read_homes, read_in_parts, survey
from data.tabular.reader import Row


def csv_file(folder: Path, text: str) -> Path:
    path = folder / "homes.csv"
    path.write_text(text, encoding="utf-8")
    return path


def test_columns_are_matched_by_name(tmp_path: Path) -> None:
    one = read_homes(csv_file(tmp_path, "bedrooms,zipcode\n3,98118\n")).numbers(["zipcode", "bedrooms"])
    other = read_homes(csv_file(tmp_path, "zipcode,bedrooms\n98118,3\n")).numbers(["zipcode", "bedrooms"])
    assert one == other == {"zipcode": [98118.0], "bedrooms": [3.0]}


def test_lines_are_those_an_editor_shows(tmp_path: Path) -> None:
    homes = read_homes(csv_file(tmp_path, "bedrooms\n1\n\n2\n3\n"))
    assert [row.line for row in homes.rows] == [2, 4, 5]


def test_a_byte_order_mark_is_not_part_of_a_name(tmp_path: Path) -> None:
    assert read_homes(csv_file(tmp_path, "\ufeffbedrooms\n1\n")).table.names == ("bedrooms",)


def test_limit_takes_the_first_homes(tmp_path: Path) -> None:
    homes = read_homes(csv_file(tmp_path, "bedrooms\n1\n2\n3\n"), limit=2)
    assert homes.numbers(["bedrooms"]) == {"bedrooms": [1.0, 2.0]}


@pytest.mark.parametrize("cell", ["", " ", "many", "nan", "inf", "1e999"])
def test_a_cell_that_is_no_number_is_named(tmp_path: Path, cell: str) -> None:
    homes = read_homes(csv_file(tmp_path, f"zipcode,floors\n98118,1\n98118,{cell}\n"))
    with pytest.raises(UnusableFile, match=r"line 3: floors is .*must be a number"):
        homes.numbers(["floors"])
    assert homes.numbers(["zipcode"]) == {"zipcode": [98118.0, 98118.0]}, "only the columns asked for are read"


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("", "is empty"),
        ("bedrooms\n", "holds no homes"),
        ("bedrooms,floors\n3\n", "line 2: 1 cells, the header has 2"),
        ("bedrooms,floors\n3,1,98118\n", "line 2: 3 cells, the header has 2"),
        ("bedrooms,bedrooms\n3,3\n", "names bedrooms twice"),
    ],
)
def test_a_file_that_is_no_table_of_homes(tmp_path: Path, text: str, fault: str) -> None:
    with pytest.raises(UnusableFile, match=fault):
        read_homes(csv_file(tmp_path, text))


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(UnusableFile, match=r"homes\.csv cannot be read: No such file"):
        read_homes(tmp_path / "homes.csv")


def test_a_file_that_is_not_text(tmp_path: Path) -> None:
    path = tmp_path / "homes.csv"
    path.write_bytes(b"bedrooms\n\x81\n")
    with pytest.raises(UnusableFile, match="is not text: save it as"):
        read_homes(path)


@pytest.mark.parametrize("present", [["mine"], ["data"], ["data", "data/standin"], ["data/standin"]])
def test_examples_are_found_in_order(tmp_path: Path, present: list[str]) -> None:
    for folder in present:
        (tmp_path / folder).mkdir(parents=True, exist_ok=True)
        (tmp_path / folder / EXAMPLES_NAME).touch()
    environ = {"DATA_DIR": str(tmp_path / "mine")} if "mine" in present else {"DATA_DIR": ""}
    assert find_examples(environ, data=tmp_path / "data") == tmp_path / present[0] / EXAMPLES_NAME


def test_data_dir_is_never_passed_over(tmp_path: Path) -> None:
    (tmp_path / EXAMPLES_NAME).touch()
    with pytest.raises(UnusableFile, match=r"not in .*mine: correct DATA_DIR or unset it"):
        find_examples({"DATA_DIR": str(tmp_path / "mine")}, data=tmp_path)


def test_no_examples_anywhere_says_where_it_looked(tmp_path: Path) -> None:
    with pytest.raises(UnusableFile) as caught:
        find_examples({}, data=tmp_path)
    for part in (str(tmp_path), str(tmp_path / "standin"), "DATA_DIR", "make up", "--file"):
        assert part in str(caught.value)


def test_a_file_is_read_in_parts_from_any_row(tmp_path: Path) -> None:
    path = csv_file(tmp_path, 'bedrooms,colour\n1,a\n\n2,"b\nb"\n3\n4,d\n')
    rows = [Row(2, ["1", "a"]), Row(5, ["2", "b\nb"]), Row(6, ["3"]), Row(7, ["4", "d"])]
    table = open_homes(path)
    assert table.names == ("bedrooms", "colour")
    assert survey(table, [0])[0] == len(rows)
    for size in range(1, 6):
        for skip in range(6):
            parts = list(read_in_parts(table, size, skip))
            assert [row for part in parts for row in part] == rows[skip:]
            assert all(len(part) == size for part in parts[:-1])


def test_a_letter_of_another_encoding_spoils_no_other_row(tmp_path: Path) -> None:
    path = tmp_path / "homes.csv"
    path.write_bytes(b"bedrooms,street\n3,Caf\xe9\n4,Pike\n")
    ((first, second),) = read_in_parts(open_homes(path), 10)
    assert (first.cells, second.cells) == (["3", "Café"], ["4", "Pike"])


def test_a_fingerprint_tells_files_apart(tmp_path: Path) -> None:
    one = fingerprint(csv_file(tmp_path, "bedrooms\n1\n2\n"))
    assert fingerprint(csv_file(tmp_path, "bedrooms\n1\n3\n")) != one
    with pytest.raises(UnusableFile, match="cannot be read: No such file"):
        fingerprint(tmp_path / "none.csv")


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "homes.csv")
    with pytest.raises(UnusableFile, match=r"homes\.csv is not a plain file"):
        open_homes(tmp_path / "homes.csv")
