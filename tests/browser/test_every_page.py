"""What holds for every page: it can be read by all, asks nobody else, and fits a telephone."""

from __future__ import annotations

import pytest

from tests.browser.conftest import NARROW, WIDE, Opener, Window

PAGES = ["/", "/nowhere"]


@pytest.mark.parametrize("path", PAGES)
@pytest.mark.parametrize("size", [WIDE, NARROW], ids=["wide", "narrow"])
def test_everybody_can_read_it(open_window: Opener, path: str, size: dict[str, int]) -> None:
    window = open_window(viewport=size)
    window.open(path)
    assert window.violations() == []
    assert not window.overflows()


def test_nothing_may_run_that_is_written_into_a_page(window: Window) -> None:
    reply = window.page.goto(window.address + "/")
    assert reply is not None
    policy = reply.headers["content-security-policy"]
    assert "unsafe" not in policy
    assert "default-src 'none'" in policy
    assert reply.headers["x-content-type-options"] == "nosniff"
