"""A file of homes, as its owner sees it: dropped, valued, fetched again; with scripts and without."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from client.bulk import value_homes
from client.file_run import open_run
from client.homes_file import open_homes
from client.valuation import OUTPUTS, ValuationClient
from data.files import DataFiles
from data.tabular.workbook import write_workbook
from preprocessing.columns import HOME_COLUMN_NAMES
from serving.embedded import EmbeddedServer
from tests.browser.conftest import NARROW, Opener, Window

HOMES = 30
BAD = {3: ("grade", "14", "grade is 14"), 5: ("bedrooms", "<img src=x onerror=alert(1)>", "bedrooms is '<img")}
"""What is put into which column on which line of a file, and the reason that it gets."""
UNKNOWN = {4: "view", 9: "lat"}
"""The cells that are emptied: what is not known is no reason to refuse a home."""
TIME_MS = 60_000


@pytest.fixture(scope="module")
def rows(files: DataFiles) -> list[list[str]]:
    """Return a file's rows: sold homes, of which a few cannot be valued."""
    with files.sales.open(newline="") as file:
        sales = [row for row, _ in zip(csv.DictReader(file), range(HOMES), strict=False)]
    names = ["id", *HOME_COLUMN_NAMES]
    for line, (name, cell, _) in BAD.items():
        sales[line - 2][name] = cell
    for line, name in UNKNOWN.items():
        sales[line - 2][name] = ""
    return [names, *([sale[name] for name in names] for sale in sales)]


def write(path: Path, rows: list[list[str]]) -> Path:
    if path.suffix == ".xlsx":
        write_workbook(path, rows)
    else:
        with path.open("w", newline="") as file:
            csv.writer(file).writerows(rows)
    return path


def bring(page: Page, path: Path) -> None:
    page.set_input_files("#file", path)
    page.get_by_role("button", name="Value these homes").click()


def fetched(page: Page, link: str, folder: Path) -> Path:
    with page.expect_download() as download:
        page.get_by_role("link", name=link).click()
    path = folder / download.value.suggested_filename
    download.value.save_as(path)
    return path


@pytest.mark.parametrize("suffix", [".csv", ".xlsx"])
def test_a_file_comes_back_with_prices_as_the_command_would_write_it(
    window: Window, triton: EmbeddedServer, rows: list[list[str]], tmp_path: Path, suffix: str
) -> None:
    homes = write(tmp_path / f"homes{suffix}", rows)
    page = window.open("/homes")
    bring(page, homes)
    expect(page.get_by_role("heading", name=f"{HOMES - len(BAD)} of {HOMES} homes have a price")).to_be_visible(
        timeout=TIME_MS
    )
    valued = fetched(page, "Download the file with prices", tmp_path)
    refused = fetched(page, f"Download the {len(BAD)} refused rows", tmp_path)
    assert (valued.name, refused.name) == (f"homes.valued{suffix}", f"homes.refused{suffix}")
    expected = tmp_path / f"expected{suffix}"
    client = ValuationClient(triton.http_address, model="house_price_minimal")
    with client, open_run(client, homes, expected, all_columns=True) as run:
        value_homes(client, run.layout, run.ledger, batch=None, concurrency=1, advanced=lambda: None)
    for ours, theirs in ((valued, expected), (refused, run.rejected)):
        assert [row.cells for row in open_homes(ours).rows()] == [row.cells for row in open_homes(theirs).rows()]
    assert open_homes(valued).names == ("line", *rows[0], *OUTPUTS)
    for line, (_, _, reason) in BAD.items():
        expect(page.get_by_role("row", name=str(line)).filter(has_text=reason)).to_be_visible()
    assert window.violations() == []


def test_progress_is_told_and_the_file_can_be_taken_back(window: Window, rows: list[list[str]], tmp_path: Path) -> None:
    page = window.open("/homes")
    bring(page, write(tmp_path / "many.csv", [rows[0], *rows[1:] * 1_500]))
    expect(page.get_by_role("progressbar")).to_be_visible()
    assert window.violations() == []
    address = page.url
    page.get_by_role("button", name="Stop and remove").click()
    expect(page).to_have_url(f"{window.address}/homes")
    gone = page.goto(address)
    assert gone is not None
    assert gone.status == 404


def test_without_scripts_the_page_asks_again_by_itself(
    open_window: Opener, rows: list[list[str]], tmp_path: Path
) -> None:
    window = open_window(java_script_enabled=False, viewport=NARROW)
    page = window.open("/homes")
    bring(page, write(tmp_path / "homes.csv", rows))
    expect(page.get_by_role("link", name="Download the file with prices")).to_be_visible(timeout=TIME_MS)


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("no table.csv", b"\x00\x01\x02", "no table.csv is not text"),
        ("photo.xlsx", b"PK\x03\x04 and no workbook", "photo.xlsx cannot be read as an Excel workbook"),
        ("<img src=x onerror=alert(1)>.csv", b"bedrooms\n3\n", "needs columns that"),
    ],
)
def test_what_is_no_file_of_homes_is_refused_in_words(
    window: Window, tmp_path: Path, name: str, content: bytes, said: str
) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    page = window.open("/homes")
    bring(page, path)
    expect(page.get_by_role("alert").filter(has_text=said)).to_be_visible(timeout=TIME_MS)
    assert page.locator("main img").count() == 0
    assert window.violations() == []
    assert not window.overflows()


def test_a_file_that_is_too_large_is_told_so_before_it_is_sent(window: Window, tmp_path: Path) -> None:
    large = tmp_path / "large.csv"
    with large.open("wb") as file:
        file.truncate((20 << 20) + 1)
    page = window.open("/homes")
    page.set_input_files("#file", large)
    expect(page.get_by_role("alert")).to_contain_text("larger than 20 MB")
    page.get_by_role("button", name="Value these homes").click()
    expect(page).to_have_url(f"{window.address}/homes")
