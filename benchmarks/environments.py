"""Each peer's own virtual environment, made from its pinned requirements."""

from __future__ import annotations

import hashlib
import subprocess
import sys
import venv
from pathlib import Path

from benchmarks import BUILD, PEER_FOLDERS

SECONDS = 900
"""How long an installation may take."""


class NotInstalled(RuntimeError):
    """A peer's environment cannot be made here; the message says why."""


def ensure(peer: str, peers: Path = PEER_FOLDERS, environments: Path = BUILD / "envs") -> Path:
    """Return the Python of a peer's environment, installed unless it is up to date. Raises NotInstalled."""
    requirements = peers / peer / "requirements.txt"
    folder = environments / peer
    stamp = folder / "requirements.sha256"
    digest = hashlib.sha256(requirements.read_bytes()).hexdigest()
    python = folder / "bin" / "python"
    if stamp.is_file() and stamp.read_text() == digest and python.exists():
        return python
    try:
        venv.create(folder, with_pip=True, clear=True)
        _pip(python, requirements)
    except (OSError, subprocess.SubprocessError) as error:
        raise NotInstalled(f"{peer}: {error}") from error
    stamp.write_text(digest)
    return python


def _pip(python: Path, requirements: Path) -> None:
    command = [str(python), "-m", "pip", "install", "--quiet", "--no-deps", "--requirement", str(requirements)]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, check=False)
    if ran.returncode:
        complaints = [line for line in ran.stderr.splitlines() if "ERROR" in line] or ran.stderr.splitlines()
        version = f"Python {sys.version_info.major}.{sys.version_info.minor}"
        raise OSError(f"pip on {version}: {complaints[-1] if complaints else 'it failed without a word'}")
