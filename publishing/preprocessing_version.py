"""A version of the preprocessing model.

It is the ``preprocessing`` folder as it stands, the demographics, and how the sales that the newest
price model learned from spread over each column.
"""

from __future__ import annotations

import hashlib
import json
import logging
import shutil
import subprocess
import sys
from pathlib import Path

import preprocessing
from conversion import Refused
from data.demographics import read_demographics
from preprocessing.demographics import DEMOGRAPHICS_FILE, Demographics
from preprocessing.training_bins import TRAINING_FILE, Bins, as_json
from publishing.card import Card
from publishing.repository import PREPROCESSING, PRICE_MODEL, add, newest, staged

log = logging.getLogger(__name__)

_SOURCE = Path(preprocessing.__file__).parent
_CODE = "*.py"


def publish_preprocessing(repository: Path, demographics: Demographics) -> int | None:
    """Publish today's code with these demographics; return the version's number.

    The version also carries what the newest price model's card says of its training sales. Returns
    None when the newest version holds just that. Raises Refused when it cannot value the example
    home: a Python model that breaks while it loads can stop an older Triton from polling.
    """
    model = repository / PREPROCESSING
    current = newest(model)
    with staged(repository) as area:
        folder = area / "version"
        folder.mkdir()
        for path in sorted(_SOURCE.glob(_CODE)):
            shutil.copyfile(path, folder / path.name)
        demographics.write(folder / DEMOGRAPHICS_FILE)
        if (training := _training_columns(repository)) is not None:
            (folder / TRAINING_FILE).write_text(json.dumps(as_json(training), indent=1) + "\n")
        # A file where Python would put byte code: Triton would take that for a new version.
        (folder / "__pycache__").touch()
        if current is not None and _fingerprint(current) == _fingerprint(folder):
            return None
        _try(folder)
        return add(folder, model)


def published_demographics(repository: Path) -> Demographics | None:
    """Return the demographics that the newest version serves with."""
    current = newest(repository / PREPROCESSING)
    # Versions of earlier releases hold the file of the firm as it was.
    return read_demographics(current / DEMOGRAPHICS_FILE) if current else None


def _training_columns(repository: Path) -> dict[str, Bins] | None:
    version = newest(repository / PRICE_MODEL)
    if version is None:
        return None
    try:
        columns = Card.read(version).training_columns
    except Refused as refused:
        log.warning(
            "drift is not measured: %s version %s was not published by this project: %s",
            PRICE_MODEL,
            version.name,
            refused,
        )
        return None
    if columns is None:
        log.warning(
            "drift is not measured: the card of %s version %s lacks training_columns", PRICE_MODEL, version.name
        )
    return columns


def _try(folder: Path) -> None:
    for path in folder.glob(_CODE):
        compile(path.read_bytes(), path, "exec")
    command = [sys.executable, "-B", "-m", f"{folder.name}.example"]
    trial = subprocess.run(command, cwd=folder.parent, capture_output=True, text=True, timeout=60, check=False)
    if trial.returncode:
        raise Refused(f"preprocessing does not value the example home:\n{trial.stderr.strip()}")


def _fingerprint(folder: Path) -> str:
    digest = hashlib.sha256()
    for path in sorted([*folder.glob(_CODE), folder / DEMOGRAPHICS_FILE, *folder.glob(TRAINING_FILE)]):
        digest.update(path.name.encode())
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()
