"""The slides: every figure from the evaluation, nothing fetched from elsewhere, one page a slide."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from data.standin import standin_data
from evaluation.slides.__main__ import FIGURES, HOMES, SLIDES, app
from evaluation.slides.build import TEMPLATES, TITLES, NoBrowserError, find_browser, write_pdf, write_slides
from evaluation.slides.figures import Figures, FiguresError, placeholders, read_figures
from evaluation.slides.invented_homes import INVENTED, read_valued, value_invented
from training.sales import Sales
from training.valuer import Valuer, train

PLACEHOLDER = re.compile(r"\{[^{}]*\}")
TAG = re.compile(r"<[^>]*>")
NUMBER = re.compile(r"(?<!\w)\d[\d.,]*")
EMBEDDED = re.compile(r"data:[^\"]+")
NO_MEASUREMENT = {"100", "400"}
"""A hundred homes to count among, and a status code."""


@pytest.fixture(scope="module")
def shown() -> Figures:
    return placeholders(read_figures(FIGURES), read_valued(HOMES), FIGURES.parent)


@pytest.fixture(scope="module")
def pages(shown: Figures, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return {page.stem: page for page in write_slides(shown, tmp_path_factory.mktemp("slides"))}


@pytest.mark.parametrize("name", TITLES)
def test_no_figure_is_typed_by_hand(name: str) -> None:
    words = TAG.sub(" ", PLACEHOLDER.sub(" ", (TEMPLATES / f"{name}.html").read_text()))
    assert {number.rstrip(".,") for number in NUMBER.findall(words)} <= NO_MEASUREMENT


@pytest.mark.parametrize("name", TITLES)
def test_every_placeholder_is_filled_with_a_figure(name: str, pages: dict[str, Path]) -> None:
    slides = EMBEDDED.sub("", "".join(re.findall(r"<section>.*?</section>", pages[name].read_text(), re.DOTALL)))
    assert not re.search(r"\bnan\b|\binf\b|None|object at 0x|Namespace", slides)
    assert f"${round(read_valued(HOMES).homes[0].full.price, -3):,.0f}" in slides or name == "engineers"


@pytest.mark.parametrize("name", TITLES)
def test_nothing_is_fetched(name: str, pages: dict[str, Path]) -> None:
    page = pages[name].read_text()
    sources = re.findall(r'(?:src|href)="([^"]+)"', page)
    assert sources
    assert all(source.startswith("data:image/") for source in sources)
    assert not re.search(r"url\(|@import|fetch\(|<link", EMBEDDED.sub("", page))


@pytest.mark.parametrize("name", TITLES)
def test_the_slides_in_the_repository_are_those_of_its_figures(name: str, pages: dict[str, Path]) -> None:
    """The text; charts differ in their bytes from one version of matplotlib to the next."""
    built, kept = (EMBEDDED.sub("", page.read_text()) for page in (pages[name], SLIDES / f"{name}.html"))
    assert kept == built, "build the slides again: python -m evaluation.slides"


def test_slides_of_the_stand_in_market_say_so_each(shown: Figures, tmp_path: Path) -> None:
    for page in write_slides({**shown, "notice": "Stand-in market"}, tmp_path):
        text = page.read_text()
        assert text.count('<p class="notice">Stand-in market</p>') == text.count("<section>") > 10


def test_homes_and_figures_must_come_from_the_same_data(tmp_path: Path) -> None:
    figures = read_figures(FIGURES)
    figures["data"]["fingerprint"] = "0123456789ab"
    with pytest.raises(FiguresError, match=r"the figures come from 0123456789ab: build without --as-valued"):
        placeholders(figures, read_valued(HOMES), FIGURES.parent)


def test_a_model_that_reads_demographics_contradicts_the_slides(tmp_path: Path) -> None:
    figures = json.loads(FIGURES.read_text())
    for found in figures["importance"]["improved"]:
        found["dollars"] = 1_234.0
    (tmp_path / "figures.json").write_text(json.dumps(figures))
    with pytest.raises(FiguresError, match=r"\$1,234"):
        read_figures(tmp_path / "figures.json")


def test_missing_figures_say_how_to_write_them(tmp_path: Path) -> None:
    with pytest.raises(FiguresError, match="python -m evaluation report"):
        read_figures(tmp_path / "figures.json")


def test_without_a_browser_the_pages_are_written_and_the_message_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    result = CliRunner().invoke(app, ["--as-valued", "--figures", str(FIGURES), "--output", str(tmp_path)])
    assert isinstance(result.exception, NoBrowserError)
    assert "apt-get install chromium" in str(result.exception)
    assert {page.name for page in tmp_path.glob("*.html")} == {f"{name}.html" for name in TITLES}


@pytest.mark.slow
def test_a_pdf_has_one_page_a_slide(pages: dict[str, Path]) -> None:
    try:
        browser = find_browser()
    except NoBrowserError as error:
        pytest.skip(str(error))
    for page in pages.values():
        printed = write_pdf(page, browser).read_bytes()
        assert len(re.findall(rb"/Type\s*/Page\b", printed)) == page.read_text().count("<section>")


def quickly_trained(sales: Sales) -> Valuer:
    return train("improved", sales[:1_500], rounds=20)


@pytest.mark.training
def test_invented_homes_are_valued_by_a_trained_model(tmp_path: Path) -> None:
    valued = value_invented(standin_data(), quickly_trained)
    assert [home.title for home in valued.homes] == list(INVENTED)
    for home in valued.homes:
        assert 0 < home.full.low < home.full.price < home.full.high
        assert 0 < home.required.low < home.required.price < home.required.high
        assert home.full != home.required
    valued.write(tmp_path / "homes.json")
    assert read_valued(tmp_path / "homes.json") == valued
