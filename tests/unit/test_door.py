"""What becomes of a folder that somebody drops, admitted, refused or waiting, and of one that is removed."""

from __future__ import annotations

import errno
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from conversion import Refused
from conversion.improved import convert_improved
from data.files import DataFiles
from data.standin import standin_data
from market_analysis.past_sales import COMPARABLES_FILE
from publishing import admission, intake
from publishing.admission import Unjudged, admit, roll_back
from publishing.card import CARD_FILE, Card
from publishing.comparison import GATE_FILE, Comparison
from publishing.confinement import Limits
from publishing.contract import MODEL_FILE
from publishing.door import Door, Verdict, is_open, only_door, read_record
from publishing.publish import publish_converted, publish_folder
from publishing.repository import PRICE_MODEL, served, versions
from tests.conftest import ROOT, remove_newest
from tests.wrong_versions import NO_VERSIONS, WRONG, edit_card, prepare, rewrite, times
from training.improved import ImprovedModel
from training.sales import Sales

pytestmark = pytest.mark.once

SMALL = Limits(processor_s=60, memory_bytes=2 << 30)
"""An examination takes a tenth of that time, on a slow machine with other work half of it."""
EXAMINED = ("fails at a home", "asks for terabytes", "price x10", "NaN without a grade")
"""Wrong versions whose graph is run; the service's tests drop all of them."""


@pytest.fixture
def model(repository: Path) -> Path:
    """Return where versions are dropped."""
    return repository / PRICE_MODEL


@pytest.fixture
def door(repository: Path, files: DataFiles) -> Door:
    return Door(repository, lambda standin: files, limits=SMALL, settled_s=0.0)


def drop(version: Path, model: Path, number: int) -> Path:
    """Copy a version in by hand, as another folder that appears at once."""
    return version.rename(model / str(number))


def verdict(repository: Path, number: int) -> Verdict:
    return read_record(repository).verdicts[number]


def admitted(repository: Path) -> list[int]:
    return versions(served(repository) / PRICE_MODEL)


def test_a_good_version_is_admitted_under_its_own_number(
    door: Door, version: Path, model: Path, repository: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    drop(version, model, 7)
    door.look()
    assert admitted(repository) == [1, 7]
    assert verdict(repository, 7).state == "admitted"
    assert "price_model version 7 (basic-" in caplog.text
    assert 'valuation_door_version{version="7",state="admitted"} 1' in door.metrics()
    comparison = Comparison.read(served(repository) / PRICE_MODEL / "7")
    assert comparison is not None
    assert comparison.serving == Card.read(model / "1").price_model


@pytest.mark.parametrize("name", [name for name in WRONG if name in EXAMINED or name not in list(WRONG)[14:]])
def test_a_wrong_version_is_refused_with_the_reason(
    name: str, door: Door, model: Path, repository: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    drop(prepare(name, model / "1", tmp_path / "wrong"), model, 2)
    door.look()
    door.look()
    assert admitted(repository) == [1]
    assert verdict(repository, 2).state == "refused"
    assert re.search(WRONG[name][1], verdict(repository, 2).reason), verdict(repository, 2).reason
    (said,) = [record.getMessage() for record in caplog.records if "was refused" in record.getMessage()]
    assert verdict(repository, 2).reason in said
    assert 'valuation_door_version{version="2",state="refused"} 1' in door.metrics()
    assert not list((served(repository).parent / ".staging").glob("*/")), "nothing of it is left"


def test_a_copy_under_way_waits_and_then_serves(
    repository: Path, model: Path, version: Path, files: DataFiles, caplog: pytest.LogCaptureFixture
) -> None:
    door = Door(repository, lambda standin: files, settled_s=3600)
    content = (version / MODEL_FILE).read_bytes()
    (model / "2").mkdir()
    for part in (b"", content[:1000], content[:-1]):
        (model / "2" / MODEL_FILE).write_bytes(part)
        door.look()
        assert verdict(repository, 2).state == "incomplete"
    (model / "2" / MODEL_FILE).write_bytes(content)
    shutil.copy(version / CARD_FILE, model / "2")
    door.look()
    assert verdict(repository, 2).state == "incomplete", "the card names one more file"
    shutil.copy(version / COMPARABLES_FILE, model / "2")
    assert caplog.records == []
    door.look()
    assert admitted(repository) == [1, 2]


def test_what_is_refused_is_examined_again_only_when_it_changes(
    door: Door, model: Path, version: Path, repository: Path, files: DataFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    (version / "notes.txt").write_text("made on a Friday")
    drop(version, model, 2)
    door.look()
    taken_in: list[Path] = []

    def take_in(folder: Path, copy: Path) -> Card:
        taken_in.append(folder)
        return intake.take_in(folder, copy)

    monkeypatch.setattr(admission, "take_in", take_in)
    door.look()
    Door(repository, lambda standin: files).look()  # the next door knows what the last one found
    assert taken_in == []
    (model / "2" / "notes.txt").unlink()
    door.look()
    assert admitted(repository) == [1, 2]


def test_a_version_that_was_changed_in_place_goes_on_serving_as_it_was(
    door: Door, model: Path, version: Path, repository: Path
) -> None:
    drop(version, model, 2)
    door.look()
    before = (served(repository) / PRICE_MODEL / "2" / MODEL_FILE).read_bytes()
    rewrite(model / "2", lambda graph: times(graph, 1.01))
    door.look()
    assert (served(repository) / PRICE_MODEL / "2" / MODEL_FILE).read_bytes() == before
    assert "drop what changed under the next number" in verdict(repository, 2).reason
    (model / "2" / MODEL_FILE).write_bytes(before)
    shutil.copy(served(repository) / PRICE_MODEL / "2" / CARD_FILE, model / "2")
    door.look()
    assert verdict(repository, 2).state == "admitted"


def test_removing_the_newest_folder_rolls_back_and_the_last_one_stays(
    door: Door, model: Path, version: Path, repository: Path
) -> None:
    drop(version, model, 2)
    door.look()
    shutil.move(model / "2", version)
    door.look()
    assert admitted(repository) == [1]
    assert 2 not in read_record(repository).verdicts
    shutil.move(model / "1", version.with_name("away"))
    door.look()
    assert admitted(repository) == [1], "a mount that is away takes nothing down"
    (model / "2").mkdir()
    door.look()
    assert admitted(repository) == [1], "nor does a folder that cannot serve"


def test_a_version_that_is_removed_while_it_is_examined_never_serves(
    repository: Path, model: Path, version: Path, files: DataFiles
) -> None:
    folder = drop(version, model, 2)

    def remove() -> None:
        shutil.rmtree(folder, ignore_errors=True)

    with pytest.raises(Refused, match="taken away while it was examined"):
        admit(folder, repository, lambda standin: files, number=2, meanwhile=remove)
    assert admitted(repository) == [1]


def test_a_rollback_does_not_wait_for_an_examination(
    door: Door, repository: Path, model: Path, version: Path, files: DataFiles, tmp_path: Path
) -> None:
    good = Path(shutil.copytree(version, tmp_path / "good"))
    drop(good, model, 2)
    door.look()
    endless = drop(prepare("never ends", version, tmp_path / "endless"), model, 3)
    rolled_back: list[tuple[int, int]] = []

    def roll_back_once() -> None:
        if not rolled_back:
            rolled_back.append(roll_back(repository))

    with pytest.raises(Refused, match="processor time"):
        admit(
            endless, repository, lambda standin: files, number=3, limits=Limits(processor_s=5), meanwhile=roll_back_once
        )
    assert rolled_back == [(2, 1)]


def test_a_version_of_real_sales_waits_for_real_sales(
    repository: Path, model: Path, version: Path, caplog: pytest.LogCaptureFixture
) -> None:
    edit_card(version, data={"standin": False})
    door = Door(repository, lambda standin: standin_data())
    drop(version, model, 2)
    door.look()
    door.look()
    assert verdict(repository, 2).state == "unjudged"
    (said,) = caplog.messages
    assert "only made-up ones are here to judge it by: set DATA_DIR" in said
    assert admitted(repository) == [1]
    with pytest.raises(Unjudged):
        admit(model / "2", repository, lambda standin: standin_data(), number=2)


def test_a_full_disk_is_no_verdict(
    door: Door, repository: Path, model: Path, version: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    drop(version, model, 2)
    with monkeypatch.context() as full:

        def no_room(*given: object) -> None:
            raise OSError(errno.ENOSPC, "No space left on device")

        full.setattr(admission, "take_in", no_room)
        door.look()
    assert verdict(repository, 2).state == "unjudged"
    assert "No space left" in verdict(repository, 2).reason
    monkeypatch.setattr("publishing.door.RETRY_S", 0.0)
    again = Door(repository, door._market, limits=SMALL)
    again.look()
    assert admitted(repository) == [1, 2]


def test_a_configuration_that_is_being_edited_stays_out(door: Door, repository: Path, model: Path) -> None:
    """It goes along with the next start or version: a look at the folders is no deployment."""
    before = (served(repository) / PRICE_MODEL / "config.pbtxt").read_bytes()
    (model / "config.pbtxt").write_text("half a wo")
    door.look()
    assert (served(repository) / PRICE_MODEL / "config.pbtxt").read_bytes() == before


def test_names_of_no_version_are_said_once(
    door: Door, repository: Path, model: Path, caplog: pytest.LogCaptureFixture
) -> None:
    for name in NO_VERSIONS:
        shutil.copytree(model / "1", model / name)
    door.look()
    door.look()
    assert admitted(repository) == [1]
    said = [name for name in NO_VERSIONS for line in caplog.messages if f"price_model/{name} is no version" in line]
    assert said == [name for name in NO_VERSIONS if not name[0].isalpha()]


def test_what_a_killed_publisher_left_is_completed_with_its_reason(
    door: Door, repository: Path, model: Path, improved: ImprovedModel, sales: Sales
) -> None:
    """It dies between its two renames: the version lies where people put it, with its reason, and does not serve."""
    converted = convert_improved(improved, sales.table[sales.held_out])
    assert publish_converted(converted, sales, repository, "it knows more columns") == 2
    take_from_triton(repository)
    door.look()
    assert admitted(repository) == [1, 2]
    comparison = Comparison.read(served(repository) / PRICE_MODEL / "2")
    assert comparison is not None
    assert comparison.accepted == "it knows more columns"

    # Without its reason it is refused, and whoever gives one keeps its number.
    (model / "2" / GATE_FILE).unlink()
    take_from_triton(repository)
    door.look()
    assert "look at them, then publish with --accept" in verdict(repository, 2).reason
    assert publish_folder(model / "2", sales, repository, "it was asked for") == 2
    assert admitted(repository) == [1, 2]
    door.look()
    assert verdict(repository, 2).state == "admitted"


def take_from_triton(repository: Path) -> None:
    remove_newest(served(repository) / PRICE_MODEL)


def test_two_doors_never_look_after_one_repository(repository: Path) -> None:
    assert not is_open(repository)
    with only_door(repository):
        assert is_open(repository)
        command = [sys.executable, "-B", "-m", "publishing", "door", "--repository", str(repository)]
        with subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True) as second:
            assert second.stderr is not None
            assert "this one waits for its end" in second.stderr.readline()
            second.terminate()
            assert second.wait() == 0
    assert not is_open(repository)
