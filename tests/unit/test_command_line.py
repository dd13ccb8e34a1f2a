"""What a person can fix is said in one line; a defect keeps its traceback."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import typer

from data.command_line import run
from data.files import DataError
from publishing.__main__ import REPOSITORY, _repository
from tests.conftest import ROOT


def ended(command: Callable[[], object], monkeypatch: pytest.MonkeyPatch, *expected: type[Exception]) -> int:
    """Run a command line that does this; return its exit code."""
    app = typer.Typer(pretty_exceptions_enable=False)
    app.command()(lambda: command() and None)
    monkeypatch.setattr("sys.argv", ["command"])
    with pytest.raises(SystemExit) as end:
        run(app, *expected)
    return int(str(end.value.code))


def fill_disk() -> None:
    with Path("/dev/full").open("w") as full:
        full.write("x" * 100_000)


def copy_to_disk_that_is_full(folder: Path) -> None:
    (folder / "from").mkdir()
    (folder / "from" / "full").write_text("x" * 100_000)
    (folder / "to").mkdir()
    (folder / "to" / "full").symlink_to("/dev/full")
    shutil.copytree(folder / "from", folder / "to", dirs_exist_ok=True)


def no_data() -> None:
    raise DataError("no data: put them there")


@pytest.mark.parametrize(
    ("command", "words"),
    [
        (lambda folder: no_data(), ["DataError: no data: put them there"]),
        (lambda folder: fill_disk(), ["no space left", "free some space there"]),
        (copy_to_disk_that_is_full, ["full cannot be written", "No space left"]),
        (
            lambda folder: Path("/proc/self/mem").chmod(0o777),
            ["/proc/self/mem: operation not permitted", "run this as its owner"],
        ),
    ],
    ids=["data", "full disk", "full disk, a folder", "another user's"],
)
def test_what_a_person_can_fix_is_one_line(
    command: Callable[[Path], object],
    words: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert ended(lambda: command(tmp_path), monkeypatch) == 1
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert all(word in said for word in words), said


def test_a_defect_keeps_its_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    app = typer.Typer(pretty_exceptions_enable=False)
    app.command()(lambda: Path("/nowhere/at/all").read_text() and None)
    monkeypatch.setattr("sys.argv", ["command"])
    with pytest.raises(FileNotFoundError):
        run(app)


def test_a_folder_that_is_no_repository_of_the_service_is_refused(tmp_path: Path) -> None:
    assert _repository(REPOSITORY) == ROOT / "model_repository"
    with pytest.raises(typer.BadParameter, match=r"holds no price_model/config\.pbtxt"):
        _repository(tmp_path)
