"""The files of a bulk run: never another's, complete or taken up where they stopped, and refused when damaged."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from client.errors import UnusableFile
from client.ledger import Ledger


def ledger(folder: Path, **task: str) -> Ledger:
    return Ledger(folder / "v.csv", folder / "r.csv", task=task or {"model": "m"}, headers=(["a"], ["b"]), homes=10)


def test_a_file_that_is_there_is_never_overwritten(tmp_path: Path) -> None:
    for name in ("v.csv", "r.csv"):
        (tmp_path / name).write_text("mine")
        with pytest.raises(UnusableFile, match=f"{name} is there already"), ledger(tmp_path):
            pass
        assert (tmp_path / name).read_text() == "mine"
        (tmp_path / name).unlink()


def test_a_complete_run_is_not_taken_up(tmp_path: Path) -> None:
    with ledger(tmp_path) as first:
        first.write([["1"]], [], 1, ["m"])
        first.complete()
    assert (tmp_path / "v.csv").read_text() == "a\n1\n"
    assert not (tmp_path / "r.csv").exists()
    with pytest.raises(UnusableFile, match="is there already"), ledger(tmp_path):
        pass


def test_another_task_does_not_go_on_with_the_files(tmp_path: Path) -> None:
    with ledger(tmp_path, model="m", file="f") as first:
        first.write([["1"]], [["2"]], 2, ["m"])
    with pytest.raises(UnusableFile, match="begun with another file: take it up as it was begun, or remove"):
        ledger(tmp_path, model="m", file="g").__enter__()
    assert [(tmp_path / name).read_text() for name in ("v.csv", "r.csv")] == ["a\n1\n", "b\n2\n"]


def test_two_runs_do_not_write_the_same_files(tmp_path: Path) -> None:
    with ledger(tmp_path), pytest.raises(UnusableFile, match="another run is writing"):
        ledger(tmp_path).__enter__()


def test_rows_that_are_gone_are_noticed(tmp_path: Path) -> None:
    with ledger(tmp_path) as first:
        first.write([["1"]], [], 1, ["m"])
    (tmp_path / "v.csv").write_text("a\n")
    with pytest.raises(UnusableFile, match=r"v\.csv lacks rows that were written"):
        ledger(tmp_path).__enter__()


SETTLED = {
    "task": {"model": "m"},
    "homes": 3,
    "rejected": 1,
    "output_bytes": 0,
    "rejected_bytes": 0,
    "price_models": {"m": 2},
}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "[" * 100_000,
        "\udcff",
        '{"rows": 1}',
        *(
            json.dumps({**SETTLED, **change})
            for change in (
                {"task": None},
                {"task": ["model"]},
                {"homes": "3"},
                {"homes": 3.0},
                {"homes": True, "rejected": 0, "price_models": {"m": 1}},
                {"homes": -1, "price_models": {}},
                {"homes": 10**9, "price_models": {"m": 10**9 - 1}},
                {"homes": 4},
                {"rejected": None},
                {"output_bytes": -1},
                {"output_bytes": 1.5},
                {"price_models": None},
                {"price_models": ["m"]},
                {"price_models": {"m": "2"}},
            )
        ),
    ],
)
def test_damaged_progress_is_said_to_be_damaged(tmp_path: Path, text: str) -> None:
    (tmp_path / "v.csv.progress").write_bytes(text.encode(errors="surrogateescape"))
    with pytest.raises(UnusableFile, match="is damaged: remove"):
        ledger(tmp_path).__enter__()


def test_progress_that_is_not_damaged_is_gone_on_with(tmp_path: Path) -> None:
    (tmp_path / "v.csv.progress").write_text(json.dumps(SETTLED))
    with ledger(tmp_path) as found:
        assert found.progress.homes == 3


@pytest.mark.parametrize("name", ["v.csv", "r.csv", "v.csv.progress"])
def test_a_pipe_in_place_of_a_file_is_not_waited_for(tmp_path: Path, name: str) -> None:
    (tmp_path / "v.csv.progress").write_text(json.dumps(SETTLED))
    (tmp_path / name).unlink(missing_ok=True)
    os.mkfifo(tmp_path / name)
    with pytest.raises(UnusableFile, match=r"is not a plain file|is there already"):
        ledger(tmp_path).__enter__()


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(UnusableFile, match="cannot be written: No such file"):
        ledger(tmp_path / "none").__enter__()


def test_valued_and_rejected_homes_need_two_files(tmp_path: Path) -> None:
    path = tmp_path / "v.csv"
    with pytest.raises(UnusableFile, match="name two files"):
        Ledger(path, path, task={}, headers=([], []), homes=0).__enter__()
