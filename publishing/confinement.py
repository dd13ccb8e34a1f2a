"""A process of its own for what may hang, crash, fill the memory or mean harm: a graph, or a pickle from elsewhere."""

from __future__ import annotations

import ctypes
import os
import platform
import resource
import signal
import struct
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

_LOOK_S = 0.5
_ROOT = str(Path(__file__).resolve().parent.parent)


@dataclass(frozen=True)
class Limits:
    """Bound what a process may take. An ordinary examination takes 5 seconds and 0.7 GB."""

    processor_s: int = 300
    clock_s: float = 1200.0
    memory_bytes: int = 3 << 30
    file_bytes: int = 1 << 20

    def apply(self) -> None:
        """Bound this very process."""
        for kind, most in (
            (resource.RLIMIT_CPU, self.processor_s),
            (resource.RLIMIT_AS, self.memory_bytes),
            (resource.RLIMIT_FSIZE, self.file_bytes),
            (resource.RLIMIT_CORE, 0),
        ):
            _, hard = resource.getrlimit(kind)
            bound = most if hard == resource.RLIM_INFINITY else min(most, hard)
            resource.setrlimit(kind, (bound, bound))


@dataclass(frozen=True)
class Ended:
    """Tell how a process ended: its exit code, what it answered, and what it said on standard error."""

    code: int
    answer: bytes
    said: str

    def crash(self, limits: Limits) -> str:
        """Return in words how it ended, when it should not have."""
        if self.code in (-signal.SIGXCPU, -signal.SIGKILL):
            return (
                f"was ended: it took more than {limits.processor_s} s of processor time, or more memory than there is"
            )
        last = next((line for line in reversed(self.said.splitlines()) if line.strip()), "it said nothing")
        ended = f"by {signal.Signals(-self.code).name}" if self.code < 0 else f"with exit code {self.code}"
        return f"ended {ended}: {last.strip()}"


def run_apart(
    module: str,
    given: IO[bytes],
    limits: Limits,
    environment: Mapping[str, str],
    meanwhile: Callable[[], object] = lambda: None,
) -> Ended | None:
    """Run a module's ``main`` in a process of its own, given its standard input; return None when it takes too long.

    ``main`` applies the limits, before it does anything else; the clock is watched here, and ``meanwhile`` called
    again and again. Beside ``environment`` the process knows only what bounds its threads.
    """
    process = subprocess.Popen(
        [sys.executable, "-B", "-c", f"import sys; sys.path.insert(0, {_ROOT!r}); from {module} import main; main()"],
        env={**environment, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MALLOC_ARENA_MAX": "2"},
        stdin=given,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    deadline = time.monotonic() + limits.clock_s
    with process:
        try:
            while True:
                try:
                    answer, said = process.communicate(timeout=_LOOK_S)
                    return Ended(process.returncode, answer, said.decode(errors="replace"))
                except subprocess.TimeoutExpired:
                    meanwhile()
                    if time.monotonic() > deadline:
                        return None
        finally:
            process.kill()


@dataclass(frozen=True)
class _Calls:
    """Hold a processor's numbers of the system calls that reach a network, or another process that does."""

    architecture: int
    socket: int
    ptrace: int
    process_vm_writev: int
    io_uring_setup: int = 425


_CALLS = {"x86_64": _Calls(0xC000003E, 41, 101, 311), "aarch64": _Calls(0xC00000B7, 198, 117, 271)}
_NO_NEW_PRIVILEGES, _SET_SECCOMP, _FILTER = 38, 22, 2
_LOAD, _EQUAL, _AT_LEAST, _RETURN = 0x20, 0x15, 0x35, 0x06
_NUMBER, _ARCHITECTURE = 0, 4
_ALLOW, _DENY, _KILL = 0x7FFF0000, 0x00050000 | 13, 0x80000000  # 13 is EACCES
_OTHER_CONVENTION = 0x40000000
"""From here on the numbers mean the same calls in another convention, x32, which nothing uses any more."""


def cut_off() -> str:
    """Take the network away from this process and all that it starts; return why not, where that is not possible.

    A filter of system calls does it, which needs no rights, in a container neither: no new sockets, of any kind. It
    holds for the thread that asks for it and those it starts later.
    """
    calls = _CALLS.get(platform.machine())
    if calls is None or sys.platform != "linux":
        return f"not known how on {sys.platform} {platform.machine()}"
    denied = (calls.socket, calls.io_uring_setup, calls.ptrace, calls.process_vm_writev)
    steps = [
        (_LOAD, 0, 0, _ARCHITECTURE),
        (_EQUAL, 1, 0, calls.architecture),
        (_RETURN, 0, 0, _KILL),
        (_LOAD, 0, 0, _NUMBER),
        (_AT_LEAST, len(denied) + 1, 0, _OTHER_CONVENTION),
        *((_EQUAL, len(denied) - place, 0, call) for place, call in enumerate(denied)),
        (_RETURN, 0, 0, _ALLOW),
        (_RETURN, 0, 0, _DENY),
    ]
    code = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *step) for step in steps))
    program = ctypes.create_string_buffer(struct.pack("HP", len(steps), ctypes.addressof(code)))
    prctl = ctypes.CDLL(None, use_errno=True).prctl
    pointer: Any = ctypes.c_void_p(ctypes.addressof(program))
    if prctl(_NO_NEW_PRIVILEGES, 1, 0, 0, 0) or prctl(_SET_SECCOMP, _FILTER, pointer, 0, 0):
        return os.strerror(ctypes.get_errno())
    return ""
