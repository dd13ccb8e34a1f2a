"""Runs the Python of Triton's stub once, before a server starts.

A stub whose Python fails ends at once, and Triton 24.10 then stays in LOADING for ever. The stub itself does nothing
without a server, so its Python runs alone: the library that the loader gives the stub, in the stub's environment.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from serving.bundle import IN_CONTAINERS, ServerUnavailable

NEEDED = "import datetime, json, opcode, ctypes, numpy"
"""What Triton's part of the stub, the models and the backend import first."""
SECONDS = 60
_LIBRARY = re.compile(r"^\s*(?P<name>\S+) => (?P<path>.*?)(?: \(0x[0-9a-f]+\))?$", re.MULTILINE)


def check(stub: Path, environment: Mapping[str, str]) -> None:
    """Run the Python of ``stub`` in ``environment`` and let it import what it needs; takes about 0.2 s.

    Raises:
        ServerUnavailable: with the reason that the loader or that Python gave.
    """
    libraries = loaded_by(stub, environment)
    missing = sorted(name for name, path in libraries.items() if path == "not found")
    if missing:
        raise _unavailable(f"finds no {', '.join(missing)}")
    library = next((path for name, path in libraries.items() if name.startswith("libpython3")), None)
    if library is None:
        raise _unavailable("loads no libpython")
    command = [sys.executable, "-I", "-S", str(Path(__file__).with_name("stub_python.py")), library, NEEDED]
    # A session of its own, so that Ctrl-C is answered by the caller alone.
    done = _run(command, environment)
    if done.returncode != 0:
        raise _unavailable(f"fails with {Path(library).resolve()}: {_reason(done)}")


def loaded_by(stub: Path, environment: Mapping[str, str]) -> dict[str, str]:
    """Return the path of every library that the loader gives ``stub``, or "not found", by name."""
    done = _run([str(stub)], {**environment, "LD_TRACE_LOADED_OBJECTS": "1"})
    if done.returncode != 0:
        raise _unavailable(f"does not start: {_reason(done)}")
    return {found["name"]: found["path"] for found in _LIBRARY.finditer(done.stdout)}


def _run(command: list[str], environment: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(
            command,
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=SECONDS,
            start_new_session=True,
            check=False,
        )
    except PermissionError as error:
        raise ServerUnavailable(
            f"Nothing may be run from {Path(command[0]).parent}: set TMPDIR to a folder from where programs may run"
        ) from error
    except subprocess.TimeoutExpired as error:
        raise _unavailable(f"did not answer within {SECONDS} s") from error


def _reason(done: subprocess.CompletedProcess[str]) -> str:
    """Return the line of its output that says most: the last error, else the last line."""
    lines = [line.strip() for line in done.stderr.splitlines() if line.strip()]
    errors = [line for line in lines if re.match(r"[\w.]*Error\b|Fatal", line)]
    return (errors or lines or [f"exit code {done.returncode}"])[-1]


def _unavailable(problem: str) -> ServerUnavailable:
    version = "{}.{}".format(*sys.version_info[:2])
    return ServerUnavailable(
        f"Triton's Python {version} {problem}; remove .venv and run `make up` with another Python "
        f"(PYTHON=/path/to/python3 make up); {IN_CONTAINERS}"
    )
