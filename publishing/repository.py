"""The model repository's numbered versions: adding and removing one so that Triton never sees a half.

Triton polls the repository and loads what it finds there. So a version is completed elsewhere on
the same file system, flushed to disk, and appears by one rename; it disappears by one as well.
"""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from conversion import Refused

PRICE_MODEL = "price_model"
PREPROCESSING = "preprocessing"
ENSEMBLES = ("house_price", "house_price_minimal", "house_price_packed")

SHIPPED = Path(__file__).resolve().parent.parent / "model_repository"
"""The repository of this project: its configurations, and the versions that were built here."""

STAGING = ".staging"
"""Beside the repository: Triton would take a folder inside it for a model."""


MOST_DIGITS = 9
VERSION_NAME = re.compile(rf"[1-9][0-9]{{0,{MOST_DIGITS - 1}}}")
"""A version's folder is named by a number of one to nine digits, without leading zeros. Nothing else is a version: of
``01`` and ``1`` Triton loads only the second, and a name of twenty digits, say a timestamp, ends it."""


def new_repository(repository: Path, shipped: Path = SHIPPED) -> Path:
    """Create a repository of the ``shipped`` configurations, without any version; return its path."""
    for config in shipped.glob("*/config.pbtxt"):
        model = repository / config.parent.name
        model.mkdir(parents=True)
        shutil.copy(config, model)
    return repository


def versions(model: Path) -> list[int]:
    """Return the numbers of a model's versions, ascending."""
    return sorted(int(path.name) for path in model.iterdir() if VERSION_NAME.fullmatch(path.name) and path.is_dir())


def misnamed(model: Path) -> list[str]:
    """Return the names of what looks like a version and is none: names of digits of any script, and other folders.

    Folders beside the versions whose names begin with a letter, like ``warmup``, belong to the model.
    """
    return sorted(
        path.name
        for path in model.iterdir()
        if not VERSION_NAME.fullmatch(path.name)
        and (path.name.isdigit() or (path.is_dir() and not path.name[0].isalpha()))
    )


def newest(model: Path) -> Path | None:
    """Return the folder of a model's newest version; None when it has none."""
    numbers = versions(model)
    return model / str(numbers[-1]) if numbers else None


@contextmanager
def staged(repository: Path) -> Iterator[Path]:
    """Yield an empty folder to complete a version in; what is left in it afterwards is removed."""
    area = repository.resolve().parent / STAGING
    area.mkdir(exist_ok=True)
    if area.stat().st_dev != repository.stat().st_dev:
        raise Refused(
            f"{repository} is a file system of its own, so nothing can be renamed into it from {area}: "
            "mount its parent folder instead"
        )
    folder = Path(tempfile.mkdtemp(dir=area))
    folder.chmod(0o755)  # the server may run as another user
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def add(folder: Path, model: Path) -> int:
    """Make a staged folder the next version of a model; return its number."""
    with alone(model):
        return place(folder, model)


def place(folder: Path, model: Path) -> int:
    """Make a staged folder the next version of a model, for a caller that is ``alone``; return its number."""
    later = _later(model)
    for path in [*folder.rglob("*"), folder]:
        os.utime(path, (later, later))  # a copy may bring the dates of another machine's clock
        _flush(path)
    number = max(versions(model), default=0) + 1
    folder.rename(model / str(number))
    _date(model, later)
    _flush(model)
    return number


def remove_newest(model: Path) -> tuple[int, int]:
    """Take the newest version away; return its number and that of the version which now serves.

    Raises Refused when there is no other version to fall back on.
    """
    with alone(model), staged(model.parent) as away:
        numbers = versions(model)
        if len(numbers) < 2:
            raise Refused(f"{model.name} has {len(numbers)} version(s): rolling back needs an earlier one to serve")
        later = _later(model)
        (model / str(numbers[-1])).rename(away / str(numbers[-1]))
        _date(model, later)
        _flush(model)
    return numbers[-1], numbers[-2]


@contextmanager
def alone(model: Path) -> Iterator[None]:
    """Lock a model: two publishers must not take the same number, nor be judged against the same version."""
    lock = model.resolve().parent.parent / STAGING / f"{model.name}.lock"
    lock.parent.mkdir(exist_ok=True)
    with lock.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _later(model: Path) -> float:
    """Return a date in seconds since 1970 that is later than all in a model's folder, and not in the past.

    Triton sees a change when the newest date under the folder grows. A file dated an hour ahead, as a copy from a
    machine whose clock is wrong may be, would hide every later change for that hour, a rollback too.
    """
    return max([time.time(), *(path.lstat().st_mtime + 1 for path in [model, *model.rglob("*")])])


def _date(model: Path, later: float) -> None:
    """Date a model's folder, where its own date, which is now, would stay behind something in it."""
    if later > time.time():
        os.utime(model, (later, later))


def _flush(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
