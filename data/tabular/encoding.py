"""The encoding of a file, decided by all of its bytes, so that it is the same at any place in the file."""

from __future__ import annotations

import codecs
import logging
import stat
from pathlib import Path

_MARKS = {codecs.BOM_UTF8: "utf-8-sig", codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}
"""What a file that says its encoding begins with: Excel writes UTF-8 and UTF-16 so."""
_UNMARKED = ("utf-8", "cp1252")
"""Windows-1252 is what Excel's plain "CSV" is in, in English and the languages of western Europe."""
_BLOCK = 1 << 20

log = logging.getLogger(__name__)


class TableError(Exception):
    """Report a file that cannot be read as a table; the message names the file, the place and what to do."""


def refuse_unless_plain(path: Path) -> None:
    """Refuse what is no plain file: opening a pipe would wait for a writer that may never come. Raises TableError."""
    try:
        mode = path.stat().st_mode
    except OSError as error:
        raise TableError(f"{path} cannot be read: {error.strerror}") from error
    if not stat.S_ISREG(mode):
        raise TableError(f"{path} is not a plain file: save the table to a file, and name that one")


def encoding_of(path: Path) -> str:
    """Return the encoding of a file of text by Python's name of it. Raises TableError where it is no text."""
    with path.open("rb") as file:
        start = file.read(3)
    marked = next((encoding for mark, encoding in _MARKS.items() if start.startswith(mark)), None)
    for encoding in (marked,) if marked else _UNMARKED:
        if _decodes(path, encoding):
            if encoding == "cp1252":
                log.info("%s is not in UTF-8: it was read as Windows-1252", path)
            return encoding
    raise TableError(f'{path} is not text: save it as "CSV UTF-8" or as an Excel workbook (.xlsx)')


def _decodes(path: Path, encoding: str) -> bool:
    decoder = codecs.getincrementaldecoder(encoding)()
    try:
        with path.open("rb") as file:
            while block := file.read(_BLOCK):
                if "\0" in decoder.decode(block):  # binary, or UTF-16 without its mark
                    return False
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return False
    return True
