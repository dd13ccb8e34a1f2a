"""What one running server owns outside its own memory, and how all of it is removed again.

Each start owns a folder in the temporary directory, the shared-memory segments whose names begin
with its prefix, and the Python-backend stubs that map them. A lock on a file in the folder ends with the
process, so a later start can tell what a dead server left behind from what a running one uses.
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
    """The folder and the shared-memory prefix of one start."""

    def __init__(self) -> None:
        self.path = Path(tempfile.mkdtemp(prefix=f"{NAME}-{os.getuid()}-{secrets.token_hex(4)}-"))
        self._lock = _take_lock(self.path)

    @property
    def shared_memory_prefix(self) -> str:
        """Return what the names of this server's segments in ``/dev/shm`` begin with."""
        return f"{self.path.name}-"

    def lay_out_backends(self, bundle: Bundle) -> Path:
        """Make the folder for ``--backend-directory``, with Triton's Python backend and the project's own.

        They are copies, 3 MB: the server runs chmod on the stub, which only its owner may do, and refuses
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
        """Make the folder where the loader looks first: this Python's own library, under each name a stub asks for.

        It holds links, since the library's own folder may hold other versions of what the server links.
        """
        folder = self.path / "libraries"
        folder.mkdir()
        for name in bundle.libpython_names:
            (folder / name).symlink_to(bundle.libpython)
        return folder

    def plain_path(self, folder: Path, name: str) -> Path:
        """Return a path to ``folder`` that needs no quoting in a shell, through which Triton starts its stubs.

        It is a link, called ``name``, where the real path has a blank or a quote in it, or letters beyond ASCII, of
        which the stub for Python 3.13 dies.
        """
        if _PLAIN.fullmatch(str(folder)):
            return folder
        link = self.path / name
        link.symlink_to(folder)
        return link

    def remove(self) -> None:
        """End the stubs, and remove the segments and the folder."""
        _remove_everything(self.path)
        self._lock.close()


def sweep() -> None:
    """Remove what servers left behind that were killed before they could clean up."""
    for path in Path(tempfile.gettempdir()).glob(f"{NAME}-{os.getuid()}-*"):
        try:
            lock = (path / "lock").open("rb")
        except FileNotFoundError:
            continue  # it is being created or removed at this moment
        with lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                continue  # its owner lives
            _remove_everything(path)


def _take_lock(folder: Path) -> IO[bytes]:
    """Return a lock that was taken before its file got its name, so that no sweep ever sees it unlocked."""
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
    """Return the shared-memory segments whose names begin with ``prefix``."""
    return sorted(SHARED_MEMORY.glob(f"{prefix}*"))


def stubs(prefix: str) -> list[int]:
    """Return the process ids of the Python-backend stubs that work on segments of ``prefix``."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            command = (entry / "cmdline").read_bytes()
        except (FileNotFoundError, ProcessLookupError):
            continue
        if b"triton_python_backend_stub" in command and prefix.encode() in command:
            found.append(int(entry.name))
    return found
