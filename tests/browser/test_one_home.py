"""An agent values one home: form, answer, refusal, link, print, and what happens when something is not as it should."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import parse_qsl, urlencode, urlsplit

import pytest

from client.valuation import ValuationClient
from desk.wording import dollars
from preprocessing.columns import EXAMPLE_HOME, HOME_COLUMN_NAMES, OPTIONAL_COLUMN_NAMES, REQUIRED_COLUMN_NAMES
from preprocessing.demographics import Demographics
from publishing.ensure import prepare
from publishing.repository import PRICE_MODEL, served
from serving.embedded import EmbeddedServer
from serving.ports import ANY_FREE, free
from tests.browser.conftest import Opener, Window, running_desk
from tests.conftest import remove_newest

ANSWER = f"/?{urlencode(EXAMPLE_HOME)}"
FEW = {name: EXAMPLE_HOME[name] for name in REQUIRED_COLUMN_NAMES}
SCRIPT = '"><script>alert(1)</script><img src=x onerror=alert(1)>'


def fill(window: Window, home: dict[str, float]) -> None:
    """Type a home into the form."""
    for name, value in home.items():
        box = window.page.locator(f"#{name}")
        box.select_option(f"{value:g}") if box.evaluate("box => box.tagName") == "SELECT" else box.fill(f"{value:.10g}")


def headline(window: Window) -> str:
    return window.page.locator("#answer h1").inner_text()


def test_an_agent_fills_the_form_and_gets_what_the_service_says(window: Window, triton: EmbeddedServer) -> None:
    with ValuationClient(triton.http_address, model="market_analysis") as client:
        (analysis,) = client.analyse([EXAMPLE_HOME])
    page = window.open("/")
    fill(window, EXAMPLE_HOME)
    page.get_by_role("button", name="Value this home").click()
    page.wait_for_selector("#answer")
    assert dict(parse_qsl(urlsplit(page.url).query)).keys() == EXAMPLE_HOME.keys()
    text = page.locator("#answer").inner_text()
    for amount in (analysis.price, analysis.price_low, analysis.price_high, analysis.reference_price):
        assert dollars(amount) in text
    for comparable in analysis.comparables:
        assert dollars(comparable.adjusted_price) in text
    assert page.locator("tr[data-number]").count() == len(analysis.comparables) > 0
    assert page.locator(".waterfall tbody tr").count() == 2 + sum(reason.dollars != 0 for reason in analysis.reasons)
    assert f"{analysis.confidence.capitalize()} confidence" in text
    assert "an estimate, not an appraisal" in text.lower()
    assert page.evaluate("document.activeElement.id") == "answer"  # a screen reader is led to it
    assert page.title().startswith(dollars(analysis.price))


def test_reasons_add_up_and_what_would_change_it_is_asked_of_the_service(
    window: Window, triton: EmbeddedServer
) -> None:
    page = window.open(ANSWER)
    figures = [
        int(re.sub(r"[^\d-]", "", text.replace("\N{MINUS SIGN}", "-")))
        for text in page.locator(".waterfall td.figure").all_inner_texts()
    ]
    assert sum(figures[:-1]) == figures[-1]
    with ValuationClient(triton.http_address, model="house_price_minimal") as client:
        (better,) = client.value([{**EXAMPLE_HOME, "grade": EXAMPLE_HOME["grade"] + 1}])
    row = page.locator(".variants tr", has_text="8 (good)")
    assert dollars(better.price) in row.inner_text()


def test_what_was_not_told_may_be_told_later_and_narrows_the_range(window: Window) -> None:
    page = window.open(f"/?{urlencode(FEW)}")
    section = page.locator("section", has=page.get_by_role("heading", name="What would make it more certain"))
    assert re.search(r"Tell .* and the range shrinks to about ±\d+%", section.inner_text())
    assert "Latitude and longitude were not both given" in page.locator("#answer").inner_text()


def test_it_works_with_the_keyboard_alone(window: Window) -> None:
    page = window.open("/")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    page.locator("#bedrooms").focus()
    reached = []
    for _ in range(40):
        name = page.evaluate("document.activeElement.name || ''")
        if name in EXAMPLE_HOME:
            reached.append(name)
            page.keyboard.type(f"{EXAMPLE_HOME[name]:.10g}")
        if page.evaluate("document.activeElement.type") == "submit":
            page.keyboard.press("Enter")
            break
        page.keyboard.press("Tab")
    assert sorted(reached) == sorted(EXAMPLE_HOME)
    page.wait_for_selector("#answer")


def test_it_works_without_scripts(open_window: Opener) -> None:
    window = open_window(java_script_enabled=False)
    page = window.open("/")
    fill(window, FEW)
    page.get_by_role("button", name="Value this home").click()
    assert "$" in headline(window)
    assert dict(parse_qsl(urlsplit(page.url).query)).keys() == FEW.keys()  # without what was left empty
    page = window.open(ANSWER)
    assert page.locator("svg.sketch").is_visible()


def test_a_click_on_the_map_sets_the_place(window: Window) -> None:
    page = window.open("/")
    page.locator("#place-map").click(position={"x": 200, "y": 150})
    lat, long = (float(page.locator(f"#{name}").input_value()) for name in ("lat", "long"))
    assert 47 < lat < 47.9 and -122.6 < long < -121
    page.locator("#lat").fill("47.6")
    page.locator("#lat").press("Tab")
    assert page.locator("#place-map .here").count() == 1


@pytest.mark.parametrize(
    ("change", "field", "words"),
    [
        ({"grade": "14"}, "grade", "is 14, allowed is a whole number from 1 to 13"),
        ({"zipcode": "10001"}, "zipcode", "is 10001, allowed is one of the known ZIP codes"),
        ({"sqft_living": "3000"}, "sqft_living", "do not add up"),
        ({"bathrooms": "two"}, "bathrooms", "must be a number"),
        ({"floors": ""}, "floors", "is needed"),
    ],
    ids=["range", "ZIP code", "sum", "number", "missing"],
)
def test_a_refusal_stands_beside_its_field(window: Window, change: dict[str, str], field: str, words: str) -> None:
    page = window.open(f"/?{urlencode({**EXAMPLE_HOME, **change})}")
    box = page.locator(f"#{field}")
    assert box.get_attribute("aria-invalid") == "true"
    described = (box.get_attribute("aria-describedby") or "").split()
    assert any(words in page.locator(f"#{one}").inner_text() for one in described)
    assert page.locator("#answer").count() == 0
    link = page.locator(f"#refusal a[href='#{field}']")
    assert words in link.inner_text()
    link.click()
    assert page.evaluate("location.hash") == f"#{field}"


@pytest.mark.parametrize("where", [*HOME_COLUMN_NAMES, "was", "by", "elsewhere"])
def test_what_is_typed_is_never_taken_for_the_page(window: Window, where: str) -> None:
    window.page.on("dialog", lambda dialog: pytest.fail(f"a script ran: {dialog.message}"))
    page = window.open(f"/?{urlencode({**EXAMPLE_HOME, where: SCRIPT})}")
    assert page.locator("img[onerror]").count() == 0
    assert "<script>alert" not in page.content()


def test_figures_may_be_typed_as_people_write_them(window: Window) -> None:
    page = window.open(f"/?{urlencode({**EXAMPLE_HOME, 'sqft_living': '1,900', 'sqft_lot': ' 6,000 '})}")
    assert "$" in headline(window)
    assert page.locator("#sqft_living").input_value() == "1900"


def test_the_market_is_said_to_be_made_up(window: Window, files: object) -> None:
    window.open(ANSWER)
    assert (window.page.locator(".standin").count() == 1) == files.standin  # type: ignore[attr-defined]


def test_the_print_out_has_two_pages(window: Window, tmp_path: Path) -> None:
    page = window.open(ANSWER)
    printed = page.pdf(path=tmp_path / "answer.pdf", prefer_css_page_size=True)
    assert len(re.findall(rb"/Type\s*/Page[^s]", printed)) == 2
    page.emulate_media(media="print")
    assert not page.locator("#home").is_visible()
    assert page.locator("svg.sketch").is_visible()


def test_a_service_that_is_away_is_said_and_the_entries_are_kept(open_window: Opener, tmp_path: Path) -> None:
    with running_desk(f"127.0.0.1:{free(ANY_FREE).http}", tmp_path) as address:
        window = open_window(address)
        page = window.open(ANSWER)
        assert "The valuation service is away" in page.locator("h1").inner_text()
        again = page.get_by_role("link", name="Try again").get_attribute("href")
        assert again and dict(parse_qsl(again.partition("?")[2])).keys() == EXAMPLE_HOME.keys()
        assert window.violations() == []
        # Filled in by hand, with scripts, too.
        window.open("/")
        fill(window, FEW)
        page.get_by_role("button", name="Value this home").click()
        page.wait_for_selector("text=The valuation service is away")


def test_every_optional_field_may_be_left_out(window: Window) -> None:
    for name in OPTIONAL_COLUMN_NAMES:
        home = {column: value for column, value in EXAMPLE_HOME.items() if column != name}
        window.open(f"/?{urlencode(home)}")
        assert "$" in headline(window), name


def test_a_link_says_what_it_said_when_another_version_took_over(
    window: Window, triton: EmbeddedServer, desk_repository: Path, demographics: Demographics
) -> None:
    """The last test: it rolls back to the basic model, which knows no grade and is unsure."""
    page = window.open(ANSWER)
    before, told = headline(window), page.locator("#answer").inner_text()
    link = page.locator("#link").get_attribute("href")
    assert link
    window.open(link)
    assert page.get_by_text("A newer model answers now").count() == 0
    remove_newest(served(desk_repository) / PRICE_MODEL)
    prepare(desk_repository, demographics)
    for _ in range(100):
        window.open(link)
        if page.get_by_text("A newer model answers now").count():
            break
        page.wait_for_timeout(300)
    said = page.locator("#answer").inner_text()
    (price,) = re.findall(r"When this link was made, the estimate was (\$[\d,]+)", " ".join(said.split()))
    assert price in told
    assert headline(window) != before
