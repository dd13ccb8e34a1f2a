"""After ``docker compose up`` the README's lines work, through the gateway."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.service.asking import PROTOCOLS, Asker
from tests.service.callers import HOME, MODELS
from tests.stack.conftest import Stack


def test_the_readmes_first_request(stack: Stack) -> None:
    request = re.search(r"<!-- request -->\n```sh\n(curl .*)\n```", (ROOT / "README.md").read_text())
    assert request
    command = request[1].replace("127.0.0.1:8000", stack.http)
    done = subprocess.run(["sh", "-c", command], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout)["price"] > 0, done.stdout


def test_a_port_that_is_taken_is_said_before_anything_is_trained(stack: Stack, tmp_path: Path) -> None:
    folder = tmp_path / "project"
    shutil.copytree(stack.folder, folder, ignore=shutil.ignore_patterns("build", "[1-9]"))
    other = Stack(folder, {**stack.environment, "COMPOSE_PROJECT_NAME": f"other-{os.getpid()}"})  # at the same ports
    try:
        with pytest.raises(AssertionError, match="port is already allocated"):
            other.compose("up", "--detach")
        assert not (folder / "model_repository/price_model/1").exists()
    finally:
        other.compose("down", "--volumes", "--timeout", "1")


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("model", MODELS)
def test_every_protocol_passes_the_gateway(protocol: str, model: str, stack_asker: Asker) -> None:
    outputs = stack_asker.ask(protocol, model, MODELS[model]).outputs
    assert outputs["price_low"][0] <= outputs["price"][0] <= outputs["price_high"][0]


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_the_largest_batch_passes_the_gateway(protocol: str, stack_asker: Asker) -> None:
    batch = {name: values * 1024 for name, values in HOME.items()}
    assert len(stack_asker.ask(protocol, "house_price", batch).outputs["price"]) == 1024


def test_what_was_published_belongs_to_the_owner_of_the_folder(stack: Stack) -> None:
    version = stack.folder / "model_repository" / "price_model" / "1"
    assert version.stat().st_uid == stack.folder.stat().st_uid
    assert version.stat().st_mode & 0o005 == 0o005, "Triton runs as another user"


def test_a_second_start_publishes_nothing_new(stack: Stack) -> None:
    before = sorted(path.name for path in (stack.folder / "model_repository").rglob("*"))
    stack.compose("run", "--rm", "models")
    assert sorted(path.name for path in (stack.folder / "model_repository").rglob("*")) == before


def test_the_client_runs_in_a_container_too(stack: Stack) -> None:
    command = ["run", "--rm", "--no-deps", "--entrypoint", "python", "models", "client/send_examples.py"]
    lines = stack.compose(*command, "--url", "gateway:8000", "--limit", "2", "--json").splitlines()
    assert [json.loads(line)["price"] > 0 for line in lines] == [True, True]
