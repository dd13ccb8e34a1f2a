"""The model's page, with its card and without, and the page for those who call the service by program."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import expect

from publishing.card import newest_known
from publishing.repository import PRICE_MODEL, served
from serving.embedded import EmbeddedServer
from tests.browser.conftest import NARROW, WIDE, Opener, Window, running_desk


@pytest.mark.parametrize("size", [WIDE, NARROW], ids=["wide", "narrow"])
def test_the_model_tells_what_it_is_and_how_good(
    open_window: Opener, desk_repository: Path, size: dict[str, int]
) -> None:
    window, known = open_window(viewport=size), newest_known(served(desk_repository) / PRICE_MODEL)
    assert known is not None
    card = known[1]
    page = window.open("/model")
    main = page.get_by_role("main")
    expect(main).to_contain_text(card.price_model)
    expect(main).to_contain_text(f"Half of its prices are within {card.held_out.mdape:.1f}%")
    expect(main).to_contain_text("Where not to trust it")
    page.get_by_text("By ZIP code").click()
    expect(page.get_by_role("region", name="Accuracy by ZIP code").get_by_role("row")).not_to_have_count(1)
    assert window.violations() == []
    assert not window.overflows()


def test_without_a_card_it_says_so_and_without_a_service_too(
    open_window: Opener, triton: EmbeddedServer, tmp_path: Path
) -> None:
    with running_desk(triton.http_address, tmp_path) as address:
        window = open_window(address)
        page = window.open("/model")
        expect(page.get_by_role("main")).to_contain_text("The folder of the served versions cannot be read from here")
        assert window.violations() == []
    with running_desk("127.0.0.1:9", tmp_path) as address:
        window = open_window(address)
        page = window.open("/model")
        expect(page.get_by_role("alert")).to_contain_text("does not answer just now")
        assert window.violations() == []


@pytest.mark.parametrize("size", [WIDE, NARROW], ids=["wide", "narrow"])
def test_a_request_can_be_tried_where_it_is_described(open_window: Opener, size: dict[str, int]) -> None:
    window = open_window(viewport=size)
    page = window.open("/docs")
    operation = page.locator(".opblock-post").filter(has_text="house_price_minimal").filter(has_text="generate")
    operation.locator(".opblock-summary-control").click()
    operation.get_by_role("button", name="Execute").click()
    answer = operation.locator(".live-responses-table")
    expect(answer).to_contain_text("price_model")
    expect(answer.locator(".response-col_status").last).to_contain_text("200")
    assert not window.overflows()
    if size is WIDE:  # the rules take seconds for a page of this length
        assert window.violations() == []


def test_nothing_passes_to_the_service_but_what_is_described(window: Window) -> None:
    request = window.page.request
    assert request.get(f"{window.address}/v2/health/ready").status == 200
    for path in (
        "/v2/repository/index",
        "/v2/models/price_model/infer",
        "/v2/models/house_price/../price_model/config",
    ):
        assert request.post(window.address + path, data={}).status in (404, 405)
    large = request.post(f"{window.address}/v2/models/house_price/generate", data="1" * 500_001)
    assert large.status == 413
