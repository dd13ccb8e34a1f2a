"""The interface of any server that takes JSON over HTTP."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import urllib3

from benchmarks import BUILD, wrk
from benchmarks.contender import Interface
from benchmarks.load import Load, LoadResult
from benchmarks.payloads import Columns, ValuedHomes, write_bodies


class NotAnswered(RuntimeError):
    """A request got no good answer."""


def json_interface(
    name: str,
    url: str,
    homes: ValuedHomes,
    write: Callable[[Columns], bytes],
    read: Callable[[bytes], list[float]],
) -> Interface:
    """Return the interface at ``url``: ``write`` makes a request's body, ``read`` takes the prices from a reply."""
    pool = urllib3.PoolManager(maxsize=64, timeout=30, retries=False)

    def ask(some: Columns) -> list[float]:
        reply = pool.request("POST", url, body=write(some), headers={"Content-Type": "application/json"})
        if reply.status != 200:
            raise NotAnswered(f"{url} answered {reply.status}: {reply.data[:300]!r}")
        return read(reply.data)

    def drive(load: Load, seconds: float) -> LoadResult:
        return wrk.drive(url, _bodies(homes, load.homes, write), load, seconds)

    return Interface(name, ask, drive)


def _bodies(homes: ValuedHomes, size: int, write: Callable[[Columns], bytes]) -> Path:
    path = BUILD / "bodies" / f"{getattr(write, '__name__', 'bodies')}-{size}"
    return write_bodies(map(write, homes.batches(size)), path)
