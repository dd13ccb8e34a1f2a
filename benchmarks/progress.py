"""What the commands show while they work."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.logging import RichHandler
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn


@contextmanager
def shown_progress(console: Console) -> Iterator[Callable[[str], None]]:
    """A line that says what is being done; log records appear above it."""
    columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        handler = RichHandler(console=progress.console, show_path=False)
        logging.basicConfig(level=logging.INFO, format="%(message)s", handlers=[handler])
        task = progress.add_task("starting")

        def step(what: str) -> None:
            progress.update(task, description=what)
            if not progress.console.is_terminal:
                progress.console.print(what, markup=False, highlight=False)

        yield step
