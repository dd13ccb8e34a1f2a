"""What holds for every page: it can be read by all, asks nobody else, and fits a telephone."""

from __future__ import annotations

from urllib.parse import urlencode

import pytest

from preprocessing.columns import EXAMPLE_HOME, REQUIRED_COLUMN_NAMES
from tests.browser.conftest import NARROW, WIDE, Opener, Window

FEW = {name: EXAMPLE_HOME[name] for name in REQUIRED_COLUMN_NAMES}
PAGES = {
    "an empty form": "/",
    "an answer": f"/?{urlencode(EXAMPLE_HOME)}",
    "an answer to little": f"/?{urlencode(FEW)}",
    "a refusal": f"/?{urlencode({**EXAMPLE_HOME, 'grade': 14, 'floors': 'two'})}",
    "a file to bring": "/homes",
    "no page": "/nowhere",
}


@pytest.mark.parametrize("path", PAGES.values(), ids=PAGES)
@pytest.mark.parametrize("size", [WIDE, NARROW], ids=["wide", "narrow"])
def test_everybody_can_read_it(open_window: Opener, path: str, size: dict[str, int]) -> None:
    window = open_window(viewport=size)
    window.open(path)
    for summary in window.page.locator("summary").all():
        summary.click()
    assert window.violations() == []
    assert not window.overflows()


def test_nothing_may_run_that_is_written_into_a_page(window: Window) -> None:
    reply = window.page.goto(window.address + "/")
    assert reply is not None
    policy = reply.headers["content-security-policy"]
    assert "unsafe" not in policy
    assert "default-src 'none'" in policy
    assert reply.headers["x-content-type-options"] == "nosniff"
    assert reply.headers["cache-control"] == "no-store"
