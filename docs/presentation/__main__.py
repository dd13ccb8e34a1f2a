"""``python -m docs.presentation``: values three invented homes and writes both presentations."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from data.standin import find_or_generate
from docs.presentation.build import build as write
from docs.presentation.figures import read_figures
from docs.presentation.homes import HOMES_FILE, read_valued, value_invented
from evaluation.command_line import console, run

HERE = Path(__file__).resolve().parent
FIGURES = HERE.parent / "evaluation" / "figures.json"
HOMES = HERE / HOMES_FILE

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


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


if __name__ == "__main__":
    run(app)
