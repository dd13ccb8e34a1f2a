"""A version of a model that is code of this project: packages as they stand, and the files that belong to them.

It is tried out before it is published: a Python model that breaks while it loads can stop an older Triton from polling.
"""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from types import ModuleType

from conversion import Refused

_BYTE_CODE = "__pycache__"


def ship(package: ModuleType, folder: Path, names: Iterable[str] = ("*.py",)) -> None:
    """Copy the modules of a package into a folder, which is created where it is not there."""
    source = Path(str(package.__file__)).parent
    folder.mkdir(exist_ok=True)
    for name in names:
        for path in sorted(source.glob(name)):
            shutil.copyfile(path, folder / path.name)
    # A file where Python would put byte code: Triton would take that for a new version.
    (folder / _BYTE_CODE).touch()


def try_out(module: str, folder: Path, failure: str) -> None:
    """Compile all modules in a folder, and run one of them there. Raises Refused, which begins with ``failure``."""
    for path in folder.rglob("*.py"):
        compile(path.read_bytes(), path, "exec")
    command = [sys.executable, "-B", "-m", module]
    trial = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=60, check=False)
    if trial.returncode:
        raise Refused(f"{failure}:\n{trial.stderr.strip()}")


def fingerprint(folder: Path) -> str:
    """Return a digest of the names and contents of all files in a version's folder."""
    digest = hashlib.sha256()
    for path in sorted(path for path in folder.rglob("*") if path.is_file() and path.name != _BYTE_CODE):
        digest.update(path.relative_to(folder).as_posix().encode())
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()
