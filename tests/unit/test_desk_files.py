"""Files of homes on the desk: what is kept of them, what they may take, and what is said about them."""

from __future__ import annotations

import io
import threading
import time
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import urllib3
import uvicorn

from desk.app import create
from desk.homes_preview import first_refused, first_valued
from desk.jobs import MOST_KEPT, MOST_RUNNING, Job, Jobs, NoRoom, sweep
from desk.many_homes import LONGEST_NAME, MOST_BYTES, _name
from desk.progress import Progress
from desk.settings import Settings
from desk.valuing import GIVEN, MOST_HOMES, REFUSED, VALUED, value
from preprocessing.columns import HOME_COLUMN_NAMES
from serving.ports import ANY_FREE, free


@pytest.fixture(autouse=True)
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Let the desk keep its files in a folder of the test's own."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    return tmp_path


@pytest.fixture
def nobody() -> str:
    """Return an address where no service is."""
    return f"http://127.0.0.1:{free(ANY_FREE).http}"


@pytest.fixture
def jobs(nobody: str) -> Iterator[Jobs]:
    jobs = Jobs(nobody)
    yield jobs
    jobs.close()


class Pages:
    """Ask a desk as a browser would, without following where it leads."""

    def __init__(self, address: str) -> None:
        self._address = address

    def get(self, path: str) -> urllib3.BaseHTTPResponse:
        return urllib3.request("GET", self._address + path, redirect=False)

    def post(self, path: str, name: str, content: bytes, **headers: str) -> urllib3.BaseHTTPResponse:
        fields = {"file": (name, content)}
        return urllib3.request("POST", self._address + path, fields=fields, headers=headers, redirect=False)


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pages]:
    """Run a desk whose service is away."""
    ports = free(ANY_FREE)
    settings = Settings(service_url=f"http://127.0.0.1:{ports.grpc}", served=tmp_path_factory.mktemp("served"))
    server = uvicorn.Server(uvicorn.Config(create(settings), port=ports.http, log_level="warning"))
    thread = threading.Thread(target=server.run)
    thread.start()
    until(lambda: server.started)
    yield Pages(f"http://127.0.0.1:{ports.http}")
    server.should_exit = True
    thread.join()


def until(met: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not met():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_what_is_written_of_a_run_is_read_again(tmp_path: Path) -> None:
    assert Progress.read(tmp_path) == Progress()
    progress = Progress("valuing", 300, 200, 3, price_models={"m": 197})
    progress.write(tmp_path)
    assert Progress.read(tmp_path) == progress
    assert (progress.percent, progress.valued, progress.over) == (66, 197, False)


def test_a_file_whose_service_is_away_is_told_so_and_blamed_for_nothing(tmp_path: Path, nobody: str) -> None:
    (tmp_path / GIVEN).write_text("bedrooms\n3\n")
    value(tmp_path, nobody, "mine.csv")
    progress = Progress.read(tmp_path)
    assert (progress.stage, progress.by_file) == ("failed", False)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "mine.csv is empty"),
        (b"\0\1\2\3", "mine.csv is not text"),
        (b"\xd0\xcf\x11\xe0", "mine.csv is an old Excel file"),
        (b"PK\x03\x04 but no more", "mine.csv cannot be read as an Excel workbook"),
    ],
)
def test_what_is_no_table_is_refused_by_the_name_that_its_owner_knows(
    tmp_path: Path, nobody: str, content: bytes, reason: str
) -> None:
    (tmp_path / GIVEN).write_bytes(content)
    value(tmp_path, nobody, "mine.csv")
    progress = Progress.read(tmp_path)
    assert (progress.stage, progress.by_file) == ("failed", True)
    assert progress.said.startswith(reason)
    assert str(tmp_path) not in progress.said


def test_a_workbook_that_unpacks_to_more_than_any_table_is_not_unpacked(tmp_path: Path, nobody: str) -> None:
    with zipfile.ZipFile(tmp_path / GIVEN, "w", zipfile.ZIP_DEFLATED) as packed, packed.open("sheet", "w") as sheet:
        for _ in range(500):
            sheet.write(bytes(1 << 20))
    value(tmp_path, nobody, "bomb.xlsx")
    assert "bomb.xlsx unpacks to 500 MB" in Progress.read(tmp_path).said


def test_only_a_few_files_are_valued_at_once_and_few_are_kept(jobs: Jobs, monkeypatch: pytest.MonkeyPatch) -> None:
    def halted(job: Job, service: str, api_key: str | None) -> None:
        if job.name == "slow":
            job.gone.wait(60)
        Progress("done").write(job.folder)

    monkeypatch.setattr("desk.jobs._value", halted)
    slow = [jobs.receive(io.BytesIO(b"x"), "slow", None) for _ in range(MOST_RUNNING)]
    with pytest.raises(NoRoom):
        jobs.receive(io.BytesIO(b"x"), "another", None)
    for job in slow:
        job.gone.set()
    kept: list[Job] = []
    for number in range(MOST_KEPT + 1):
        until(lambda: sum(not job.progress.over for job in [*kept, *slow] if job.folder.exists()) < MOST_RUNNING)
        kept.append(jobs.receive(io.BytesIO(b"x"), str(number), None))
    until(lambda: not kept[0].folder.exists())
    assert jobs.find(kept[0].key) is None
    assert jobs.find(kept[-1].key) is kept[-1]


def test_a_file_is_gone_after_a_while_and_when_the_desk_ends(
    nobody: str, temporary: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("desk.jobs._value", lambda job, *_: Progress("done").write(job.folder))
    forgetful, keeping = Jobs(nobody, kept_s=0.0), Jobs(nobody)
    job, kept = (jobs.receive(io.BytesIO(b"x"), "f", None) for jobs in (forgetful, keeping))
    until(lambda: not job.folder.exists())
    assert forgetful.find(job.key) is None
    assert keeping.find(kept.key) is kept
    sweep()  # takes nothing from a desk that runs
    assert kept.folder.exists()
    forgetful.close()
    keeping.close()
    assert list(temporary.iterdir()) == []


def test_what_a_killed_desk_left_behind_is_removed_by_the_next(nobody: str, temporary: Path) -> None:
    killed = Jobs(nobody)
    killed._lock_file.close()
    assert len(list(temporary.iterdir())) == 1
    Jobs(nobody).close()
    assert list(temporary.iterdir()) == []


def test_names_of_files_say_nothing_that_a_page_or_a_header_would_obey() -> None:
    assert _name("C:\\Users\\me\\homes.csv") == "homes.csv"
    assert _name("../../etc/passwd") == "passwd"
    assert _name('a<script>"x".csv') == "ascriptx.csv"
    assert _name("new\r\nline\0.csv") == "newline.csv"
    assert len(_name("é" * 500 + ".xlsx")) == LONGEST_NAME + len(".xlsx")


def test_a_guessed_address_leads_nowhere(pages: Pages) -> None:
    for address in ("/homes/x", "/homes/" + "A" * 22, "/homes/..%2f..%2fetc", "/homes/" + "A" * 22 + "/valued"):
        assert pages.get(address).status == 404


def test_what_cannot_be_taken_is_said_beside_the_field(pages: Pages) -> None:
    for name, content, status, said in (
        ("", b"", 400, b"Choose a file first"),
        ("a<b>.csv", b"", 400, b"ab.csv is empty"),
        ("l.csv", bytes(MOST_BYTES + (1 << 17)), 413, b"larger than 20 MB"),
    ):
        answer = pages.post("/homes", name, content)
        assert answer.status == status
        assert said in answer.data


def test_another_sites_page_brings_no_file(pages: Pages) -> None:
    assert pages.post("/homes", "f.csv", b"bedrooms\n3\n", **{"Sec-Fetch-Site": "cross-site"}).status == 403


def test_the_table_to_fill_in_has_every_column(pages: Pages) -> None:
    header, example = pages.get("/homes/template.csv").data.decode().splitlines()
    assert header.split(",") == list(HOME_COLUMN_NAMES)
    assert len(example.split(",")) == len(HOME_COLUMN_NAMES)
    assert f"{MOST_HOMES:,}" in pages.get("/homes").data.decode()


def test_the_first_rows_are_shown_in_the_files_own_notation(tmp_path: Path) -> None:
    (tmp_path / VALUED).write_text(
        "line;bedrooms;sqft_living;zipcode;colour;price;price_low;price_high;price_model\n"
        "2;3;1900;98118;=1+1;433200,50;290532,81;633670,19;m\n"
    )
    (row,) = first_valued(tmp_path / VALUED)
    assert (row.line, row.home, row.price) == ("2", "3 bd, 1,900 sq ft, 98118", 433_200.5)
    assert row.address == "/?bedrooms=3&sqft_living=1900&zipcode=98118"
    (tmp_path / REFUSED).write_text("line,reason,zipcode\n7,zipcode is '<b>',<b>\n")
    (refused,) = first_refused(tmp_path / REFUSED)
    assert (refused.line, refused.reason) == ("7", "zipcode is '<b>'")
