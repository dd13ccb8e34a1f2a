"""The three ports of a server, and the desk's: given or chosen, and free before it starts.

Run as a module it checks the ports that ``make up`` is about to use, before minutes of set-up. It runs with whatever
Python is there, 3.8 or later, so it imports the standard library only.
"""

from __future__ import annotations

import os
import random
import socket
import sys
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass

from serving.bundle import ServerUnavailable

LOOPBACK = "127.0.0.1"


@dataclass(frozen=True)
class Ports:
    """Hold ports on the loopback interface; 0 asks for any free one."""

    http: int = 8000
    grpc: int = 8001
    metrics: int = 8002


ANY_FREE = Ports(0, 0, 0)
DESK_PORT = 8005
USUAL = {"HTTP_PORT": Ports.http, "GRPC_PORT": Ports.grpc, "METRICS_PORT": Ports.metrics, "DESK_PORT": DESK_PORT}
"""The variables that name the ports of `make up`, and what they are otherwise."""
CHOSEN = range(10_000, 30_000)
"""Where a 0 finds its port. Linux gives outgoing connections theirs from 32768 on, so that none of them takes a port
between the moment it is chosen and the moment the server listens."""


def asked_for(environ: Mapping[str, str]) -> dict[str, int]:
    """Return the ports that HTTP_PORT, GRPC_PORT, METRICS_PORT and DESK_PORT name, and the usual ones otherwise.

    Raises:
        ServerUnavailable: if one of them is not a number; one line that names it.
    """
    chosen = {}
    for variable, port in USUAL.items():
        named = environ.get(variable) or str(port)
        if not named.isdecimal():
            raise ServerUnavailable(f"{variable} is {named!r}, but a port is a number from 1 to 65535")
        chosen[variable] = int(named)
    return chosen


def free(ports: Ports) -> Ports:
    """Return ``ports`` with a free port in place of every 0. Raises what ``free_ports`` raises."""
    chosen = free_ports({"HTTP_PORT": ports.http, "GRPC_PORT": ports.grpc, "METRICS_PORT": ports.metrics})
    return Ports(chosen["HTTP_PORT"], chosen["GRPC_PORT"], chosen["METRICS_PORT"])


def free_ports(wanted: Mapping[str, int]) -> dict[str, int]:
    """Return the port of each variable, a free one in place of every 0.

    Raises:
        ServerUnavailable: if a port is taken or named twice; one line with the variable to set.
    """
    chosen = {}
    with ExitStack() as stack:
        # The given ports first, so that none of them is handed out for a 0; all held until the last is known.
        for variable, port in sorted(wanted.items(), key=lambda item: item[1] == 0):
            probe = stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_STREAM))
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                _listen(probe, [port] if port else random.sample(CHOSEN, 100))
            except OSError as error:
                raise ServerUnavailable(
                    f"Port {port} is not free ({error.strerror}); set {variable} to another one, "
                    f"for example `{variable}={port + 10000 if port < 50000 else port - 10000} make up`"
                ) from error
            except OverflowError as error:
                raise ServerUnavailable(f"{variable} is {port}, but a port is a number from 1 to 65535") from error
            chosen[variable] = int(probe.getsockname()[1])
    return chosen


def _listen(probe: socket.socket, ports: Sequence[int]) -> None:
    """Listen on the first of the ports that is free. Raises OSError when none is."""
    *others, last = ports
    for port in others:
        with suppress(OSError):
            probe.bind((LOOPBACK, port))
            break
    else:
        probe.bind((LOOPBACK, last))
    probe.listen()


def main() -> None:
    """Exit with one line on standard error if a port that the environment asks for cannot be used."""
    try:
        free_ports(asked_for(os.environ))
    except ServerUnavailable as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
