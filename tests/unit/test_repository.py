"""Versions appear and disappear whole, under names and with dates that the server takes as meant."""

from __future__ import annotations

import os
import shutil
import threading
import time
from pathlib import Path

import pytest

from conversion import Refused
from publishing.admission import roll_back
from publishing.contract import MODEL_FILE
from publishing.publish import publish_folder
from publishing.repository import (
    PRICE_MODEL,
    add,
    misnamed,
    served,
    staged,
    versions,
)
from training.sales import Sales


def test_nothing_is_left_beside_the_repository(version: Path, sales: Sales, repository: Path) -> None:
    publish_folder(version, sales, repository)
    roll_back(repository)
    for folder in (repository, served(repository)):
        assert [path.name for path in (folder.parent / ".staging").iterdir() if path.is_dir()] == []


def test_a_repository_never_shows_half_a_version(repository: Path) -> None:
    """Whoever looks at any moment sees a version with all its files, or not at all."""
    model = repository / PRICE_MODEL
    done, halves = threading.Event(), []

    def look() -> None:
        while not done.is_set():
            for number in versions(model):
                present = {path.name for path in (model / str(number)).glob("*")}
                if present and present != {"a", "b"} and number > 1:
                    halves.append(present)

    watcher = threading.Thread(target=look)
    watcher.start()
    for _ in range(50):
        with staged(repository) as area:
            folder = area / "version"
            folder.mkdir()
            (folder / "a").write_bytes(b"1" * 10_000)
            (folder / "b").write_bytes(b"2" * 10_000)
            add(folder, model)
    done.set()
    watcher.join()
    assert halves == []
    assert versions(model) == list(range(1, 52))


def test_two_publishers_never_take_the_same_number(repository: Path) -> None:
    model, numbers = repository / PRICE_MODEL, []

    def publish() -> None:
        for _ in range(20):
            with staged(repository) as area:
                folder = area / "version"
                folder.mkdir()
                numbers.append(add(folder, model))

    publishers = [threading.Thread(target=publish) for _ in range(4)]
    for publisher in publishers:
        publisher.start()
    for publisher in publishers:
        publisher.join()
    assert sorted(numbers) == list(range(2, 82))


def test_rolling_back_removes_the_newest(version: Path, sales: Sales, repository: Path) -> None:
    publish_folder(version, sales, repository)
    assert roll_back(repository) == (2, 1)
    assert versions(repository / PRICE_MODEL) == versions(served(repository) / PRICE_MODEL) == [1]


def test_the_last_version_stays(repository: Path) -> None:
    with pytest.raises(Refused, match="needs an earlier one"):
        roll_back(repository)
    assert versions(repository / PRICE_MODEL) == versions(served(repository) / PRICE_MODEL) == [1]


def test_what_is_named_like_no_version_is_none(repository: Path) -> None:
    model = repository / PRICE_MODEL
    wrong = ["0", "01", "007", "٣", "12345678901234567890", ".ipynb_checkpoints", "2.bak"]
    for name in wrong:
        shutil.copytree(model / "1", model / name)
    (model / "notes").mkdir()
    (model / "5").touch()
    (model / "6").symlink_to("nowhere")
    assert versions(model) == [1]
    assert misnamed(model) == sorted([*wrong, "5", "6"])
    with pytest.raises(Refused, match="needs an earlier one"):
        roll_back(repository)
    assert (model / "1").is_dir()


def newest_date(model: Path) -> float:
    """Return what Triton compares from poll to poll."""
    return max(path.stat().st_mtime for path in [model, *model.rglob("*")])


def test_a_date_in_the_future_hides_no_later_version_and_no_rollback(
    version: Path, sales: Sales, repository: Path
) -> None:
    model, ahead = served(repository) / PRICE_MODEL, time.time() + 3600
    os.utime(model / "1" / MODEL_FILE, (ahead, ahead))
    os.utime(version / MODEL_FILE, (ahead + 3600, ahead + 3600))
    before = newest_date(model)
    publish_folder(version, sales, repository)
    published = newest_date(model)
    assert before < published < ahead + 3600, "the copy's own date is not kept"
    roll_back(repository)
    assert newest_date(model) > published
