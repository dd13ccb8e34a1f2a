"""Before a server starts, the Python of Triton's stub runs once; where it can't, one line says why."""

from __future__ import annotations

import os
import re
import shutil
import stat
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from serving import stub_check, workspace
from serving.bundle import ServerUnavailable, find_bundle
from serving.embedded import server_environment
from tests.conftest import ROOT


@dataclass(frozen=True)
class Stub:
    """The stub as a server would start it."""

    path: Path
    environment: dict[str, str]
    libraries: Path


@pytest.fixture
def stub() -> Iterator[Stub]:
    bundle, space = find_bundle(), workspace.Workspace()
    backends, libraries = space.lay_out_backends(bundle), space.lay_out_libraries(bundle)
    path = backends / "python" / bundle.python_stub.name
    yield Stub(path, server_environment(bundle, libraries, os.environ), libraries)
    space.remove()


def complaint(stub: Stub, **environment: str) -> str:
    with pytest.raises(ServerUnavailable) as caught:
        stub_check.check(stub.path, {**stub.environment, **environment})
    message = str(caught.value)
    assert "\n" not in message
    return message


def test_the_stub_of_this_machine_runs(stub: Stub) -> None:
    stub_check.check(stub.path, stub.environment)


def test_stubs_start_no_thread_for_every_processor_here_and_in_containers(stub: Stub) -> None:
    compose = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]["triton"]["environment"]
    assert stub.environment["OPENBLAS_NUM_THREADS"] == compose["OPENBLAS_NUM_THREADS"] == "1"


def test_onnxruntime_tells_nobody_what_it_runs(stub: Stub) -> None:
    compose = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]["triton"]["environment"]
    assert stub.environment["ORT_DISABLE_TELEMETRY"] == compose["ORT_DISABLE_TELEMETRY"] == "1"
    environment = {name: value for name, value in os.environ.items() if name != "ORT_DISABLE_TELEMETRY"}
    program = "import publishing.contract, os; print(os.environ['ORT_DISABLE_TELEMETRY'])"
    said = subprocess.run([sys.executable, "-c", program], cwd=ROOT, env=environment, capture_output=True, check=True)
    assert said.stdout == b"1\n"
    # It is imported in these places alone: behind the line that tells it, and in a server, which is told by the above.
    code = [
        path
        for room in ("conversion", "evaluation", "publishing", "serving", "training")
        for path in (ROOT / room).rglob("*.py")
    ]
    importing = [path for path in code if re.search(r"^(import|from) onnxruntime", path.read_text(), re.MULTILINE)]
    assert {path.name for path in importing} == {"graph.py", "model.py"}


def test_the_library_under_test_is_the_interpreters_own(stub: Stub) -> None:
    (loaded,) = (path for name, path in stub_check.loaded_by(stub.path, stub.environment).items() if "python" in name)
    assert Path(loaded).parent == stub.libraries
    assert Path(loaded).resolve() == find_bundle().libpython.resolve()


def test_a_module_that_this_python_lacks_is_named(stub: Stub, tmp_path: Path) -> None:
    (tmp_path / "datetime.py").write_text("import _no_such_module\n")
    said = complaint(stub, PYTHONPATH=str(tmp_path))
    assert "No module named '_no_such_module'" in said
    assert "PYTHON=" in said


def test_a_library_without_its_standard_library_is_named(stub: Stub) -> None:
    assert f"fails with {find_bundle().libpython.resolve()}: " in complaint(stub, PYTHONHOME="/nowhere")


def test_a_missing_library_is_named(stub: Stub) -> None:
    assert "finds no libcudart" in complaint(stub, LD_LIBRARY_PATH=str(stub.libraries))


def test_a_library_that_is_none_is_named(stub: Stub) -> None:
    for link in stub.libraries.iterdir():
        link.unlink()
        link.write_bytes(b"not a library")
    assert "libpython" in complaint(stub)


def test_a_file_system_that_runs_no_programs_is_told_from_a_broken_stub(stub: Stub, tmp_path: Path) -> None:
    copy = Path(shutil.copy(stub.path, tmp_path))
    copy.chmod(stat.S_IRUSR)
    said = complaint(Stub(copy, stub.environment, stub.libraries))
    assert str(tmp_path) in said
    assert "TMPDIR" in said
