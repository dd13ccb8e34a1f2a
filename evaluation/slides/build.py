"""Writes both presentations as one HTML file each, and prints them to PDF with a headless Chromium."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

from evaluation.slides import SlidesError
from evaluation.slides.figures import Figures, placeholders, read_figures
from evaluation.slides.invented_homes import Valued

TEMPLATES = Path(__file__).with_name("templates")
TITLES = {"realtors": "What is this home worth?", "engineers": "Inside Sound Realty's valuation service"}

_BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
_PRINT_SECONDS = 120


class NoBrowserError(SlidesError):
    """Nothing can print a PDF; the message says what to install."""


def build(figures: Path, valued: Valued, folder: Path) -> Iterator[Path]:
    """Write both presentations into ``folder`` as HTML, then as PDF; yields each path as soon as it is written.

    ``figures`` is what the evaluation wrote, its plots beside it. Raises FiguresError, and NoBrowserError
    once the HTML is there.
    """
    shown = placeholders(read_figures(figures), valued, figures.parent)
    pages = write_slides(shown, folder)
    yield from pages
    browser = find_browser()
    for page in pages:
        yield write_pdf(page, browser)


def write_slides(shown: Figures, folder: Path) -> list[Path]:
    """Fill both templates into ``folder``; returns the paths. Raises KeyError for a placeholder without a figure."""
    written = []
    for name, title in TITLES.items():
        path = folder / f"{name}.html"
        path.write_text(_page(title, (TEMPLATES / f"{name}.html").read_text().format_map(shown), shown["notice"]))
        written.append(path)
    return written


def _page(title: str, slides: str, notice: str) -> str:
    if notice:
        slides = slides.replace("</section>", f'<p class="notice">{notice}</p>\n</section>')
    style, script = ((TEMPLATES / name).read_text() for name in ("slides.css", "slides.js"))
    page = (TEMPLATES / "page.html").read_text()
    return page.format(title=title, style=style, slides=slides, script=script)


def find_browser() -> str:
    """The path of a Chromium or Chrome. Raises NoBrowserError."""
    for name in _BROWSERS:
        if found := shutil.which(name):
            return found
    raise NoBrowserError("no PDF: install Chromium (Debian: apt-get install chromium) and build again")


def write_pdf(page: Path, browser: str) -> Path:
    """Print an HTML file beside itself; returns the path. Raises subprocess.SubprocessError when the browser fails."""
    pdf = page.with_suffix(".pdf")
    with tempfile.TemporaryDirectory() as profile:
        command = [
            browser,
            "--headless",
            "--no-sandbox",  # Chromium refuses to run as root, as in a container, with one
            "--disable-gpu",
            "--disable-quic",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            "--no-first-run",
            "--no-pdf-header-footer",
            f"--user-data-dir={profile}",
            f"--print-to-pdf={pdf.resolve()}",
            page.resolve().as_uri(),
        ]
        subprocess.run(command, check=True, capture_output=True, timeout=_PRINT_SECONDS)
    return pdf
