"""How every command line of the project runs: its log, and how it reports errors that a person can fix."""

from __future__ import annotations

import errno
import logging
import shutil

import typer
from rich.console import Console
from rich.logging import RichHandler

from data.files import DataError

_NOT_YOURS = "it is another user's: run this as its owner, or ask for the right to write there"
_ADVICE = {
    errno.ENOSPC: "free some space there",
    errno.EDQUOT: "free some space there, or ask for a larger quota",
    errno.EROFS: "it can only be read: mount it for writing, or name another folder",
    errno.EACCES: _NOT_YOURS,
    errno.EPERM: _NOT_YOURS,
}
"""What to do about the errors of a file system that are no defects of the program."""

errors = Console(stderr=True)


def run(app: typer.Typer, *expected: type[Exception], level: int = logging.INFO) -> None:
    """Run a command line that logs to standard error from ``level`` on.

    A ``DataError``, one of the ``expected`` errors, or a disk that is full or not to be written becomes one message
    and exit code 1. Any other error is a defect and keeps its traceback.
    """
    handler: logging.Handler = logging.StreamHandler()  # to a file or a pipe: one message, one line
    if errors.is_terminal:  # beside a progress bar
        handler = RichHandler(console=errors, show_path=False, show_time=False, show_level=False, markup=False)
    logging.basicConfig(level=level, format="%(message)s", handlers=[handler])
    expected_errors: tuple[type[Exception], ...] = (DataError, *expected)
    try:
        app()
    except expected_errors as error:
        _end(type(error).__name__, str(error), error)
    except OSError as error:
        complaint = _in_words(error)
        if complaint is None:
            raise
        _end("Error", complaint, error)


def _end(kind: str, message: str, error: Exception) -> None:
    errors.print(f"[bold red]{kind}:[/] ", end="")
    errors.print(message, markup=False, highlight=False, soft_wrap=True)
    raise SystemExit(1) from error


def _in_words(error: OSError) -> str | None:
    """Return what the file system refuses and what to do, or None where that is no matter of the file system."""
    if isinstance(error, shutil.Error):  # of a folder that was copied: a list of source, target and reason
        _, target, reason = error.args[0][0]
        return f"{target} cannot be written: {reason}"
    if error.errno not in _ADVICE:
        return None
    place = error.filename2 or error.filename or "a disk that this writes to"
    return f"{place}: {str(error.strerror).lower()}; {_ADVICE[error.errno]}"
