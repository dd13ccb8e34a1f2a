"""The model repository's numbered versions: adding and removing one so that Triton never sees a half.

Triton polls the repository and loads what it finds there. So a version is completed elsewhere on
the same file system, flushed to disk, and appears by one rename; it disappears by one as well.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
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


def new_repository(repository: Path, shipped: Path = SHIPPED) -> Path:
    """Create a repository of the ``shipped`` configurations, without any version; return its path."""
    for config in shipped.glob("*/config.pbtxt"):
        model = repository / config.parent.name
        model.mkdir(parents=True)
        shutil.copy(config, model)
    return repository


def versions(model: Path) -> list[int]:
    """Return the numbers of a model's versions, ascending."""
    return sorted(int(folder.name) for folder in model.iterdir() if folder.name.isdecimal() and folder.is_dir())


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
    for path in [*folder.rglob("*"), folder]:
        _flush(path)
    with _alone(model):
        number = max(versions(model), default=0) + 1
        folder.rename(model / str(number))
        _flush(model)
    return number


def remove_newest(model: Path) -> tuple[int, int]:
    """Take the newest version away; return its number and that of the version which now serves.

    Raises Refused when there is no other version to fall back on.
    """
    with _alone(model), staged(model.parent) as away:
        numbers = versions(model)
        if len(numbers) < 2:
            raise Refused(f"{model.name} has {len(numbers)} version(s): rolling back needs an earlier one to serve")
        (model / str(numbers[-1])).rename(away / str(numbers[-1]))
        _flush(model)
    return numbers[-1], numbers[-2]


@contextmanager
def _alone(model: Path) -> Iterator[None]:
    """Lock a model: two publishers must not take the same number."""
    lock = model.resolve().parent.parent / STAGING / f"{model.name}.lock"
    lock.parent.mkdir(exist_ok=True)
    with lock.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _flush(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
