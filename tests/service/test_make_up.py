"""``make up`` as a newcomer meets it: a checkout, one command, a curl line that works, Ctrl-C."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import urllib.parse
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest

from data.files import DATA_DIR, DataFiles
from preprocessing.columns import EXAMPLE_HOME
from publishing.card import Card
from serving.ports import USUAL, free_ports
from tests.conftest import ROOT

pytestmark = pytest.mark.once

BUILT = (".git", ".venv", "build", "standin", ".staging", "warmup", "[0-9]*", "*_cache", "__pycache__", "*.csv")


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Copy what git holds, without anything built, beside an environment that is installed already."""
    return copy_of_the_project(tmp_path_factory.mktemp("checkout") / "Häuser & Preise")  # as people name folders


@pytest.fixture(scope="module")
def trained(published: tuple[Path, Card], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a checkout in which a model was trained before."""
    folder = copy_of_the_project(tmp_path_factory.mktemp("trained") / "project")
    shutil.copytree(published[0].parent, folder, dirs_exist_ok=True)
    return folder


def copy_of_the_project(folder: Path) -> Path:
    shutil.copytree(ROOT, folder, ignore=shutil.ignore_patterns(*BUILT))
    (folder / ".venv").symlink_to(ROOT / ".venv")
    return folder


def some_ports() -> dict[str, str]:
    return {variable: str(port) for variable, port in free_ports(dict.fromkeys(USUAL, 0)).items()}


@contextmanager
def make_up(checkout: Path, data: str, ports: dict[str, str]) -> Iterator[tuple[subprocess.Popen[str], list[str]]]:
    """Run ``make up`` until it has printed its curl line; yield its process and what it has said so far."""
    process = subprocess.Popen(
        ["make", "up"],
        cwd=checkout,
        env={**without_make(os.environ), DATA_DIR: data, **ports},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    assert process.stdout is not None
    said: list[str] = []
    try:
        for line in process.stdout:
            said.append(line.rstrip())
            if line.startswith("curl "):
                break
        yield process, said
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        process.stdout.close()


def without_make(environment: Mapping[str, str]) -> dict[str, str]:
    """Act as in a newcomer's shell: inside `make test`, make would print the directories that it enters and leaves."""
    return {name: value for name, value in environment.items() if name not in ("MAKEFLAGS", "MAKELEVEL", "MFLAGS")}


def stop(process: subprocess.Popen[str]) -> str:
    """Press Ctrl-C, which a terminal sends to everything that runs in the foreground."""
    assert process.stdout is not None
    os.killpg(process.pid, signal.SIGINT)
    rest = process.stdout.read()
    process.wait()
    return rest


@pytest.mark.parametrize("kind", ["stand-in", "real"])
def test_from_nothing_to_a_price_and_back(
    kind: str, checkout: Path, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    """The stand-in market comes first; then, in the same checkout, real data take its place."""
    files: DataFiles | None = request.getfixturevalue("real_files") if kind == "real" else None
    ports = some_ports()
    with make_up(checkout, str(files.folder) if files else "", ports) as (process, said):
        assert said and said[-1].startswith("curl -s http://127.0.0.1:"), "\n".join(said)
        assert any("STAND-IN MARKET" in line for line in said) == (files is None)
        reply = json.loads(subprocess.run(said[-1], shell=True, capture_output=True, check=True).stdout)
        assert 0 < reply["price_low"] < reply["price"] < reply["price_high"]
        assert reply["price_model"].rstrip().endswith("-standin") == (files is None)
        (desk,) = [line.removeprefix("Desk     ") for line in said if line.startswith("Desk ")]
        assert desk == f"http://127.0.0.1:{ports['DESK_PORT']}"
        with urllib.request.urlopen(f"{desk}/?{urllib.parse.urlencode(EXAMPLE_HOME)}", timeout=60) as page:
            assert f"${reply['price']:,.0f}" in page.read().decode()
        rest = stop(process)
    assert "Stopped" in rest.splitlines(), rest
    assert "Traceback" not in rest
    assert process.returncode in (0, -signal.SIGINT)  # make itself may end by the signal
    with pytest.raises(OSError, match="refused"):
        socket.create_connection(("127.0.0.1", int(ports["HTTP_PORT"])))


def test_a_second_start_trains_nothing(trained: Path) -> None:
    versions = sorted((trained / "model_repository" / "price_model").glob("[0-9]*"))
    with make_up(trained, "", some_ports()) as (process, said):
        assert said and said[-1].startswith("curl "), "\n".join(said)
        assert not any("training" in line for line in said)
        stop(process)
    assert sorted((trained / "model_repository" / "price_model").glob("[0-9]*")) == versions


def test_a_folder_that_is_copied_in_goes_live_and_commands_end_when_the_service_has_followed(
    trained: Path, files: DataFiles, published: tuple[Path, Card]
) -> None:
    data, ports = str(files.folder), some_ports()
    model = trained / "model_repository" / "price_model"

    def make(*arguments: str) -> str:
        environment = {**without_make(os.environ), DATA_DIR: data}
        return subprocess.run(
            ["make", *arguments], cwd=trained, env=environment, capture_output=True, text=True, check=True
        ).stdout

    with make_up(trained, data, ports) as (process, _):
        assert process.stdout is not None
        shutil.copytree(model / "1", model / "2")
        for line in process.stdout:
            if "price_model version 2 is live" in line:
                break
        said = " ".join(make("rollback").split())
        assert f"The service at 127.0.0.1:{ports['HTTP_PORT']} answers with version 1" in said
        said = " ".join(make("publish", f"VERSION={published[0] / 'price_model' / '1'}").split())
        assert f"The service at 127.0.0.1:{ports['HTTP_PORT']} answers with version 2" in said
        assert [path.name for path in sorted(model.glob("[0-9]*"))] == ["1", "2"]
        stop(process)
    assert "No service runs on this repository now" in " ".join(make("rollback").split())


def test_a_taken_port_is_reported_in_one_line(trained: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        ports = {**some_ports(), "HTTP_PORT": str(taken.getsockname()[1])}
        with make_up(trained, "", ports) as (process, said):
            assert process.wait() != 0
    complaints = [line for line in said if ports["HTTP_PORT"] in line]
    assert len(complaints) == 1
    assert "HTTP_PORT" in complaints[0]


def test_data_that_are_not_there_are_reported_in_one_line(trained: Path, tmp_path: Path) -> None:
    with make_up(trained, str(tmp_path), some_ports()) as (process, said):
        assert process.wait() != 0
    (complaint,) = [line for line in said if str(tmp_path) in line]
    assert "kc_house_data.csv" in complaint
    assert "Traceback" not in "\n".join(said)
