"""Where the embedded server cannot run, one line says why and what to do."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from serving import libpython
from serving.bundle import MACHINES, Host, ServerUnavailable, find_bundle

FITTING = Host(system="Linux", machine="x86_64", glibc=(2, 36))


@pytest.mark.parametrize(
    ("host", "found", "advice"),
    [
        (replace(FITTING, system="Darwin", machine="arm64"), "Darwin arm64", "docker compose up"),
        (replace(FITTING, machine="armv7l"), "Linux armv7l", "docker compose up"),
        (replace(FITTING, glibc=(2, 34)), "glibc 2.34", "docker compose up"),
        (replace(FITTING, glibc=None), "no glibc", "docker compose up"),
        (replace(FITTING, python=(3, 9)), "3.9", "make up"),
        (replace(FITTING, python=(3, 14)), "3.14", "make up"),
        (replace(FITTING, package="no_such_package"), "not installed", "make up"),
        (
            replace(FITTING, python=(3, 12), find_libpython=lambda: None),
            "libpython3.12.so.1.0",
            "apt-get install libpython3.12",
        ),
    ],
)
def test_what_does_not_fit_is_named_with_what_to_do(host: Host, found: str, advice: str) -> None:
    with pytest.raises(ServerUnavailable) as caught:
        find_bundle(host)
    message = str(caught.value)
    assert found in message
    assert advice in message
    assert "\n" not in message


@pytest.mark.parametrize("machine", MACHINES)
def test_the_server_is_found_on_every_processor_that_has_a_wheel(machine: str) -> None:
    assert find_bundle(replace(FITTING, machine=machine)).binary.is_file()


def test_a_package_without_its_server_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "hollow_pytriton").mkdir()
    (tmp_path / "hollow_pytriton" / "__init__.py").touch()
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ServerUnavailable, match=r"tritonserver is missing; remove \.venv and run `make up`"):
        find_bundle(replace(FITTING, package="hollow_pytriton"))


def test_the_stub_gets_the_library_of_its_own_python_under_every_name_it_may_ask_for() -> None:
    own = Path("/opt/python/lib/libpython3.13.so.1.0")
    bundle = find_bundle(replace(FITTING, python=(3, 13), find_libpython=lambda: own))
    assert bundle.libpython == own
    assert bundle.python_stub.parent.name == "3.13"
    name, copy = bundle.libpython_names
    assert name == "libpython3.13.so.1.0"
    assert (bundle.libraries / copy).is_file()


def test_the_wheels_copy_of_another_python_is_left_alone() -> None:
    assert find_bundle(replace(FITTING, python=(3, 12))).libpython_names == ("libpython3.12.so.1.0",)


def test_libpython_is_taken_from_the_folder_that_has_it(tmp_path: Path) -> None:
    (tmp_path / libpython.NAME).touch()
    assert libpython.find([Path("/nowhere"), tmp_path], loader=lambda name: None) == tmp_path / libpython.NAME


def test_libpython_is_asked_of_the_loader_last() -> None:
    known = Path("/lib/elsewhere", libpython.NAME)
    assert libpython.find([Path("/nowhere")], loader=lambda name: known) == known
    assert libpython.find([Path("/nowhere")], loader=lambda name: None) is None


def test_the_loader_tells_the_file_it_took() -> None:
    path = libpython.known_to_the_loader("libc.so.6")
    assert path is not None
    assert path.is_file()
    assert libpython.known_to_the_loader("libnothing.so.1") is None


def test_every_part_of_the_installed_bundle_exists() -> None:
    bundle = find_bundle()
    assert bundle.binary.is_file()
    assert bundle.python_stub.is_file()
    assert (bundle.python_backend / "libtriton_python.so").is_file()
    assert list(bundle.libraries.glob("libtritonserver*"))
