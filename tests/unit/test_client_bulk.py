"""A file of homes is valued in parts; broken off anywhere and taken up again, it comes out the same."""

from __future__ import annotations

import csv
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from client import ledger as ledgers
from client.bulk import Layout, value_homes
from client.errors import HomeRefused, ServiceUnreachable, UnusableFile, WrongColumns
from client.homes_file import Row, read_names
from client.ledger import Ledger
from client.patience import Patience
from client.transports import Tensors
from client.valuation import ValuationClient
from preprocessing.checks import OUT_OF_RANGE, Problem
from preprocessing.demographics import Demographics
from preprocessing.refusal import refusal

MOST = 8
NOWHERE = Demographics(np.array([], np.int64), np.empty((0, 26), np.float32))
HEADER = "id,rooms,zipcode,colour"


@dataclass
class ServiceInMemory:
    """Act as the service, which refuses as the real one does: a home is worth its rooms, at most 13 of them."""

    requests_until_away: int = 10**9
    reason: str = ""
    largest: int = 0

    def config(self, model: str) -> dict[str, Any]:
        return {
            "max_batch_size": MOST,
            "input": [
                {"name": "rooms", "data_type": "TYPE_FP32"},
                {"name": "zipcode", "data_type": "TYPE_INT64"},
                {"name": "lat", "data_type": "TYPE_FP32", "optional": True},
            ],
        }

    def infer(self, model: str, columns: Tensors) -> dict[str, list[Any]]:
        self.requests_until_away -= 1
        if self.requests_until_away < 0:
            raise ServiceUnreachable("service:1")
        if self.reason:
            raise HomeRefused(self.reason)
        rooms = columns["rooms"].tolist()
        self.largest = max(self.largest, len(rooms))
        bad = [Problem(row, "rooms", OUT_OF_RANGE, f"is {count:g}") for row, count in enumerate(rooms) if count > 13]
        if bad:  # only two of them: a long list does not fit into one answer
            raise HomeRefused.read(refusal(bad[:2], len(rooms), NOWHERE))
        return dict.fromkeys(("price", "price_low", "price_high"), rooms) | {"price_model": ["m"] * len(rooms)}

    def close(self) -> None:
        """Close nothing: no connection is held."""


def value(
    folder: Path,
    service: ServiceInMemory,
    *,
    batch: int = MOST,
    concurrency: int = 2,
    advanced: Callable[[], None] = lambda: None,
) -> None:
    homes = folder / "homes.csv"
    client = ValuationClient(transport=service, patience=Patience(0.0))
    layout = Layout.of(client, read_names(homes), all_columns=False)
    with Ledger(folder / "v.csv", folder / "r.csv", task={"homes file": "1"}, headers=layout.headers) as ledger:
        value_homes(client, homes, layout, ledger, batch=batch, concurrency=concurrency, advanced=advanced)


def written(folder: Path) -> dict[str, str]:
    return {name: (folder / name).read_text() for name in ("v.csv", "r.csv") if (folder / name).exists()}


def expected(lines: list[str]) -> dict[str, str]:
    """Return what the outputs must say, written down without any batches."""
    valued, rejected = ["line,id,price,price_low,price_high,price_model"], [f"line,reason,{HEADER}"]
    for line, text in enumerate(lines, start=2):
        cells = text.split(",")
        if not text:
            continue
        if len(cells) != 4:
            rejected.append(f'{line},"{len(cells)} cells, the header has 4",{text}')
        elif not cells[1].isdecimal():
            rejected.append(f'{line},"rooms is {repr(cells[1]) if cells[1] else "empty"}, but must be a number",{text}')
        elif int(cells[1]) > 13:
            rejected.append(f"{line},rooms is {cells[1]},{text}")
        else:
            valued.append(f"{line},{cells[0]},{cells[1]}.00,{cells[1]}.00,{cells[1]}.00,m")
    files = {"v.csv": valued} | ({"r.csv": rejected} if len(rejected) > 1 else {})
    return {name: "\n".join(lines) + "\n" for name, lines in files.items()}


row = st.one_of(
    st.integers(1, 20).map(lambda rooms: f"7,{rooms},98118,red"),
    st.sampled_from(["7,,98118,red", "7,many,98118,red", "7,3,98118", "7,3,98118,red,extra", ""]),
)
many_rows = st.lists(row, max_size=60)


@given(many_rows, st.integers(1, 12), st.integers(1, 4))
def test_every_row_is_valued_or_rejected_once_whatever_the_batches(
    lines: list[str], batch: int, concurrency: int
) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "homes.csv").write_text("\n".join([HEADER, *lines]) + "\n")
        service = ServiceInMemory()
        value(folder, service, batch=batch, concurrency=concurrency)
        assert written(folder) == expected(lines)
        assert service.largest <= min(batch, MOST)
        assert not list(folder.glob("*.progress"))


@given(many_rows, st.data())
def test_a_run_whose_service_went_away_is_taken_up_where_it_stopped(lines: list[str], data: st.DataObject) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "homes.csv").write_text("\n".join([HEADER, *lines]) + "\n")
        for _ in range(3):
            service = ServiceInMemory(requests_until_away=data.draw(st.integers(0, 5)))
            try:
                value(folder, service, batch=data.draw(st.integers(1, 12)), concurrency=data.draw(st.integers(1, 3)))
                break
            except ServiceUnreachable:
                assert (folder / "v.csv.progress").exists()
        else:
            value(folder, ServiceInMemory())
        assert written(folder) == expected(lines)


@given(st.lists(row, min_size=1, max_size=60), st.data())
def test_a_crash_leaves_files_that_can_be_taken_up(lines: list[str], data: st.DataObject) -> None:
    """The disk is as at some moment of the run, with more or less of what was not settled yet."""
    settle_every_s = data.draw(st.sampled_from([0.0, 1e9]))
    moment, torn = data.draw(st.integers(1, 30)), data.draw(st.lists(st.binary(max_size=40), min_size=2, max_size=2))
    with tempfile.TemporaryDirectory() as name, pytest.MonkeyPatch.context() as patch:
        patch.setattr(ledgers, "SETTLE_EVERY_S", settle_every_s)
        folder, crashed = Path(name, "whole"), Path(name, "crashed")
        folder.mkdir()
        (folder / "homes.csv").write_text("\n".join([HEADER, *lines]) + "\n")
        parts = 0

        def advanced() -> None:
            nonlocal parts
            parts += 1
            if parts == moment:
                shutil.copytree(folder, crashed)

        value(folder, ServiceInMemory(), batch=3, advanced=advanced)
        if crashed.exists():
            for file, rest in zip(("v.csv", "r.csv"), torn, strict=True):
                with (crashed / file).open("ab") as end:
                    end.write(rest)
            value(crashed, ServiceInMemory())
            assert written(crashed) == expected(lines)
        assert written(folder) == expected(lines)


def test_an_interruption_between_the_two_files_counts_nothing_of_the_batch(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = [f"{number},{number},98118,red" for number in range(1, 21)]
    (tmp_path / "homes.csv").write_text("\n".join([HEADER, *lines]) + "\n")
    calls = 0

    def interrupted(*arguments: Any, **changes: Any) -> Any:
        nonlocal calls
        calls += "homes" in changes
        if calls == 2:
            raise KeyboardInterrupt
        return replace(*arguments, **changes)

    monkeypatch.setattr(ledgers, "replace", interrupted)
    with pytest.raises(KeyboardInterrupt):
        value(tmp_path, ServiceInMemory())
    monkeypatch.undo()
    value(tmp_path, ServiceInMemory())
    assert written(tmp_path) == expected(lines)


@pytest.mark.parametrize("reason", ["unexpected inference input 'rooms'", "1 of 4 homes refused, rows counted from 0"])
def test_a_refusal_of_the_request_itself_rejects_no_home(tmp_path: Path, reason: str) -> None:
    (tmp_path / "homes.csv").write_text(f"{HEADER}\n1,3,98118,red\n")
    with pytest.raises(HomeRefused):
        value(tmp_path, ServiceInMemory(reason=reason))
    assert (tmp_path / "r.csv").read_text().count("\n") == 1
    value(tmp_path, ServiceInMemory())
    assert written(tmp_path) == expected(["1,3,98118,red"])


def test_a_file_without_a_required_column_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    (tmp_path / "homes.csv").write_text("rooms\n3\n")
    with pytest.raises(WrongColumns, match="does not have: zipcode"):
        value(tmp_path, ServiceInMemory())
    assert written(tmp_path) == {}


def layout(*names: str, all_columns: bool = False) -> Layout:
    return Layout.of(ValuationClient(transport=ServiceInMemory()), names, all_columns)


def test_cells_are_sorted_into_what_can_be_sent_and_what_cannot() -> None:
    rows = [["3", "98118"], ["3", "98118.5"], ["", "nan"], ["4", " 98199.0 "], ["5", "1e16"]]
    part = layout("rooms", "zipcode").sort([Row(line, cells) for line, cells in enumerate(rows)])
    assert part.columns == {"rooms": [3.0, 4.0], "zipcode": [98118.0, 98199.0]}
    assert part.faults == {
        1: "zipcode is '98118.5', but must be a whole number",
        2: "rooms is empty, but must be a number; zipcode is 'nan', but must be a whole number",
        4: "zipcode is '1e16', but must be a whole number",
    }


def test_optional_columns_are_sent_on_demand() -> None:
    names = ("lat", "rooms", "zipcode")
    assert [entry.name for entry in layout(*names).inputs] == ["rooms", "zipcode"]
    assert [entry.name for entry in layout(*names, all_columns=True).inputs] == ["rooms", "zipcode", "lat"]


def test_rejected_homes_can_be_corrected_and_sent_again(tmp_path: Path) -> None:
    (tmp_path / "homes.csv").write_text(f"{HEADER}\n1,3,98118,red\n2,many,98118,blue\n3,14,98118,red\n")
    value(tmp_path, ServiceInMemory())
    again = tmp_path / "again"
    again.mkdir()
    (again / "homes.csv").write_text((tmp_path / "r.csv").read_text().replace("many,98118", "4,98118"))
    value(again, ServiceInMemory())
    with (again / "v.csv").open() as valued, (again / "r.csv").open() as rejected:
        assert [(home["id"], home["price"]) for home in csv.DictReader(valued)] == [("2", "4.00")]
        assert list(csv.DictReader(rejected)) == [
            {"line": "3", "reason": "rooms is 14", "id": "3", "rooms": "14", "zipcode": "98118", "colour": "red"}
        ]


def test_only_a_few_parts_are_read_ahead_of_those_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "homes.csv").write_text(f"{HEADER}\n" + "1,3,98118,red\n" * 400)
    sorted_parts = written_parts = most = 0
    sort = Layout.sort

    def counted(self: Layout, rows: list[Row]) -> Any:
        nonlocal sorted_parts, most
        sorted_parts += 1
        most = max(most, sorted_parts - written_parts)
        return sort(self, rows)

    def advanced() -> None:
        nonlocal written_parts
        written_parts += 1

    monkeypatch.setattr(Layout, "sort", counted)
    value(tmp_path, ServiceInMemory(), concurrency=3, advanced=advanced)
    assert (sorted_parts, most) == (50, 4)


def test_value_each_keeps_order_where_rows_are_named() -> None:
    rooms = np.array([1, 14, 3, 15, 16, 17, 7, 8, 99])
    answers = ValuationClient(transport=ServiceInMemory()).value_each({"rooms": rooms, "zipcode": [98118] * 9})
    assert [a.reason if isinstance(a, HomeRefused) else a.price for a in answers] == [
        1, "rooms is 14", 3, "rooms is 15", "rooms is 16", "rooms is 17", 7, 8, "rooms is 99",
    ]  # fmt: skip


def ledger(folder: Path, **task: str) -> Ledger:
    return Ledger(folder / "v.csv", folder / "r.csv", task=task or {"model": "m"}, headers=(["a"], ["b"]))


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
    assert written(tmp_path) == {"v.csv": "a\n1\n"}
    with pytest.raises(UnusableFile, match="is there already"), ledger(tmp_path):
        pass


def test_another_task_does_not_go_on_with_the_files(tmp_path: Path) -> None:
    with ledger(tmp_path, model="m", file="f") as first:
        first.write([["1"]], [["2"]], 2, ["m"])
    with pytest.raises(UnusableFile, match="begun with another file: take it up as it was begun, or remove"):
        ledger(tmp_path, model="m", file="g").__enter__()
    assert written(tmp_path) == {"v.csv": "a\n1\n", "r.csv": "b\n2\n"}


def test_two_runs_do_not_write_the_same_files(tmp_path: Path) -> None:
    with ledger(tmp_path), pytest.raises(UnusableFile, match="another run is writing"):
        ledger(tmp_path).__enter__()


def test_rows_that_are_gone_are_noticed(tmp_path: Path) -> None:
    with ledger(tmp_path) as first:
        first.write([["1"]], [], 1, ["m"])
    (tmp_path / "v.csv").write_text("a\n")
    with pytest.raises(UnusableFile, match=r"v\.csv lacks rows that were written"):
        ledger(tmp_path).__enter__()


@pytest.mark.parametrize("text", ["", "{", "[]", '{"rows": 1}'])
def test_damaged_progress_is_said_to_be_damaged(tmp_path: Path, text: str) -> None:
    (tmp_path / "v.csv.progress").write_text(text)
    with pytest.raises(UnusableFile, match="is damaged: remove"):
        ledger(tmp_path).__enter__()


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(UnusableFile, match="cannot be written: No such file"):
        ledger(tmp_path / "none").__enter__()


def test_valued_and_rejected_homes_need_two_files(tmp_path: Path) -> None:
    path = tmp_path / "v.csv"
    with pytest.raises(UnusableFile, match="name two files"):
        Ledger(path, path, task={}, headers=([], [])).__enter__()
