"""``environment.sh`` says in one line what a machine lacks, before anything is installed."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from serving.bundle import MACHINES
from tests.conftest import ROOT


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """Create a folder with nothing but the script, what it runs, and a lock file that installs nothing."""
    shutil.copy(ROOT / "environment.sh", tmp_path)
    (tmp_path / "serving").mkdir()
    shutil.copy(ROOT / "serving" / "libpython.py", tmp_path / "serving")
    (tmp_path / "empty.lock").write_text("# nothing\n")
    return tmp_path


def run(checkout: Path, *, python: str = sys.executable, **commands: str) -> subprocess.CompletedProcess[str]:
    """Run the script with some commands of the system replaced."""
    fakes = checkout / "fakes"
    fakes.mkdir()
    for name, body in commands.items():
        (fakes / name).write_text(f"#!/bin/sh\n{body}\n")
        (fakes / name).chmod(0o755)
    # pip asks nobody: what it would be told, and after how many seconds, is not what is tested.
    environment = {"PATH": f"{fakes}:/usr/bin:/bin", "PYTHON": python, "PIP_NO_INDEX": "1"}
    command = ["sh", str(checkout / "environment.sh"), "empty.lock"]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


def fake_python(checkout: Path, source: str) -> str:
    """Write an interpreter that first runs ``source``, then what it is given."""
    path = checkout / "fake_python"
    path.write_text(
        f"#!/bin/sh\n[ \"$1\" = - ] && {{ {{ cat <<'FAKE'\n{source}\nFAKE\ncat; }} | exec {sys.executable} -; }}\n"
        f'exec {sys.executable} "$@"\n'
    )
    path.chmod(0o755)
    return str(path)


@pytest.mark.parametrize(
    ("commands", "said"),
    [
        ({"uname": "[ $1 = -s ] && echo Darwin || echo arm64"}, "this is Darwin arm64"),
        ({"uname": "[ $1 = -s ] && echo Linux || echo armv7l"}, "this is Linux armv7l"),
        ({"getconf": "echo glibc 2.31"}, "this machine has glibc 2.31"),
        ({"getconf": "exit 1"}, "this machine has no glibc"),
    ],
)
def test_a_machine_that_cannot_run_it_is_told_what_can(commands: dict[str, str], said: str, checkout: Path) -> None:
    done = run(checkout, **commands)
    assert done.returncode == 1
    assert said in done.stderr
    assert "docker compose up" in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert not (checkout / ".venv").exists()


@pytest.mark.parametrize("machine", MACHINES)
def test_every_processor_that_the_server_runs_on_gets_as_far_as_python(machine: str, checkout: Path) -> None:
    done = run(checkout, python="no-such-python", uname=f"[ $1 = -s ] && echo Linux || echo {machine}")
    assert done.stderr.startswith("No python3 here")


@pytest.mark.parametrize(("minor", "said"), [(14, "is Python 3.14.0"), (9, "is Python 3.9.0")])
def test_another_python_is_named(minor: int, said: str, checkout: Path) -> None:
    source = (
        "import sys, types\n"
        f"class Version(tuple): minor = {minor}\n"
        f"sys.version_info, sys.version = Version((3, {minor}, 0)), '3.{minor}.0 (main)'\n"
    )
    done = run(checkout, python=fake_python(checkout, source))
    assert done.returncode == 1
    assert said in done.stderr
    assert "install Python 3.10 to 3.13" in done.stderr
    assert len(done.stderr.splitlines()) == 1


NO_LIBRARY = """
import ctypes, importlib.util, sys, sysconfig
def absent(path): raise OSError(path)
ctypes.CDLL = absent
sysconfig.get_config_var = lambda name: "/nowhere"
"""


def test_missing_parts_of_python_are_named_as_packages(checkout: Path) -> None:
    minor = sys.version_info.minor
    source = NO_LIBRARY + "importlib.util.find_spec = lambda name: None\nsys.base_prefix = '/usr'\n"
    done = run(checkout, python=fake_python(checkout, source))
    assert done.returncode == 1
    assert done.stderr.endswith(f"apt-get install python3.{minor}-venv libpython3.{minor}.\n")
    assert len(done.stderr.splitlines()) == 1


def test_a_python_built_without_its_library_is_told_from_one_that_lacks_a_package(checkout: Path) -> None:
    source = NO_LIBRARY + "sys.base_prefix = '/opt/python'\n"
    done = run(checkout, python=fake_python(checkout, source))
    assert done.returncode == 1
    assert f"was built without libpython3.{sys.version_info.minor}.so.1.0" in done.stderr
    assert "install Python 3.10 to 3.13" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_no_python_at_all(checkout: Path) -> None:
    done = run(checkout, python="no-such-python")
    assert done.returncode == 1
    assert done.stderr.startswith("No python3 here; install Python 3.10 to 3.13")


@pytest.mark.slow
def test_a_failing_installation_shows_why_and_where(checkout: Path) -> None:
    (checkout / "empty.lock").write_text("no-such-package==1.0 --hash=sha256:" + "0" * 64 + "\n")
    done = run(checkout, python=sys.executable, true="")
    assert done.returncode == 1
    assert "no-such-package" in done.stderr
    assert "build/pip.log" in done.stderr


@pytest.mark.skipif(not (ROOT / ".git").exists() or shutil.which("git") is None, reason="needs a clone, and git")
def test_a_clone_on_windows_has_the_line_ends_that_containers_read(tmp_path: Path) -> None:
    windows = ["-c", "core.autocrlf=true", "-c", "core.eol=crlf"]
    subprocess.run(["git", "clone", "--quiet", "--depth", "1", *windows, ROOT.as_uri(), tmp_path / "clone"], check=True)
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=tmp_path / "clone", capture_output=True, check=True)
    names = listed.stdout.decode().rstrip("\0").split("\0")
    text = [name for name in names if not name.endswith((".png", ".pdf"))]
    assert len(text) > 200
    assert [name for name in text if b"\r\n" in (tmp_path / "clone" / name).read_bytes()] == []
