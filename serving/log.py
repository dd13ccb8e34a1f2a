"""Triton's log for people: what happened to which model, warnings and errors that matter, nothing else."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from time import sleep

LOOK_SECONDS = 0.1

_LINE = re.compile(r"^(?P<level>[IWEF])\d{4} \d\d:\d\d:\d\d\.\d+ \d+ \S+:\d+\] (?P<text>.*)$")
_LOADING = re.compile(r"^loading: (?P<model>.+):(?P<version>\d+)$")
_LOADED = re.compile(r"^successfully loaded '(?P<model>.+)'$")
_UNLOADED = re.compile(r"^successfully unloaded '(?P<model>.+)' version (?P<version>\d+)$")
_FAILED = re.compile(r"^failed to load '(?P<model>.+)' version (?P<version>\d+): (?P<reason>.*)$")
_TABLE = re.compile(r"\s*[+|]")
"""A line of the tables in which Triton writes its options and models."""
_NOISE = re.compile(
    r"cuda|nvml|dcgm|gpu metrics|"  # a machine without a GPU
    r"pinned memory|"
    r"^failed to load all models$|^Internal: failed to load all models$|"
    r"^ERROR: Failed to create instance|^Failed to initialize Python stub",  # repeated with the model and its version
    re.IGNORECASE,
)
_BEFORE_A_REASON = re.compile(r"^((Internal|Invalid argument|Not found|Unavailable): )?(TritonModelException: )?")


def plain(text: str) -> str:
    """Return a message of Triton's in one line: unquoted, without Python's traceback and error classes."""
    message = text.strip().strip('"').replace("\\n", "\n").partition("\n\nAt:\n")[0]
    return _BEFORE_A_REASON.sub("", " ".join(message.split()))


def last_errors(path: Path, most: int = 5) -> list[str]:
    """Return the last error messages in the log file at ``path``, oldest first, each once.

    Where there is none, return the last lines that are no messages of Triton's: what a crash leaves behind.
    """
    found: dict[str, None] = {}
    others: list[str] = []
    for line in path.read_text("utf-8", "replace").splitlines():
        match = _LINE.match(line)
        if match and match["level"] in "EF":
            found[plain(match["text"])] = None
        elif line.startswith("error: "):
            found[line] = None
        elif not match and line.strip() and not _TABLE.match(line):
            others.append(line.strip())
    return [message for message in found if not _NOISE.search(message)][-most:] or others[-most:]


class LogFilter:
    """Turns the log, line by line, into the few lines that a person wants.

    It remembers three things: which versions are being loaded, because Triton says which model is loaded
    but not which version; how many copies of each are live, because a reload loads the new copy before it
    unloads the old one; and the failures already told, because polling repeats them.
    """

    def __init__(self) -> None:
        self._loading: dict[str, list[str]] = {}
        self._live: Counter[tuple[str, str]] = Counter()
        self._told: dict[tuple[str, str], str] = {}

    @property
    def live(self) -> set[str]:
        """Return the names of the models of which a version is live, as far as the log was read."""
        return {model for (model, _), copies in self._live.items() if copies}

    def readable(self, line: str) -> list[str]:
        """Return what to show for one line of the log: for most lines nothing."""
        match = _LINE.match(line)
        if not match:
            return [line] if line.startswith("error: ") else []
        text = match["text"].strip().strip('"')
        if event := _LOADING.match(text):
            self._loading.setdefault(event["model"], []).append(event["version"])
        elif event := _LOADED.match(text):
            model = event["model"]
            versions = self._loading.pop(model, [])
            self._live.update((model, version) for version in versions)
            return [f"{model} version {version} is live" for version in versions if self._live[model, version] == 1]
        elif event := _UNLOADED.match(text):
            model, version = event["model"], event["version"]
            self._live[model, version] -= self._live[model, version] > 0
            return [] if self._live[model, version] else [f"{model} version {version} is unloaded"]
        elif event := _FAILED.match(text):
            return self._failed(event["model"], event["version"], plain(event["reason"]))
        elif match["level"] != "I" and not _NOISE.search(text):
            word = "Warning" if match["level"] == "W" else "Error"
            return [f"{word}: {plain(text)}"]
        return []

    def _failed(self, model: str, version: str, reason: str) -> list[str]:
        versions = self._loading.get(model, [])
        if version in versions:
            versions.remove(version)
        if self._told.get((model, version)) == reason:
            return []
        self._told[model, version] = reason
        return [f"{model} version {version} was not loaded: {reason}"]


def follow(path: Path, until: Callable[[], bool]) -> Iterator[str]:
    """Yield lines of the growing file at ``path`` as they are completed, and the last ones once ``until()`` holds."""
    unfinished = ""
    with path.open(encoding="utf-8", errors="replace") as file:
        while True:
            last_look = until()
            *lines, unfinished = (unfinished + file.read()).split("\n")
            yield from lines
            if last_look:
                return
            sleep(LOOK_SECONDS)
