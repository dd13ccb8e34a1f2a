"""Who deploys may be killed at any step, the disk may be full: what serves stays whole, and the next one goes on."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import traceback
import warnings
from collections.abc import Callable
from pathlib import Path

import pytest

from data.files import DataFiles
from publishing import admission
from publishing.admission import admit, roll_back, withdraw
from publishing.door import Door, read_record
from publishing.examination import Findings
from publishing.intake import take_in
from publishing.repository import PRICE_MODEL, SERVED, misnamed, served, served_folder, versions
from tests.conftest import ROOT
from training.sales import Sales

pytestmark = pytest.mark.once

CHANGES = frozenset({"os.mkdir", "os.rename", "os.remove", "os.rmdir", "os.utime", "os.chmod", "os.truncate"})
"""Audit events of changes to a folder, beside a file opened to be written."""


@pytest.fixture
def examined(monkeypatch: pytest.MonkeyPatch) -> None:
    """Find every version good: an examination takes seconds and changes nothing, and here are a hundred steps."""
    monkeypatch.setattr(admission, "examine", lambda *given: Findings())


@pytest.fixture
def admitted(repository: Path, tmp_path: Path) -> Callable[[], tuple[list[int], list[int]]]:
    """Return what lies in the repository and what serves, after a look whether each version is whole."""

    def look() -> tuple[list[int], list[int]]:
        models = [repository / PRICE_MODEL, served(repository) / PRICE_MODEL]
        for model in models:
            assert misnamed(model) == []
            for number in versions(model):
                shutil.rmtree(tmp_path / "whole", ignore_errors=True)
                take_in(model / str(number), tmp_path / "whole")
        return versions(models[0]), versions(models[1])

    return look


def test_a_publisher_that_is_killed(
    examined: None, repository: Path, version: Path, sales: Sales, admitted: Callable[[], tuple[list[int], list[int]]]
) -> None:
    seen = []

    def after() -> None:
        seen.append(admitted())
        number = admit(version, repository, sales)
        assert admitted()[1][-1] == number, "the next publisher goes on"

    assert killed_at_each_step(lambda: admit(version, repository, sales), repository.parent, after) > 20
    # The door completes what lies in the repository and does not serve.
    assert list(dict.fromkeys(map(str, seen))) == ["([1], [1])", "([1, 2], [1])", "([1, 2], [1, 2])"]


def test_a_door_that_is_killed(
    examined: None,
    repository: Path,
    version: Path,
    files: DataFiles,
    admitted: Callable[[], tuple[list[int], list[int]]],
) -> None:
    version.rename(repository / PRICE_MODEL / "2")
    seen = []

    def look() -> None:
        Door(repository, lambda standin: files).look()

    def after() -> None:
        seen.append(admitted())
        look()
        assert admitted() == ([1, 2], [1, 2]), "the next door goes on"
        assert {verdict.state for verdict in read_record(repository).verdicts.values()} == {"admitted"}

    assert killed_at_each_step(look, repository.parent, after) > 10
    assert list(dict.fromkeys(map(str, seen))) == ["([1, 2], [1])", "([1, 2], [1, 2])"]


def test_a_rollback_that_is_killed(
    examined: None, repository: Path, version: Path, sales: Sales, admitted: Callable[[], tuple[list[int], list[int]]]
) -> None:
    admit(version, repository, sales)
    seen = []

    def after() -> None:
        seen.append(admitted())
        withdraw(repository)
        lying, serving = admitted()
        assert serving == lying, "the door takes away what was to go"

    assert killed_at_each_step(lambda: roll_back(repository), repository.parent, after) > 5
    assert list(dict.fromkeys(map(str, seen))) == ["([1, 2], [1, 2])", "([1], [1, 2])", "([1], [1])"]


def killed_at_each_step(action: Callable[[], object], folder: Path, after: Callable[[], None]) -> int:
    """Run an action again and again from the same start, killed before its first change, its second, and so on.

    ``after`` looks at what each left in ``folder``, which then becomes what it was. Return the number of steps.
    """
    pristine = Path(shutil.copytree(folder, folder.with_name(f"{folder.name}.pristine")))
    for step in range(1, 1_000):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            process = os.fork()  # deprecated beside threads, of which the actions here need none
        if process == 0:
            _die_at(step)
            try:
                action()
            except BaseException:
                traceback.print_exc()
                os._exit(1)
            os._exit(0)
        _, status = os.waitpid(process, 0)
        after()
        if not os.WIFSIGNALED(status):
            assert os.waitstatus_to_exitcode(status) == 0
            return step - 1
        assert os.WTERMSIG(status) == signal.SIGKILL
        shutil.rmtree(folder)
        shutil.copytree(pristine, folder)
    raise AssertionError("it never ends")


def _die_at(step: int) -> None:
    left = step

    def hook(event: str, arguments: tuple[object, ...]) -> None:
        nonlocal left
        writes = event == "open" and isinstance(arguments[2], int) and arguments[2] & (os.O_WRONLY | os.O_RDWR)
        if event in CHANGES or writes:
            left -= 1
            if left == 0:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(hook)


FULL_DISK = """
mount -t tmpfs -o size=$(($(du -sk "$SERVED_FOLDER" | cut -f1) + 100))k none /mnt &&
    cp -a "$SERVED_FOLDER/." /mnt && mount --move /mnt "$SERVED_FOLDER" || exit 77
publish() {
    "$PYTHON" -B -m publishing publish --version "$VERSION" --repository "$REPOSITORY"
    echo "exit code $?, now $(cd "$SERVED_FOLDER/models/price_model" && echo [0-9]*)"
}
publish
mount -o remount,size=100m "$SERVED_FOLDER"
publish
"""


def test_a_disk_that_is_full(repository: Path, version: Path) -> None:
    """What serves lies on a disk of its own with room for a tenth of a version; then there is more."""
    environment = {
        **os.environ,
        SERVED: str(served_folder(repository)),
        "PYTHON": sys.executable,
        "VERSION": str(version),
        "REPOSITORY": str(repository),
    }
    done = subprocess.run(
        ["unshare", "--map-root-user", "--mount", "sh", "-c", FULL_DISK],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode == 77 or "unshare" in done.stderr:
        pytest.skip(f"this machine lets nobody mount a small disk: {done.stderr}")
    assert re.findall(r"exit code \d, now .*", done.stdout) == ["exit code 1, now 1", "exit code 0, now 1 2"]
    (line,) = re.findall(r".*no space left on device.*", done.stderr)
    assert re.fullmatch(r"Error: .+: no space left on device; free some space there", line)
    assert "Traceback" not in done.stderr
