"""What the command lines of the evaluation and of its presentation share."""

from __future__ import annotations

import logging

import typer
from rich.console import Console
from rich.logging import RichHandler

from data.files import DataError
from docs.presentation import SlidesError

console = Console()
errors = Console(stderr=True)


def run(app: typer.Typer) -> None:
    """Run a command line; what is wrong with the data or the slides is one message and exit code 1."""
    handler = RichHandler(console=errors, show_path=False, show_time=False, show_level=False, markup=False)
    logging.basicConfig(level=logging.INFO, format="%(message)s", handlers=[handler])
    try:
        app()
    except (DataError, SlidesError) as error:
        errors.print(str(error), markup=False, highlight=False, soft_wrap=True)
        raise SystemExit(1) from error
