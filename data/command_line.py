"""How every command line of the project runs: its log, and how it reports errors that a person can fix."""

from __future__ import annotations

import logging

import typer
from rich.console import Console
from rich.logging import RichHandler

from data.files import DataError

errors = Console(stderr=True)


def run(app: typer.Typer, *expected: type[Exception], level: int = logging.INFO) -> None:
    """Run a command line that logs to standard error from ``level`` on.

    A ``DataError`` or one of the ``expected`` errors becomes one message and exit code 1. Any other error is
    a defect and keeps its traceback.
    """
    handler: logging.Handler = logging.StreamHandler()  # to a file or a pipe: one message, one line
    if errors.is_terminal:  # beside a progress bar
        handler = RichHandler(console=errors, show_path=False, show_time=False, show_level=False, markup=False)
    logging.basicConfig(level=level, format="%(message)s", handlers=[handler])
    expected_errors: tuple[type[Exception], ...] = (DataError, *expected)
    try:
        app()
    except expected_errors as error:
        errors.print(f"[bold red]{type(error).__name__}:[/] ", end="")
        errors.print(str(error), markup=False, highlight=False, soft_wrap=True)
        raise SystemExit(1) from error
