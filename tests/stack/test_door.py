"""Whatever is dropped by hand beside running containers: what is wrong never serves, and no caller notices anything."""

from __future__ import annotations

import json
import re
import shutil
import sys
from pathlib import Path

import pytest

from publishing.card import Card
from publishing.repository import PRICE_MODEL, versions
from tests.service.callers import Callers
from tests.stack.conftest import DEADLINE_S, Stack, wait_until
from tests.wrong_versions import NO_VERSIONS, WRONG, prepare

FIRST_WRONG = 101
IN_CONTAINERS = (
    "graph cut off",
    "no card",
    "link as graph",
    "huge file",
    "price x10",
    "fails at a home",
    "asks for terabytes",
    "never ends",
)
"""What meets the limits, mounts, owners and data of containers; the service tests drop all there are."""
CALM_S = 0.1
"""Between two questions of one caller: the door has an eighth of a replica's weight, and much to examine."""


def told(stack: Stack) -> dict[int, str]:
    """Return what the operator is told of each version that does not serve."""
    said = stack.compose("run", "--rm", "models", "versions")
    lines = re.findall(r"^Version (\d+) was refused: (.*)$", said, re.MULTILINE)
    return {int(number): reason for number, reason in lines}


def refused(stack: Stack) -> set[int]:
    """Return the versions that the door has refused, from its own record."""
    verdicts = json.loads((stack.served / "door.json").read_text())["verdicts"]
    return {int(number) for number, verdict in verdicts.items() if verdict["state"] == "refused"}


def clear(model: Path) -> None:
    for folder in model.iterdir():
        if folder.name not in ("1", "config.pbtxt"):
            folder.unlink() if folder.is_symlink() else shutil.rmtree(folder)


def test_no_wrong_version_serves_and_a_good_one_does(stack: Stack, capsys: pytest.CaptureFixture[str]) -> None:
    model, aside = stack.folder / "model_repository" / PRICE_MODEL, stack.folder / "build" / "aside"
    numbers = dict(enumerate(IN_CONTAINERS, FIRST_WRONG))
    first = Card.read(model / "1").price_model
    aside.mkdir(parents=True)
    made = {number: prepare(name, model / "1", aside / f"{number}") for number, name in numbers.items()}
    served = stack.served / "models" / PRICE_MODEL
    try:
        with Callers(stack.http, stack.grpc, CALM_S) as callers:
            callers.wait_for(first)
            for number, folder in made.items():
                folder.rename(model / str(number))
            for name in NO_VERSIONS:
                shutil.copytree(model / "1", model / name)
            (model / "500").symlink_to(aside)  # which is nothing in a container
            wait_until(lambda: numbers.keys() <= refused(stack), "all of them to be refused", 3 * DEADLINE_S)
            assert versions(served) == [1]
            # A good one, copied in by hand, goes live; its removal takes it back.
            shutil.copytree(model / "1", model / "999")
            wait_until(lambda: versions(served) == [1, 999], "the good one")
            assert callers.answering() == {first}
            shutil.rmtree(model / "999")
            wait_until(lambda: versions(served) == [1], "its removal")
            assert callers.answering() == {first}
        reasons, said = told(stack), stack.compose("logs", "door")
        assert all(
            f"{PRICE_MODEL}/{name} is no version" in said for name in ("500", *NO_VERSIONS) if name != "lost+found"
        )
        wrong = {
            name: reasons[number] for number, name in numbers.items() if not re.search(WRONG[name][1], reasons[number])
        }
        assert wrong == {}
        assert callers.failures == []
        with capsys.disabled():
            counts = f"{len(numbers)} wrong versions and {len(NO_VERSIONS)} wrong names dropped: 0 served"
            sys.stdout.write(f"\n  {counts}; {callers.asked:,} requests, {len(callers.failures)} failed\n")
    finally:
        clear(model)
