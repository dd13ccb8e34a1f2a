"""Runs a piece of Python in another ``libpython`` than the one of this process.

Run as a script: ``python stub_python.py LIBRARY CODE``. The library gets a name space of its own, as in a program
that loads nothing else: many Pythons are one program without a library, whose symbols would take the place of its own.
"""

from __future__ import annotations

import ctypes
import os
import sys

LM_ID_NEWLM = -1


def main() -> int:
    """Return 0, or 1 where the loader refuses the library or the code fails; the reason is on standard error."""
    library, code = (argument.encode() for argument in sys.argv[1:])
    libc = ctypes.CDLL(None)
    libc.dlmopen.restype = ctypes.c_void_p
    libc.dlmopen.argtypes = (ctypes.c_long, ctypes.c_char_p, ctypes.c_int)
    libc.dlerror.restype = ctypes.c_char_p
    handle = libc.dlmopen(LM_ID_NEWLM, library, os.RTLD_NOW)
    if not handle:
        sys.exit(os.fsdecode(libc.dlerror()))
    python = ctypes.CDLL(library.decode(), handle=handle)
    python.Py_InitializeEx(0)
    return 0 if python.PyRun_SimpleString(code) == 0 else 1


if __name__ == "__main__":
    code = main()
    # Ends without cleaning up two Pythons.
    os._exit(code)
