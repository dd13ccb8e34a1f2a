"""A file of homes is valued in parts; broken off anywhere and taken up again, it comes out the same."""

from __future__ import annotations

import contextlib
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
from client.bulk import Alike, Layout, value_homes
from client.errors import HomeRefused, ServiceUnreachable, UnusableFile, WrongColumns
from client.homes_file import open_homes
from client.ledger import Ledger
from client.patience import Patience
from client.transports import Tensors
from client.valuation import OUTPUTS, Valuation, ValuationClient
from client.written import Form
from data.tabular.reader import Row
from data.tabular.workbook import MOST_ROWS, write_workbook
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
    layout = Layout.of(client, open_homes(homes), all_columns=False)
    files = (folder / "v.csv", folder / "r.csv")
    with Ledger(*files, task={"homes file": "1"}, headers=layout.headers, homes=layout.homes) as ledger:
        value_homes(client, layout, ledger, batch=batch, concurrency=concurrency, advanced=advanced)


def written(folder: Path) -> dict[str, str]:
    return {name: (folder / name).read_text() for name in ("v.csv", "r.csv") if (folder / name).exists()}


def expected(lines: list[str]) -> dict[str, str]:
    """Return what the outputs must say, written down without any batches."""
    valued, rejected = [f"line,{HEADER},price,price_low,price_high,price_model"], [f"line,reason,{HEADER}"]
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
            valued.append(f"{line},{text},{cells[1]}.00,{cells[1]}.00,{cells[1]}.00,m")
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


@pytest.mark.once
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
    with pytest.raises(WrongColumns, match=r"homes\.csv lacks: zipcode"):
        value(tmp_path, ServiceInMemory())
    assert written(tmp_path) == {}


def layout(folder: Path, *lines: str, all_columns: bool = False) -> Layout:
    homes = folder / "homes.csv"
    homes.write_text("\n".join(lines) + "\n")
    return Layout.of(ValuationClient(transport=ServiceInMemory()), open_homes(homes), all_columns)


def test_cells_are_sorted_into_what_can_be_sent_and_what_cannot(tmp_path: Path) -> None:
    rows = ["3,98118", "3,98118.5", ",nan", "4, 98199.0 ", "5,1e16", "5_000,\uff13", '"1,900",98118']
    found = layout(tmp_path, "rooms,zipcode", *rows)
    part = found.sort(list(found.table.rows()))
    assert part.alike == [Alike([0, 3, 6], {"rooms": [3.0, 4.0, 1900.0], "zipcode": [98118.0, 98199.0, 98118.0]})]
    assert part.faults == {
        1: "zipcode is '98118.5', but must be a whole number",
        2: "rooms is empty, but must be a number; zipcode is 'nan', but must be a whole number",
        4: "zipcode is '1e16', but must be a whole number",
        5: "rooms is '5_000', but must be a number; zipcode is '\uff13', but must be a whole number",
    }


def test_optional_columns_are_sent_on_demand(tmp_path: Path) -> None:
    names = "lat,rooms,zipcode"
    assert [entry.name for entry in layout(tmp_path, names).inputs] == ["rooms", "zipcode"]
    assert [entry.name for entry in layout(tmp_path, names, all_columns=True).inputs] == ["rooms", "zipcode", "lat"]


def test_an_empty_cell_of_an_optional_column_is_not_given(tmp_path: Path) -> None:
    found = layout(tmp_path, "rooms,zipcode,lat", "3,98118,47.5", "4,98118, ", "5,98118,47.6", all_columns=True)
    part = found.sort(list(found.table.rows()))
    assert part.alike == [
        Alike([0, 2], {"rooms": [3.0, 5.0], "zipcode": [98118.0, 98118.0], "lat": [47.5, 47.6]}),
        Alike([1], {"rooms": [4.0], "zipcode": [98118.0]}),
    ]
    client = ValuationClient(transport=ServiceInMemory())
    files = (tmp_path / "v.csv", tmp_path / "r.csv")
    with Ledger(*files, task={}, headers=found.headers, homes=found.homes) as ledger:
        value_homes(client, found, ledger, batch=None, concurrency=1, advanced=lambda: None)
    with files[0].open() as valued:
        assert [home["price"] for home in csv.DictReader(valued)] == ["3.00", "4.00", "5.00"]


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


def test_a_workbook_is_taken_up_where_it_stopped_and_leaves_nothing_beside(tmp_path: Path) -> None:
    homes, lines = tmp_path / "homes.xlsx", [["7", str(number % 17), "98118", "=red"] for number in range(30)]
    write_workbook(homes, [HEADER.split(","), *lines])
    files = (tmp_path / "v.xlsx", tmp_path / "r.xlsx")
    for service in (ServiceInMemory(requests_until_away=2), ServiceInMemory()):
        client = ValuationClient(transport=service, patience=Patience(0.0))
        layout, form = Layout.of(client, open_homes(homes), all_columns=False), Form.like(open_homes(homes), files[0])
        with (
            contextlib.suppress(ServiceUnreachable),
            Ledger(*files, task={}, headers=layout.headers, homes=layout.homes, form=form) as ledger,
        ):
            value_homes(client, layout, ledger, batch=4, concurrency=1, advanced=lambda: None)
    assert {path.name for path in tmp_path.iterdir()} == {"homes.xlsx", "v.xlsx", "r.xlsx"}
    valued, rejected = (open_homes(path) for path in files)
    assert valued.names == ("line", *HEADER.split(","), *OUTPUTS)
    assert rejected.names == ("line", "reason", *HEADER.split(","))
    found = [
        row.cells[1:5] if table is valued else row.cells[2:6] for table in (valued, rejected) for row in table.rows()
    ]
    assert sorted(found) == sorted(lines)


def test_more_homes_than_a_workbook_holds_are_refused_before_they_are_valued() -> None:
    form, output = Form(workbook=True), Path("v.xlsx")
    form.check_length(output, MOST_ROWS - 1)
    with pytest.raises(UnusableFile, match=r"name a \.csv"):
        form.check_length(output, MOST_ROWS)


def test_a_column_named_like_a_result_is_kept_under_another_name(tmp_path: Path) -> None:
    found = layout(tmp_path, "rooms,zipcode,price", "3,98118,500000")
    assert found.headers[0] == ["line", "rooms", "zipcode", "given_price", *OUTPUTS]
    (row,) = found.table.rows()
    assert found.valued(row, Valuation(1.0, 0.5, 2.0, "m")) == [2, "3", "98118", "500000", "1.00", "0.50", "2.00", "m"]
