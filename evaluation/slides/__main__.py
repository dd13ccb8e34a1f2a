"""``python -m evaluation.slides``: values three invented homes and writes both presentations."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from data.command_line import run
from data.standin import find_or_generate
from evaluation.invented_homes import HOMES_FILE, ValuedHomes, value_invented
from evaluation.slides import SlidesError
from evaluation.slides.build import write_presentations
from evaluation.slides.figures import read_figures

DOCS = Path(__file__).resolve().parents[2] / "docs"
FIGURES = DOCS / "evaluation" / "figures.json"
SLIDES = DOCS / "presentation"
HOMES = SLIDES / HOMES_FILE

console = Console()
app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command()
def build(
    figures: Annotated[Path, typer.Option(help="File that the evaluation wrote; its plots lie beside it.")] = FIGURES,
    output: Annotated[Path, typer.Option(help="Folder for the slides.")] = SLIDES,
    as_valued: Annotated[bool, typer.Option(help="Take the homes' prices from the last build, train nothing.")] = False,
) -> None:
    """Write both presentations as HTML and PDF from the evaluation's figures."""
    findings = read_figures(figures)  # before minutes of training
    homes = ValuedHomes.read(HOMES) if as_valued else value_invented(find_or_generate())
    for path in write_presentations(findings, homes, figures.parent, output):
        console.print(f"wrote {path}", soft_wrap=True)


if __name__ == "__main__":
    run(app, SlidesError)
