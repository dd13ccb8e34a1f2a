"""The stand-in market: three CSV files of made-up homes and prices, for people who have no data yet."""

from __future__ import annotations

import hashlib
import json
import logging
import os
from collections.abc import Mapping
from pathlib import Path

from data.files import DATA_DIR, FILE_NAMES, HERE, STANDIN_STAMP, DataFiles, find_data

SEED = 98_101
FOLDER = HERE / "standin"

log = logging.getLogger(__name__)


def find_or_generate(environ: Mapping[str, str] = os.environ, default: Path = HERE) -> DataFiles:
    """Return the data that ``find_data`` finds, else the stand-in market; warn loudly when they are made up.

    Raises:
        DataError: when some of the files are there and others are missing.
    """
    files = find_data(environ, default) or standin_data()
    if files.standin:
        log.warning(
            "STAND-IN MARKET: its homes and prices are made up, and so is every price of a model trained on it. "
            "For real ones put %s into %s, or set %s to their folder.",
            ", ".join(FILE_NAMES),
            default,
            DATA_DIR,
        )
    return files


def standin_data(folder: Path = FOLDER, seed: int = SEED) -> DataFiles:
    """Return the stand-in market's files in ``folder``; generate them where they are not there, or outdated."""
    files = DataFiles(folder, standin=True)
    if not _fits(files, seed):
        _generate(files, seed)
    return files


def _fits(files: DataFiles, seed: int) -> bool:
    try:
        stamp = json.loads((files.folder / STANDIN_STAMP).read_text())
        return bool(stamp == _stamp(files, seed))
    except (FileNotFoundError, json.JSONDecodeError):
        return False


def _stamp(files: DataFiles, seed: int) -> dict[str, object]:
    return {"seed": seed, "generator": _generator(), "files": files.fingerprint()}


def _generator() -> str:
    """Return 12 hexadecimal digits that change with the code that invents the market, in place of a version number."""
    sources = sorted((HERE / "invented").glob("*.py"))
    return hashlib.sha256(b"".join(source.read_bytes() for source in sources)).hexdigest()[:12]


def _generate(files: DataFiles, seed: int) -> None:
    # Imported here: it imports pandas, which takes a second, and a start that has its data does not need it.
    from data.invented.market import invent_market

    log.info("generating the stand-in market into %s", files.folder)
    files.folder.mkdir(parents=True, exist_ok=True)
    sales, demographics, unseen = invent_market(seed)
    _write(files.sales, sales.to_csv(index=False, lineterminator="\n"))
    _write(files.demographics, demographics.to_csv(index=False, lineterminator="\n"))
    _write(files.unseen, unseen.to_csv(index=False, lineterminator="\n"))
    _write(files.folder / STANDIN_STAMP, json.dumps(_stamp(files, seed)))  # last: it says that the others are complete


def _write(path: Path, text: str) -> None:
    """Write a file whole or not at all. Two processes that generate at the same time write the same bytes."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    draft.write_text(text)
    draft.replace(path)
