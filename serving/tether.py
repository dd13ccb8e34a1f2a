"""Becomes the program named in its arguments, tied to the life of the process that started it.

Run as a script: ``python tether.py PARENT_PID PROGRAM [ARGUMENT ...]``. If the parent dies, by
SIGKILL too, the kernel kills the program. It is a program of its own because code that runs between
fork and exec may deadlock in a parent with threads.
"""

from __future__ import annotations

import ctypes
import os
import resource
import signal
import sys

PR_SET_PDEATHSIG = 1
MOST_FILES = 65_536
"""Each connection is one; a server without any left unloads its models. Shells often allow 1,024."""


def main() -> None:
    """Replace this process by the program; exit with 1 where the parent is gone already."""
    parent, program, *arguments = sys.argv[1:]
    if ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_PDEATHSIG) failed")
    if os.getppid() != int(parent):  # it died before the call above
        sys.exit(1)
    _raise_limit_of_files()
    os.execv(program, [program, *arguments])


def _raise_limit_of_files() -> None:
    """Allow as many open files as this user may have, up to MOST_FILES."""
    now, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MOST_FILES if most == resource.RLIM_INFINITY else min(MOST_FILES, most)
    if now != resource.RLIM_INFINITY and now < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, most))


if __name__ == "__main__":
    main()
