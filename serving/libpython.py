"""Finds the shared library of the Python that runs this, which Triton's Python backend loads.

``environment.sh`` runs it before anything is installed, so it imports the standard library only.
"""

from __future__ import annotations

import ctypes
import sys
import sysconfig
from collections.abc import Callable, Iterable
from pathlib import Path

NAME = "libpython{}.{}.so.1.0".format(*sys.version_info[:2])


def own_folders() -> list[Path]:
    """Return where this Python's installation keeps libraries: its own first, then those of its distribution."""
    library_folder = Path(sysconfig.get_config_var("LIBDIR") or "")
    # Pythons of uv and conda are moved after they were built; the prefix knows, LIBDIR may not.
    return [
        library_folder,
        library_folder / (sysconfig.get_config_var("MULTIARCH") or ""),
        Path(sys.base_prefix, "lib"),
    ]


def known_to_the_loader(name: str) -> Path | None:
    """Return the file that the dynamic loader takes for ``name``, from its cache or LD_LIBRARY_PATH."""
    try:
        ctypes.CDLL(name)
    except OSError:
        return None
    mapped = (line.partition("/") for line in Path("/proc/self/maps").read_text().splitlines())
    return next((Path("/" + path) for _, _, path in mapped if path.endswith("/" + name)), None)


def find(
    folders: Iterable[Path] | None = None, loader: Callable[[str], Path | None] = known_to_the_loader
) -> Path | None:
    """Return the path of ``libpythonX.Y.so.1.0``, or None where this Python has none."""
    candidates = (folder / NAME for folder in (own_folders() if folders is None else folders))
    return next((path for path in candidates if path.is_file()), None) or loader(NAME)
