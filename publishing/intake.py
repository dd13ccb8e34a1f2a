"""Takes a version folder that somebody dropped in: whether it is complete, and a copy that nobody can change any more.

Whatever lies in the folder may be half a copy, a link to elsewhere, or made to do harm. So nothing is opened but plain
files of a bounded size whose names the card knows, and what is examined, and serves, is the copy.
"""

from __future__ import annotations

import hashlib
import json
import os
import stat
from pathlib import Path

from conversion import Refused
from publishing.card import CARD_FILE, Card
from publishing.comparison import GATE_FILE

MOST_BYTES = 256 << 20
"""Of one file. The improved model has 3 MB."""


class Incomplete(Refused):
    """Tell that a version folder may be half a copy; the message says what it lacks."""


def signature(folder: Path) -> str:
    """Return a digest of the names, sizes and dates of a folder's files: another one when anything in it changes."""
    entries = sorted((entry.name, entry.stat(follow_symlinks=False)) for entry in os.scandir(folder))
    facts = [(name, found.st_size, found.st_mtime_ns, found.st_ino, found.st_mode) for name, found in entries]
    return hashlib.sha256(repr(facts).encode()).hexdigest()[:16]


def contents(folder: Path) -> dict[str, str]:
    """Return the SHA-256 of a version's card and of each file that it names, by name; empty for one that is broken."""
    try:
        card = _read(folder / CARD_FILE)
        files = {CARD_FILE: card, **{name: _read(folder / name) for name in Card.parse(card).files}}
    except (Refused, OSError):
        return {}
    return {name: hashlib.sha256(content).hexdigest() for name, content in files.items()}


def named(folder: Path) -> str:
    """Return what the model of a version calls itself; empty where its card does not say."""
    try:
        return Card.parse(_read(folder / CARD_FILE)).price_model
    except (Refused, OSError):
        return ""


def take_in(folder: Path, copy: Path) -> Card:
    """Copy a version into a new folder, file by file, and return its card.

    Raises:
        Incomplete: when a file is missing or not the one that the card was written for.
        Refused: when the folder holds anything but the card, the files that it names, and a comparison.
    """
    names = _plain_files(folder)
    copy.mkdir()
    card = _take_in_card(folder, copy, names)
    for name, digest in card.files.items():
        if name != Path(name).name or name.startswith("."):
            raise Refused(f"{CARD_FILE} names a file {name!r}, which is no plain name")
        if name not in names:
            raise Incomplete(f"{name} is missing")
        _copy(folder / name, copy)
        if hashlib.sha256((copy / name).read_bytes()).hexdigest() != digest:
            raise Incomplete(f"{name} is not the file that its card was written for")
    if GATE_FILE in names:
        _copy(folder / GATE_FILE, copy)
    if unknown := sorted(names - {CARD_FILE, GATE_FILE, *card.files}):
        raise Refused(f"it holds {', '.join(unknown)}, which its card does not name: remove what is no part of it")
    return card


def _plain_files(folder: Path) -> set[str]:
    """Return the names of a folder's files; those that begin with a dot, as file managers leave them, are no part."""
    if folder.is_symlink():
        raise Refused("it is a symbolic link: a version's folder holds its files itself")
    entries = [entry for entry in os.scandir(folder) if not entry.name.startswith(".")]
    for entry in entries:
        found = entry.stat(follow_symlinks=False)
        if not stat.S_ISREG(found.st_mode):
            raise Refused(f"{entry.name} is not a plain file: a version's folder holds its files itself")
        if found.st_size > MOST_BYTES:
            raise Refused(f"{entry.name} has {found.st_size:,} bytes, at most {MOST_BYTES:,} are allowed")
    return {entry.name for entry in entries}


def _take_in_card(folder: Path, copy: Path, names: set[str]) -> Card:
    if CARD_FILE not in names:
        raise Incomplete(f"{CARD_FILE} is missing: a version without its card can't be told from any other")
    _copy(folder / CARD_FILE, copy)
    try:
        json.loads((copy / CARD_FILE).read_bytes())
    except ValueError as error:
        raise Incomplete(f"{CARD_FILE} is not JSON: {error}") from error
    return Card.read(copy)


def _copy(source: Path, folder: Path) -> None:
    (folder / source.name).write_bytes(_read(source))


def _read(path: Path) -> bytes:
    """Return the content of one plain file, never of what a link names, and never more than MOST_BYTES.

    The name may have become another thing since it was looked at: a link is not followed, a pipe not waited for.
    Raises OSError, or Refused.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    with os.fdopen(descriptor, "rb") as file:
        content = file.read(MOST_BYTES + 1) if stat.S_ISREG(os.fstat(descriptor).st_mode) else None
    if content is None or len(content) > MOST_BYTES:
        raise Refused(f"{path.name} is not a plain file of at most {MOST_BYTES:,} bytes")
    return content
