"""The two model repositories, and how a numbered version appears in one or leaves it.

People, programs and other machines put versions into ``model_repository/``, in whatever way. What Triton polls is
another folder, the served repository, where only the door puts what it has admitted. Triton loads what it finds there,
so a version is completed elsewhere on the same file system, flushed to disk, and appears by one rename; it disappears
by one as well.
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
ANALYSIS = "market_analysis"
ENSEMBLES = ("house_price", "house_price_minimal", "house_price_single", "house_price_packed")
ASKED = (*ENSEMBLES, ANALYSIS)
"""What callers may ask; the gateway and the routes of Kubernetes let nothing else through."""

SHIPPED = Path(__file__).resolve().parent.parent / "model_repository"
"""The repository of this project: its configurations, and the versions that were built here."""

SERVED = "SERVED_FOLDER"
"""The environment variable that names the folder of the served repository."""

STAGING = ".staging"
"""Beside a repository: Triton would take a folder inside it for a model."""


MOST_DIGITS = 9
VERSION_NAME = re.compile(rf"[1-9][0-9]{{0,{MOST_DIGITS - 1}}}")
"""A version's folder is named by a number of one to nine digits, without leading zeros. Nothing else is a version: of
``01`` and ``1`` Triton loads only the second, and a name of twenty digits, say a timestamp, ends it."""


def new_repository(repository: Path, shipped: Path = SHIPPED) -> Path:
    """Create a repository of the ``shipped`` configurations, without any version; return its path."""
    configure(repository, shipped)
    return repository


def configure(repository: Path, shipped: Path = SHIPPED) -> None:
    """Give a repository the ``shipped`` configurations; files that are right already stay untouched."""
    for config in shipped.glob("*/config.pbtxt"):
        own, content = repository / config.parent.name / config.name, config.read_bytes()
        own.parent.mkdir(parents=True, exist_ok=True)
        if not own.is_file() or own.read_bytes() != content:
            draft = repository.parent / f".{config.parent.name}.{config.name}"
            draft.write_bytes(content)
            draft.replace(own)


def served_folder(repository: Path) -> Path:
    """Return the folder that holds the served repository that belongs to a repository, and what is known of it."""
    named = os.environ.get(SERVED)
    return Path(named) if named else repository.resolve().parent / "build" / "served"


def served(repository: Path) -> Path:
    """Return the repository that Triton polls: only what was admitted from ``repository`` is in it."""
    return served_folder(repository) / "models"


def configured(repository: Path) -> Path:
    """Return the served repository of a repository, with its configurations."""
    configure(served(repository), repository)
    return served(repository)


def versions(model: Path) -> list[int]:
    """Return the numbers of a model's versions, ascending."""
    return sorted(int(path.name) for path in model.iterdir() if VERSION_NAME.fullmatch(path.name) and path.is_dir())


def misnamed(model: Path) -> list[str]:
    """Return the names of what looks like a version and is none: digits of any script, files, and other folders.

    Folders beside the versions whose names begin with a letter, like ``warmup``, belong to the model.
    """
    return sorted(
        path.name
        for path in model.iterdir()
        if not (VERSION_NAME.fullmatch(path.name) and path.is_dir())
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
    except OSError as error:
        error.filename = error.filename or str(area)  # a disk that is full is not named otherwise
        raise
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def add(folder: Path, model: Path) -> int:
    """Make a staged folder the next version of a model; return its number."""
    with alone(model):
        return place(folder, model, next_number(model))


def next_number(*models: Path) -> int:
    """Return the number after all versions of a model, in one repository or several."""
    return max((number for model in models for number in versions(model)), default=0) + 1


def place(folder: Path, model: Path, number: int) -> int:
    """Make a staged folder this version of a model, for a caller that is ``alone``; return the number."""
    later = _later(model)
    for path in [*folder.rglob("*"), folder]:
        os.utime(path, (later, later))  # a copy may bring the dates of another machine's clock
        _flush(path)
    folder.rename(model / str(number))
    _date(model, later)
    _flush(model)
    return number


def remove(model: Path, number: int) -> None:
    """Take a version away, for a caller that is ``alone``."""
    with staged(model.parent) as away:
        later = _later(model)
        (model / str(number)).rename(away / str(number))
        _date(model, later)
        _flush(model)


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
