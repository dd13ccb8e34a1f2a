"""Where the embedded server cannot run, one line says why and what to do."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from serving.bundle import Host, ServerUnavailable, find_bundle

FITTING = Host(system="Linux", machine="x86_64", glibc=(2, 36))


def no_library(name: str) -> None:
    return None


@pytest.mark.parametrize(
    ("host", "found", "advice"),
    [
        (replace(FITTING, system="Darwin", machine="arm64"), "Darwin arm64", "docker compose up"),
        (replace(FITTING, machine="aarch64"), "Linux aarch64", "docker compose up"),
        (replace(FITTING, glibc=(2, 34)), "glibc 2.34", "docker compose up"),
        (replace(FITTING, glibc=None), "no glibc", "docker compose up"),
        (replace(FITTING, python=(3, 9)), "3.9", "make up"),
        (replace(FITTING, python=(3, 14)), "3.14", "make up"),
        (replace(FITTING, package="no_such_package"), "not installed", "make up"),
        (
            replace(FITTING, python=(3, 12), python_lib_folders=(Path("/nowhere"),), find_library=no_library),
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


def test_a_package_without_its_server_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "hollow_pytriton").mkdir()
    (tmp_path / "hollow_pytriton" / "__init__.py").touch()
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ServerUnavailable, match=r"tritonserver is missing; remove \.venv and run `make up`"):
        find_bundle(replace(FITTING, package="hollow_pytriton"))


def test_libpython_is_taken_from_the_folder_that_has_it(tmp_path: Path) -> None:
    (tmp_path / "libpython3.12.so.1.0").touch()
    host = replace(FITTING, python=(3, 12), python_lib_folders=(Path("/nowhere"), tmp_path), find_library=no_library)
    bundle = find_bundle(host)
    assert bundle.python_library_folder == tmp_path
    assert bundle.python_stub.parent.name == "3.12"


def test_a_libpython_the_loader_knows_needs_no_folder() -> None:
    host = replace(FITTING, python=(3, 12), python_lib_folders=(), find_library=lambda name: "libpython3.12.so.1.0")
    assert find_bundle(host).python_library_folder is None


def test_every_part_of_the_installed_bundle_exists() -> None:
    bundle = find_bundle()
    assert bundle.binary.is_file()
    assert bundle.python_stub.is_file()
    assert (bundle.python_backend / "libtriton_python.so").is_file()
    assert list(bundle.libraries.glob("libtritonserver*"))
