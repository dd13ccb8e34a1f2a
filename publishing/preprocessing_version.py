"""A version of the preprocessing model.

It is the ``preprocessing`` folder as it stands, the demographics, and how the sales that the newest
price model learned from spread over each column.
"""

from __future__ import annotations

import json
import logging
from pathlib import Path

import preprocessing
from conversion import Refused
from data.demographics import read_demographics
from preprocessing.demographics import DEMOGRAPHICS_FILE, Demographics
from preprocessing.training_bins import TRAINING_FILE, Bins, as_json
from publishing.card import Card
from publishing.repository import PREPROCESSING, PRICE_MODEL, add, newest, staged
from publishing.shipping import fingerprint, ship, try_out

log = logging.getLogger(__name__)


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
        ship(preprocessing, folder)
        demographics.write(folder / DEMOGRAPHICS_FILE)
        if (training := _training_columns(repository)) is not None:
            (folder / TRAINING_FILE).write_text(json.dumps(as_json(training), indent=1) + "\n")
        if current is not None and fingerprint(current) == fingerprint(folder):
            return None
        try_out("version.example", area, "preprocessing does not value the example home")
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
