"""What one running server owns outside its own memory, and how it all goes away again.

Each start owns a folder in the temporary directory, the shared-memory segments whose names begin
with its prefix, and the Python-backend stubs that map them. The folder is held by a file lock
that ends with the process, so a later start can tell a dead owner's leftovers from a live one's.
"""

from __future__ import annotations

import fcntl
import os
import re
import secrets
import shutil
import signal
import tempfile
from pathlib import Path
from typing import IO

from serving.bundle import Bundle

NAME = "sound-realty-triton"
SHARED_MEMORY = Path("/dev/shm")
OWN_BACKENDS = Path(__file__).parent / "backends"
_PLAIN = re.compile(r"[\w/.,:=@%+-]+", re.ASCII)


class Workspace:
    """One start's folder and shared-memory prefix."""

    def __init__(self) -> None:
        self.path = Path(tempfile.mkdtemp(prefix=f"{NAME}-{os.getuid()}-{secrets.token_hex(4)}-"))
        self._lock = _take_lock(self.path)

    @property
    def shared_memory_prefix(self) -> str:
        """What the names of this server's segments in ``/dev/shm`` begin with."""
        return f"{self.path.name}-"

    def lay_out_backends(self, bundle: Bundle) -> Path:
        """The folder for ``--backend-directory``: Triton's Python backend and the ones written here.

        Copies, 3 MB: the server runs chmod on the stub, which only its owner may do, and refuses
        a backend library that is a link out of this folder.
        """
        backends = self.path / "backends"
        without_byte_code = shutil.ignore_patterns("__pycache__")
        shutil.copytree(bundle.python_backend, backends / "python", ignore=without_byte_code)
        shutil.copy2(bundle.python_stub, backends / "python")
        shutil.copytree(OWN_BACKENDS, backends, ignore=without_byte_code, dirs_exist_ok=True)
        with (backends / "python" / "triton_python_backend_utils.py").open("a") as utilities:
            utilities.write("\n\nimport embedded_stub  # noqa: F401\n")  # every model imports this module
        return backends

    def lay_out_libraries(self, bundle: Bundle) -> Path:
        """The folder where the loader is to look first: this Python's own library, under each name a stub asks for.

        Links instead of the library's own folder, which may hold other versions of what the server links.
        """
        folder = self.path / "libraries"
        folder.mkdir()
        for name in bundle.libpython_names:
            (folder / name).symlink_to(bundle.libpython)
        return folder

    def plain_path(self, folder: Path) -> Path:
        """A path to ``folder`` of which a shell makes nothing else: Triton starts its Python stubs through one.

        A link where the real path has a blank or a quote in it.
        """
        if _PLAIN.fullmatch(str(folder)):
            return folder
        link = self.path / "models"
        link.symlink_to(folder)
        return link

    def remove(self) -> None:
        """Ends the stubs, removes the segments and the folder."""
        _remove_everything(self.path)
        self._lock.close()


def sweep() -> None:
    """Removes what servers left behind whose supervisor was killed before it could clean up."""
    for path in Path(tempfile.gettempdir()).glob(f"{NAME}-{os.getuid()}-*"):
        try:
            lock = (path / "lock").open("rb")
        except FileNotFoundError:
            continue  # being created or removed at this moment
        with lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                continue  # its owner lives
            _remove_everything(path)


def _take_lock(folder: Path) -> IO[bytes]:
    """Locks before the file gets its name, so that no sweep ever sees it unlocked."""
    unnamed = folder / "lock.new"
    lock = unnamed.open("wb")
    fcntl.flock(lock, fcntl.LOCK_EX)
    unnamed.rename(folder / "lock")
    return lock


def _remove_everything(path: Path) -> None:
    prefix = f"{path.name}-"
    for pid in stubs(prefix):
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            continue
    for segment in segments(prefix):
        segment.unlink(missing_ok=True)
    shutil.rmtree(path, ignore_errors=True)


def segments(prefix: str) -> list[Path]:
    """The shared-memory segments whose names begin with ``prefix``."""
    return sorted(SHARED_MEMORY.glob(f"{prefix}*"))


def stubs(prefix: str) -> list[int]:
    """The process ids of the Python-backend stubs that work on segments of ``prefix``."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            command = (entry / "cmdline").read_bytes()
        except (FileNotFoundError, ProcessLookupError):
            continue
        if b"triton_python_backend_stub" in command and prefix.encode() in command:
            found.append(int(entry.name))
    return found
