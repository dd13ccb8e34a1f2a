"""Finds the Triton server that the ``nvidia-pytriton`` wheel carries, and says what is missing.

Only the wheel's files are used; ``pytriton`` itself is never imported.
"""

from __future__ import annotations

import importlib.util
import os
import platform
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from serving import libpython

MACHINES = ("x86_64", "aarch64")
"""The processors, as Linux names them, for which there is a wheel."""
OLDEST_GLIBC = (2, 35)
PYTHONS = ((3, 10), (3, 13))
"""The oldest and the newest Python with a stub in the wheel."""
IN_CONTAINERS = "`docker compose up` serves the same models in containers"


class ServerUnavailable(RuntimeError):
    """The embedded server cannot run here; the message is one line that says what to do."""


@dataclass(frozen=True)
class Host:
    """Hold what the bundled server needs to know of the machine and of the Python that starts it."""

    system: str = field(default_factory=platform.system)
    machine: str = field(default_factory=platform.machine)
    glibc: tuple[int, int] | None = field(default_factory=lambda: _running_glibc())
    python: tuple[int, int] = (sys.version_info.major, sys.version_info.minor)
    find_libpython: Callable[[], Path | None] = libpython.find
    package: str = "pytriton"


@dataclass(frozen=True)
class Bundle:
    """Hold where the parts of the server are."""

    binary: Path
    libraries: Path
    python_backend: Path
    python_stub: Path
    libpython: Path
    """The shared library of the Python that runs this."""
    libpython_names: tuple[str, ...]
    """The names under which a stub may ask the loader for it."""


def find_bundle(host: Host | None = None) -> Bundle:
    """Return the bundled server for ``host``, by default this machine.

    Raises:
        ServerUnavailable: if the machine, the Python, the wheel or ``libpython`` does not fit.
    """
    host = host or Host()
    _check_machine(host)
    spec = importlib.util.find_spec(host.package)
    if spec is None or not spec.submodule_search_locations:
        raise ServerUnavailable("The wheel nvidia-pytriton is not installed in this environment; `make up` installs it")
    package = Path(next(iter(spec.submodule_search_locations)))
    server = package / "tritonserver"
    version = "{}.{}".format(*host.python)
    libraries = package.parent / "nvidia_pytriton.libs"
    # The stub for 3.13 asks for a copy in the wheel by a name of its own, and that copy looks for modules as files
    # which Debian builds into its library.
    copies = (path.name for path in libraries.glob(f"libpython3-*.{host.python[1]}.so.1.0"))
    bundle = Bundle(
        binary=server / "bin" / "tritonserver",
        libraries=libraries,
        python_backend=server / "backends" / "python",
        python_stub=server / "python_backend_stubs" / version / "triton_python_backend_stub",
        libpython=_libpython(host, version),
        libpython_names=(f"libpython{version}.so.1.0", *copies),
    )
    for part in (bundle.binary, bundle.libraries, bundle.python_backend, bundle.python_stub):
        if not part.exists():
            raise ServerUnavailable(f"nvidia-pytriton is incomplete: {part} is missing; remove .venv and run `make up`")
    return bundle


def _check_machine(host: Host) -> None:
    if host.system != "Linux" or host.machine not in MACHINES:
        raise ServerUnavailable(
            f"The embedded Triton runs on Linux {' and '.join(MACHINES)}, this is {host.system} {host.machine}; "
            f"{IN_CONTAINERS}"
        )
    if host.glibc is None or host.glibc < OLDEST_GLIBC:
        found = "no glibc" if host.glibc is None else "glibc {}.{}".format(*host.glibc)
        raise ServerUnavailable(
            "The embedded Triton needs glibc {}.{} or newer, this machine has {}; {}".format(
                *OLDEST_GLIBC, found, IN_CONTAINERS
            )
        )
    if not PYTHONS[0] <= host.python <= PYTHONS[1]:
        raise ServerUnavailable(
            "The embedded Triton works with Python {}.{} to {}.{}, this is {}.{}; "
            "remove .venv and run `make up` with one of these".format(*PYTHONS[0], *PYTHONS[1], *host.python)
        )


def _running_glibc() -> tuple[int, int] | None:
    try:
        name, _, version = (os.confstr("CS_GNU_LIBC_VERSION") or "").partition(" ")
    except (ValueError, AttributeError):
        return None
    major, _, minor = version.partition(".")
    return (int(major), int(minor)) if name == "glibc" else None


def _libpython(host: Host, version: str) -> Path:
    library = host.find_libpython()
    if library is None:
        raise ServerUnavailable(
            f"libpython{version}.so.1.0 is missing, and Triton's Python backend needs it: `apt-get install "
            f"libpython{version}` (Debian, Ubuntu), or use a Python from pyenv or uv, which brings it"
        )
    return library
