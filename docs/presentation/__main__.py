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
from docs.presentation import SlidesError
from docs.presentation.build import build as write
from docs.presentation.figures import read_figures
from docs.presentation.homes import HOMES_FILE, read_valued, value_invented

HERE = Path(__file__).resolve().parent
FIGURES = HERE.parent / "evaluation" / "figures.json"
HOMES = HERE / HOMES_FILE

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
    read_figures(figures)  # before minutes of training
    output.mkdir(parents=True, exist_ok=True)
    if as_valued:
        valued = read_valued(HOMES)
    else:
        valued = value_invented(find_or_generate())
        valued.write(output / HOMES_FILE)
    for path in write(figures, valued, output):
        console.print(f"wrote {path}", soft_wrap=True)


def main() -> None:
    """Run the command line; what is wrong is one message and exit code 1."""
    handler = RichHandler(console=errors, show_path=False, show_time=False, show_level=False, markup=False)
    logging.basicConfig(level=logging.INFO, format="%(message)s", handlers=[handler])
    try:
        app()
    except (DataError, SlidesError) as error:
        errors.print(str(error), markup=False, highlight=False, soft_wrap=True)
        raise SystemExit(1) from error


if __name__ == "__main__":
    main()
