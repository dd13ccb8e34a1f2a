"""The slides: every figure from the evaluation, nothing fetched from elsewhere, one page a slide."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

from data.standin import standin_data
from evaluation.findings import Findings
from evaluation.invented_homes import INVENTED, ValuedHomes, value_invented
from evaluation.slides.__main__ import FIGURES, HOMES, app
from evaluation.slides.build import TEMPLATES, TITLES, NoBrowserError, find_browser, write_pages, write_pdf
from evaluation.slides.figures import FiguresError, Shown, read_figures, shown
from training.improved import ImprovedModel, train_improved
from training.sales import Sales

PLACEHOLDER = re.compile(r"\{\{.*?\}\}|\{%.*?%\}")
TAG = re.compile(r"<[^>]*>")
NUMBER = re.compile(r"(?<!\w)\d[\d.,]*")
EMBEDDED = re.compile(r"data:[^\"]+")
NO_MEASUREMENT = {"100", "400"}
"""A hundred homes to count among, and a status code."""


@pytest.fixture(scope="module")
def findings() -> Findings:
    return read_figures(FIGURES)


@pytest.fixture(scope="module")
def homes() -> ValuedHomes:
    return ValuedHomes.read(HOMES)


@pytest.fixture(scope="module")
def figures(findings: Findings, homes: ValuedHomes) -> Shown:
    return shown(findings, homes, FIGURES.parent)


@pytest.fixture(scope="module")
def pages(figures: Shown, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return {page.stem: page for page in write_pages(figures, tmp_path_factory.mktemp("slides"))}


@pytest.mark.parametrize("name", TITLES)
def test_no_figure_is_typed_by_hand(name: str) -> None:
    words = TAG.sub(" ", PLACEHOLDER.sub(" ", (TEMPLATES / f"{name}.html").read_text()))
    assert {number.rstrip(".,") for number in NUMBER.findall(words)} <= NO_MEASUREMENT


@pytest.mark.parametrize("name", TITLES)
def test_every_placeholder_is_filled_with_a_figure(name: str, pages: dict[str, Path], homes: ValuedHomes) -> None:
    slides = EMBEDDED.sub("", "".join(re.findall(r"<section>.*?</section>", pages[name].read_text(), re.DOTALL)))
    assert not re.search(r"\bnan\b|\binf\b|None|object at 0x|Estimate\(|[{%]{2}", slides)
    assert f"${round(homes.homes[0].full.price, -3):,.0f}" in slides or name == "engineers"


@pytest.mark.parametrize("name", TITLES)
def test_nothing_is_fetched(name: str, pages: dict[str, Path]) -> None:
    page = pages[name].read_text()
    sources = re.findall(r'(?:src|href)="([^"]+)"', page)
    assert sources
    assert all(source.startswith("data:image/") for source in sources)
    assert not re.search(r"url\(|@import|fetch\(|<link", EMBEDDED.sub("", page))


def test_slides_of_the_stand_in_market_say_so_each(figures: Shown, tmp_path: Path) -> None:
    for page in write_pages(replace(figures, notice="Stand-in market"), tmp_path):
        text = page.read_text()
        assert text.count('<p class="notice">Stand-in market</p>') == text.count("<section>") > 10


def test_homes_and_figures_must_come_from_the_same_data(findings: Findings, homes: ValuedHomes) -> None:
    others = replace(homes, fingerprint="0123456789ab")
    with pytest.raises(FiguresError, match=r"valued from data 0123456789ab, .*: build without --as-valued"):
        shown(findings, others, FIGURES.parent)


def test_a_model_that_reads_demographics_contradicts_the_slides(findings: Findings, homes: ValuedHomes) -> None:
    read = [replace(one, dollars=1_234.0) for one in findings.importance["improved"]]
    other = replace(findings, importance={**findings.importance, "improved": read})
    with pytest.raises(FiguresError, match=r"\$1,234"):
        shown(other, homes, FIGURES.parent)


def test_figures_are_read_as_they_were_written(findings: Findings, tmp_path: Path) -> None:
    findings.write(tmp_path / "figures.json")
    assert read_figures(tmp_path / "figures.json") == findings


def test_figures_of_another_shape_are_refused_by_name(tmp_path: Path) -> None:
    figures = json.loads(FIGURES.read_text())
    del figures["resales"]["price_factor"]
    (tmp_path / "figures.json").write_text(json.dumps(figures))
    with pytest.raises(FiguresError, match=r"resales\.price_factor: Field required; write it anew with"):
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


def quickly_trained(sales: Sales) -> ImprovedModel:
    return train_improved(sales[:1_500], rounds=20)


@pytest.mark.training
def test_invented_homes_are_valued_by_a_trained_model(tmp_path: Path) -> None:
    valued = value_invented(standin_data(), quickly_trained)
    assert [home.title for home in valued.homes] == list(INVENTED)
    for home in valued.homes:
        assert 0 < home.full.low < home.full.price < home.full.high
        assert 0 < home.required.low < home.required.price < home.required.high
        assert home.full != home.required
    valued.write(tmp_path / "homes.json")
    assert ValuedHomes.read(tmp_path / "homes.json") == valued
