"""``python -m serving``: what it says, and how it ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from serving.ports import ANY_FREE, LOOPBACK, Ports, free
from tests.conftest import ROOT
from tests.service.echo import ECHO, REFUSES, eventually, publish


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    publish(tmp_path / "repository", ECHO)
    return tmp_path / "repository"


def run_serving(repository: Path, ports: Ports, *options: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "serving", "--no-door", "--no-desk", "--repository", str(repository), *options]
    ports_given = {"HTTP_PORT": ports.http, "GRPC_PORT": ports.grpc, "METRICS_PORT": ports.metrics}
    return subprocess.Popen(
        command,
        cwd=ROOT,
        env={**os.environ, **{name: str(port) for name, port in ports_given.items()}},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_command_announces_itself_and_stops_cleanly(
    repository: Path, tmp_path: Path, number: signal.Signals
) -> None:
    example = tmp_path / "home.json"
    example.write_text('{"bedrooms": 3,\n "note": "it\'s"}')
    ports = free(ANY_FREE)
    options = ["--wait-for", "echo", "--example", str(example), "--log", str(tmp_path / "triton.log")]
    with run_serving(repository, ports, *options) as process:
        assert process.stdout is not None
        shown = []
        for line in process.stdout:
            shown.append(line.rstrip("\n"))
            if line.startswith("curl"):
                process.send_signal(number)
        assert process.wait() == 0, shown
    assert "echo version 1 is live" in shown
    assert f"HTTP     http://{LOOPBACK}:{ports.http}" in shown
    [curl] = [line for line in shown if line.startswith("curl")]
    assert f"http://{LOOPBACK}:{ports.http}/v2/models/house_price_single/generate" in curl
    assert (
        subprocess.check_output(["sh", "-c", curl.replace("curl", "printf '%s\\n'", 1)], text=True).splitlines()[-1]
        == '{"bedrooms": 3, "note": "it\'s"}'
    )


def test_the_command_can_be_stopped_while_it_loads(repository: Path, tmp_path: Path) -> None:
    publish(repository, "import time\nclass TritonPythonModel:\n    def initialize(self, a): time.sleep(600)", "slow")
    options = ["--wait-for", "slow", "--log", str(tmp_path / "triton.log")]
    with run_serving(repository, free(ANY_FREE), *options) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "Loading slow\n"
        process.send_signal(signal.SIGINT)
        shown = process.stdout.read().splitlines()
        assert process.wait() == 0, shown
    assert shown[-1] == "Stopped"
    assert set(shown) <= {"echo version 1 is live", "Stopped"}


def test_a_second_signal_kills_what_takes_its_time(repository: Path, tmp_path: Path) -> None:
    lingers = ECHO + "\n    def finalize(self):\n        import time\n        time.sleep(3600)\n"
    publish(repository, lingers, "lingers")
    log = tmp_path / "triton.log"
    options = ["--wait-for", "lingers", "--log", str(log)]
    with run_serving(repository, free(ANY_FREE), *options) as process:
        assert process.stdout is not None
        assert any(line.startswith("HTTP ") for line in process.stdout)
        process.send_signal(signal.SIGINT)
        assert eventually(lambda: "Signal (15) received" in log.read_text())
        process.send_signal(signal.SIGINT)
        assert process.stdout.read().splitlines()[-1] == "Stopped"
        assert process.wait() == 0
    assert "Exit timeout expired" not in log.read_text()


def test_the_command_fails_in_one_line_when_a_model_does_not_load(tmp_path: Path) -> None:
    publish(tmp_path / "repository", REFUSES)
    options = ["--wait-for", "echo", "--log", str(tmp_path / "triton.log")]
    with run_serving(tmp_path / "repository", free(ANY_FREE), *options) as process:
        assert process.stdout is not None
        shown = process.stdout.read().splitlines()
        assert process.wait() == 1
    assert "the moon is in the wrong phase" in shown[-1]
    assert not any("Traceback" in line for line in shown)
