"""Writes both presentations as one HTML file each, and prints them to PDF with a headless Chromium."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from evaluation.findings import Findings
from evaluation.invented_homes import HOMES_FILE, ValuedHomes
from evaluation.metrics import Estimate
from evaluation.slides import SlidesError
from evaluation.slides.figures import Shown, shown

TEMPLATES = Path(__file__).with_name("templates")
TITLES = {"realtors": "What is this home worth?", "engineers": "Inside Sound Realty's valuation service"}

_BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
_PRINT_SECONDS = 120


class NoBrowserError(SlidesError):
    """Nothing can print a PDF; the message says what to install."""


def write_presentations(findings: Findings, homes: ValuedHomes, pictures: Path, folder: Path) -> Iterator[Path]:
    """Write both presentations into ``folder`` as HTML, then as PDF; yield each path as soon as it is written.

    The homes' prices are kept beside them for the next build. ``pictures`` is the folder of the evaluation's
    plots. Raises FiguresError, and NoBrowserError once the HTML is there.
    """
    figures = shown(findings, homes, pictures)
    folder.mkdir(parents=True, exist_ok=True)
    homes.write(folder / HOMES_FILE)
    pages = write_pages(figures, folder)
    yield from pages
    browser = find_browser()
    for page in pages:
        yield write_pdf(page, browser)


def write_pages(figures: Shown, folder: Path) -> list[Path]:
    """Fill both templates into ``folder`` and return the paths.

    Raises jinja2.UndefinedError when a template names something that is not there.
    """
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    environment.filters |= {"dollars": _dollars, "number": _number}
    written = []
    for name, title in TITLES.items():
        path = folder / f"{name}.html"
        path.write_text(environment.get_template(f"{name}.html").render(vars(figures), title=title) + "\n")
        written.append(path)
    return written


def _dollars(amount: float | Estimate) -> str:
    return f"${amount:,.0f}"


def _number(value: float | Estimate, spec: str = ",.0f") -> str:
    return format(value, spec)


def find_browser() -> str:
    """Return the path of a Chromium or Chrome. Raises NoBrowserError."""
    for name in _BROWSERS:
        if found := shutil.which(name):
            return found
    raise NoBrowserError("no PDF: install Chromium (Debian: apt-get install chromium) and build again")


def write_pdf(page: Path, browser: str) -> Path:
    """Print an HTML file to a PDF beside it and return the path. Raises subprocess.SubprocessError when that fails."""
    pdf = page.with_suffix(".pdf")
    with tempfile.TemporaryDirectory() as profile:
        command = [
            browser,
            "--headless",
            "--no-sandbox",  # in a container Chromium runs as root, and refuses to do so with a sandbox
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
