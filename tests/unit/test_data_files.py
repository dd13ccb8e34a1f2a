"""Where data are looked for, and that nothing is ever put silently in their place."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from data.files import (
    DATA_DIR,
    DEMOGRAPHICS_CSV,
    FILE_NAMES,
    SALES_CSV,
    STANDIN_STAMP,
    UNSEEN_CSV,
    DataError,
    DataFiles,
    find_data,
)


def put(folder: Path, *names: str) -> Path:
    folder.mkdir(exist_ok=True)
    for name in names:
        (folder / name).write_text(f"content of {name}\n")
    return folder


def test_data_dir_comes_first(tmp_path: Path) -> None:
    default, named = put(tmp_path / "data", *FILE_NAMES), put(tmp_path / "mine", *FILE_NAMES)
    assert find_data({DATA_DIR: str(named)}, default) == DataFiles(named)


@pytest.mark.parametrize("environ", [{}, {DATA_DIR: ""}])
def test_then_the_data_folder(tmp_path: Path, environ: dict[str, str]) -> None:
    default = put(tmp_path / "data", *FILE_NAMES)
    files = find_data(environ, default)
    assert files == DataFiles(default, standin=False)
    assert (files.sales, files.demographics, files.unseen) == tuple(default / name for name in FILE_NAMES)


def test_no_data_at_all(tmp_path: Path) -> None:
    assert find_data({}, put(tmp_path / "data")) is None


def test_data_dir_without_a_folder_is_an_error(tmp_path: Path) -> None:
    default, named = put(tmp_path / "data", *FILE_NAMES), tmp_path / "mine"
    with pytest.raises(DataError, match=f"there is no folder {named}"):
        find_data({DATA_DIR: str(named)}, default)


@pytest.mark.parametrize("missing", FILE_NAMES)
def test_data_dir_without_a_file_is_an_error_that_names_it(tmp_path: Path, missing: str) -> None:
    default = put(tmp_path / "data", *FILE_NAMES)
    named = put(tmp_path / "mine", *(name for name in FILE_NAMES if name != missing))
    with pytest.raises(DataError, match=f"{named} has no {missing}"):
        find_data({DATA_DIR: str(named)}, default)


def test_some_but_not_all_files_in_the_data_folder_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=f"has no {DEMOGRAPHICS_CSV} and no {UNSEEN_CSV}"):
        find_data({}, put(tmp_path / "data", SALES_CSV))


def test_the_stand_in_is_known_for_made_up_wherever_it_is_found(tmp_path: Path) -> None:
    folder = put(tmp_path / "standin", *FILE_NAMES, STANDIN_STAMP)
    assert find_data({DATA_DIR: str(folder)}, tmp_path) == DataFiles(folder, standin=True)


@pytest.mark.parametrize("changed", FILE_NAMES)
def test_the_fingerprint_is_of_the_content_of_every_file(tmp_path: Path, changed: str) -> None:
    files, copy = DataFiles(put(tmp_path / "a", *FILE_NAMES)), DataFiles(put(tmp_path / "b", *FILE_NAMES))
    assert files.fingerprint() == copy.fingerprint()
    (copy.folder / changed).write_text("other content\n")
    assert files.fingerprint() != copy.fingerprint()


def test_finding_data_imports_no_library() -> None:
    script = "import data.files, data.standin, sys; assert not {'numpy', 'pandas', 'pandera'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", script], cwd=Path(__file__).parents[2], check=True)
