"""``python -m docs.presentation``: values three invented homes and writes both presentations."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.logging import RichHandler

from data.files import DataError
from data.standin import find_or_generate
from docs.presentation.build import NoBrowserError, find_browser, write_pdf, write_slides
from docs.presentation.figures import FiguresError, placeholders, read_figures
from docs.presentation.homes import read_valued, value_invented

HERE = Path(__file__).resolve().parent
FIGURES = HERE.parent / "evaluation" / "figures.json"
HOMES = HERE / "homes.json"

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
console = Console()
errors = Console(stderr=True)


@app.command()
def build(
    figures: Annotated[Path, typer.Option(help="What the evaluation wrote; its plots lie beside it.")] = FIGURES,
    output: Annotated[Path, typer.Option(help="Folder for the slides.")] = HERE,
    as_valued: Annotated[bool, typer.Option(help="Take the homes' prices from the last build, train nothing.")] = False,
) -> None:
    """Write both presentations as HTML and PDF from the evaluation's figures."""
    found = read_figures(figures)
    if not as_valued:
        value_invented(find_or_generate()).write(HOMES)
    output.mkdir(parents=True, exist_ok=True)
    pages = write_slides(placeholders(found, read_valued(HOMES), figures.parent), output)
    for page in pages:
        console.print(f"wrote {page}", soft_wrap=True)
    browser = find_browser()
    for page in pages:
        console.print(f"wrote {write_pdf(page, browser)}", soft_wrap=True)


def main() -> None:
    """Run the command line; what is wrong is one message and exit code 1."""
    handler = RichHandler(console=errors, show_path=False, show_time=False, show_level=False, markup=False)
    logging.basicConfig(level=logging.INFO, format="%(message)s", handlers=[handler])
    try:
        app()
    except (DataError, FiguresError, NoBrowserError) as error:
        errors.print(str(error), markup=False, highlight=False, soft_wrap=True)
        raise SystemExit(1) from error


if __name__ == "__main__":
    main()
