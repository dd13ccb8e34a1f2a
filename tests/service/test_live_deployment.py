"""Versions come, break, are repaired and go while callers keep asking, and no request is lost."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import psutil
import pytest

from data.files import DATA_DIR, DataFiles
from market_analysis.past_sales import COMPARABLES_FILE
from preprocessing.demographics import Demographics
from publishing.admission import roll_back
from publishing.card import CARD_FILE, Card
from publishing.contract import MODEL_FILE
from publishing.door import Verdict, read_record
from publishing.ensure import ensure
from publishing.preprocessing_version import publish_preprocessing, published_demographics
from publishing.repository import PRICE_MODEL, new_repository, served, versions
from serving.embedded import EmbeddedServer
from tests.conftest import ROOT
from tests.service.asking import Asker, Columns
from tests.service.callers import DEADLINE_S, MODELS, Callers
from tests.service.conftest import serve
from tests.wrong_versions import NO_VERSIONS, WRONG, prepare

pytestmark = pytest.mark.once

FIRST_WRONG = 101
"""Versions need no numbers in a row."""


@dataclass
class RunningDoor:
    """Hold the process of a door, its repository, and what it has said."""

    process: subprocess.Popen[str]
    repository: Path
    said: list[str]

    @property
    def verdicts(self) -> dict[int, Verdict]:
        return read_record(self.repository).verdicts

    def state(self, number: int) -> str:
        found = self.verdicts.get(number)
        return found.state if found else ""

    def wait_for(self, state: str, *numbers: int) -> None:
        """Wait until each of these versions is admitted or refused, and see that it is what is expected."""
        deadline = time.monotonic() + 3 * DEADLINE_S  # for many versions, one examined after the other
        while not all(self.state(number) in ("admitted", "refused") for number in numbers):
            assert time.monotonic() < deadline, self.verdicts
            time.sleep(0.2)
        assert {number: self.verdicts[number] for number in numbers if self.state(number) != state} == {}


@pytest.fixture
def open_door(repository: Path, files: DataFiles) -> Iterator[Callable[[], RunningDoor]]:
    """Return a function that opens the door of ``repository``, as `make up` does."""
    opened: list[RunningDoor] = []

    def open_it() -> RunningDoor:
        command = [sys.executable, "-B", "-m", "publishing", "door", "--repository", str(repository), "--seconds", "30"]
        environment = {**os.environ, DATA_DIR: str(files.folder)}
        process = subprocess.Popen(
            command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        output, said = process.stdout, list[str]()
        assert output is not None
        threading.Thread(target=lambda: said.extend(output), daemon=True).start()
        opened.append(RunningDoor(process, repository, said))
        return opened[-1]

    yield open_it
    for door in opened:
        door.process.terminate()
        door.process.wait()
        assert door.process.stdout is not None
        door.process.stdout.close()


@pytest.fixture
def door(open_door: Callable[[], RunningDoor]) -> RunningDoor:
    return open_door()


def test_versions_swap_break_and_roll_back_without_a_failed_request(
    server: EmbeddedServer,
    door: RunningDoor,
    repository: Path,
    publish: Callable[[Path, int], str],
    published: tuple[Path, Card],
    capsys: pytest.CaptureFixture[str],
) -> None:
    model = repository / PRICE_MODEL
    first = published[1].price_model

    with Callers(server.http_address, server.grpc_address) as callers:
        callers.wait_for(first)

        second = publish(repository, 8)
        callers.wait_for(second)
        third = publish(repository, 9)
        callers.wait_for(third)
        away = Path(shutil.copytree(model / "3", repository.parent / "third"))
        assert roll_back(repository) == (3, 2)
        callers.wait_for(second)

        # Somebody copies the third one in by hand, slowly, over a bad line: it goes live when it is whole.
        whole = (away / MODEL_FILE).read_bytes()
        (model / "3").mkdir()
        for name in (CARD_FILE, COMPARABLES_FILE):
            shutil.copy(away / name, model / "3")
        with (model / "3" / MODEL_FILE).open("wb") as file:
            for start in range(0, len(whole), len(whole) // 6):
                file.write(whole[start : start + len(whole) // 6])
                file.flush()
                time.sleep(0.5)
                assert door.state(3) != "refused"
        callers.wait_for(third)

        # Removed by hand: the version before it, still loaded, answers again.
        shutil.rmtree(model / "3")
        callers.wait_for(second)

    assert versions(served(repository) / PRICE_MODEL) == [1, 2]
    assert callers.failures == []
    with capsys.disabled():
        slowest_ms = callers.slowest_s * 1000
        sys.stdout.write(
            f"\n  {callers.asked:,} requests, {len(callers.failures)} failed, slowest {slowest_ms:.0f} ms\n"
        )


def test_no_wrong_version_serves_whatever_is_dropped_by_hand(
    server: EmbeddedServer,
    door: RunningDoor,
    repository: Path,
    published: tuple[Path, Card],
    capsys: pytest.CaptureFixture[str],
) -> None:
    """All at once, under callers; then a good one, which goes live beside them."""
    model = repository / PRICE_MODEL
    numbers = dict(enumerate(WRONG, FIRST_WRONG))
    made = {number: prepare(name, model / "1", repository.parent / f"{number}") for number, name in numbers.items()}
    for name in NO_VERSIONS:
        shutil.copytree(model / "1", repository.parent / "names" / name)
    with Callers(server.http_address, server.grpc_address) as callers:
        callers.wait_for(published[1].price_model)
        for number, folder in made.items():
            folder.rename(model / str(number))
        for folder in (repository.parent / "names").iterdir():
            folder.rename(model / folder.name)
        door.wait_for("refused", *numbers)
        assert versions(served(repository) / PRICE_MODEL) == [1]
        assert callers.answering() == {published[1].price_model}
        shutil.copytree(model / "1", model / "999")
        door.wait_for("admitted", 999)
        assert versions(served(repository) / PRICE_MODEL) == [1, 999]
        assert callers.answering() == {published[1].price_model}
    assert callers.failures == []
    assert "failed to load" not in server.log_path.read_text()
    reasons = {name: door.verdicts[number].reason for number, name in numbers.items()}
    assert {name: reason for name, reason in reasons.items() if not re.search(WRONG[name][1], reason)} == {}
    for name in NO_VERSIONS:
        told = any(f"{PRICE_MODEL}/{name} is no version" in line for line in door.said)
        assert told or name[0].isalpha()
    with capsys.disabled():
        counts = f"{len(numbers)} wrong versions and {len(NO_VERSIONS)} wrong names dropped: 0 served"
        sys.stdout.write(f"\n  {counts}; {callers.asked:,} requests, {len(callers.failures)} failed\n")
        sys.stdout.writelines(f"    {name}: {reason[:100]}\n" for name, reason in reasons.items())


def test_a_door_that_is_killed_is_followed_by_one_that_takes_up_what_waits(
    server: EmbeddedServer, open_door: Callable[[], RunningDoor], repository: Path, published: tuple[Path, Card]
) -> None:
    model = repository / PRICE_MODEL
    first = open_door()
    with Callers(server.http_address, server.grpc_address) as callers:
        callers.wait_for(published[1].price_model)
        shutil.copytree(model / "1", model / "2")
        deadline = time.monotonic() + DEADLINE_S
        while not psutil.Process(first.process.pid).children():
            assert time.monotonic() < deadline, "no examination begins"
            time.sleep(0.02)
        first.process.kill()
        assert callers.answering() == {published[1].price_model}
        assert versions(served(repository) / PRICE_MODEL) == [1]
        open_door().wait_for("admitted", 2)
    assert versions(served(repository) / PRICE_MODEL) == [1, 2]
    assert callers.failures == []


def test_a_start_serves_past_a_version_that_fails_at_a_home(
    repository: Path, files: DataFiles, published: tuple[Path, Card], tmp_path: Path
) -> None:
    """What is served was lost, as on a new machine, and the newest folder holds a version that would end Triton."""
    fresh = new_repository(tmp_path / "moved" / "model_repository")
    shutil.copytree(repository / PRICE_MODEL / "1", fresh / PRICE_MODEL / "1")
    prepare("fails at a home", repository / PRICE_MODEL / "1", fresh / PRICE_MODEL / "2")
    ensure(fresh, {DATA_DIR: str(files.folder)})
    with serve(served(fresh), tmp_path) as server:
        asker = Asker(server.http_address, server.grpc_address)
        (name,) = asker.ask("http", "house_price", MODELS["house_price"]).outputs["price_model"]
        assert name == published[1].price_model
        asker.close()


def test_new_demographics_go_live_with_a_new_preprocessing_version(
    server: EmbeddedServer, repository: Path, published: tuple[Path, Card]
) -> None:
    """A ZIP code that was unknown becomes known, and nobody who asks meanwhile is disturbed."""
    current = published_demographics(served(repository))
    assert current is not None
    figures = np.vstack([current.figures[:1], current.figures])
    more = Demographics(np.array([97999, *current.zipcodes]), figures)

    newcomer: Columns = {**MODELS["house_price"], "zipcode": [97999]}
    asker = Asker(server.http_address, server.grpc_address)
    assert "zipcode is 97999" in asker.ask("http", "house_price", newcomer).refusal
    with Callers(server.http_address, server.grpc_address) as callers:
        assert publish_preprocessing(served(repository), more) == 2
        deadline = time.monotonic() + DEADLINE_S
        while asker.ask("http", "house_price", newcomer).refusal:
            assert time.monotonic() < deadline, "the new ZIP code stays unknown"
            time.sleep(0.2)
        assert callers.answering() == {published[1].price_model}
    asker.close()
    assert callers.failures == []
