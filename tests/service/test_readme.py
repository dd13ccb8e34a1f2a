"""The README's commands do what it says, and its replies are what the service answers."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from client.valuation import OUTPUTS
from data.demographics import read_demographics
from data.standin import standin_data
from preprocessing.columns import EXAMPLE_HOME, HOME_COLUMN_NAMES, REQUIRED_COLUMN_NAMES
from tests.conftest import ROOT, publish_basic
from tests.service.conftest import Service, served_as
from training.sales import read_sales

pytestmark = pytest.mark.once

README = (ROOT / "README.md").read_text()
BLOCK = r"```{language}\n(.*?)\n```"
EXCHANGES = re.findall(
    "<!-- request -->\n"
    + BLOCK.format(language="sh")
    + "\n\n(?:.*?)<!-- reply( in short)? -->\n"
    + BLOCK.format(language="json"),
    README,
    re.DOTALL,
)


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """Serve what a fresh clone does: the basic model of the whole stand-in market."""
    folder, files = tmp_path_factory.mktemp("readme"), standin_data()
    published = publish_basic(read_sales(files), read_demographics(files.demographics), folder)
    with served_as(published, files, folder) as service:
        yield service


@pytest.mark.parametrize(
    ("command", "in_short", "documented"), EXCHANGES, ids=["one home", "two homes", "refused", "analysis"]
)
def test_a_documented_request_gets_the_documented_reply(
    command: str, in_short: str, documented: str, service: Service
) -> None:
    command = command.replace("127.0.0.1:8000", service.http)
    reply = json.loads(subprocess.run(command, shell=True, capture_output=True, check=True).stdout)
    expected = json.loads(documented)
    if in_short:
        reply = {name: reply[name] for name in expected}
    assert shape(reply) == shape(expected)
    if in_short:  # of sales that are as similar, a processor may choose others
        reply, expected = ({name: all_of[name] for name in OUTPUTS} for all_of in (reply, expected))
    # Words to the letter, prices but for their last digits, which are the processor's.
    assert nameless(reply) == {name: pytest.approx(value, abs=1) for name, value in nameless(expected).items()}


def nameless(reply: dict[str, Any]) -> dict[str, Any]:
    """Remove the day and the fingerprint of the model from a reply: they differ from machine to machine.

    On Python 3.13 the embedded server ends texts with blanks.
    """
    name = r"basic-\d{4}-\d\d-\d\d-[0-9a-f]{8}-standin"
    text = re.sub(r' +"', '"', json.dumps(reply, separators=(",", ":")))
    parsed: dict[str, Any] = json.loads(re.sub(name, "basic-standin", text))
    return parsed


def shape(reply: dict[str, Any]) -> dict[str, Any]:
    """Return the names and types of a reply, one by one within arrays."""
    return {
        name: [type(item) for item in value] if isinstance(value, list) else type(value)
        for name, value in reply.items()
    }


def test_all_exchanges_were_found() -> None:
    assert len(EXCHANGES) == README.count("<!-- request -->") == README.count("curl -s") == 4


def test_the_first_request_is_the_example_home() -> None:
    (body,) = re.findall(r"-d '(.*)'", EXCHANGES[0][0])
    assert json.loads(body) == EXAMPLE_HOME
    assert list(json.loads(body)) == list(HOME_COLUMN_NAMES)


def test_the_second_has_just_the_required_columns() -> None:
    (body,) = re.findall(r"-d '(.*)'", EXCHANGES[1][0])
    assert list(json.loads(body)) == list(REQUIRED_COLUMN_NAMES)


def targets() -> set[str]:
    return set(re.findall(r"^(\w+):", (ROOT / "Makefile").read_text(), re.MULTILINE))


def test_every_make_command_exists() -> None:
    assert set(re.findall(r"(?:^|`)make (\w+)", README, re.MULTILINE)) <= targets()


@pytest.mark.skipif(not (shutil.which("git") and (ROOT / ".git").exists()), reason="needs git and a clone")
def test_every_folder_is_listed_with_its_purpose() -> None:
    listed = set(re.findall(r"^\| `(\w+)/` \|", README, re.MULTILINE))
    tracked = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert listed == {Path(line).parts[0] for line in tracked.splitlines() if "/" in line and not line.startswith(".")}


def test_the_python_example_runs(service: Service) -> None:
    (example,) = re.findall(BLOCK.format(language="python"), README, re.DOTALL)
    lines: list[tuple[float, ...]] = []
    program = example.replace("localhost:8000", service.http)
    exec(program, {"homes": [EXAMPLE_HOME], "print": lambda *values: lines.append(values)})
    ((low, price, high),) = lines
    assert low < price < high
