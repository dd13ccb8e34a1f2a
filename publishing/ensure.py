"""Makes sure that the repository holds something to serve; returns at once where it already does."""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping
from pathlib import Path

from conversion import Refused
from data.files import DataFiles, find_data
from data.standin import find_or_generate, standin_data
from preprocessing.demographics import Demographics
from preprocessing.example import example_features, example_home
from publishing.card import Card, newest_known
from publishing.preprocessing_version import publish_preprocessing, published_demographics
from publishing.repository import ENSEMBLES, MOST_DIGITS, PREPROCESSING, PRICE_MODEL, misnamed, versions

log = logging.getLogger(__name__)


def ensure(repository: Path, environ: Mapping[str, str] = os.environ) -> None:
    """Publish the basic model where there is no version, or where real data take over from the stand-in market.

    Brings preprocessing up to date in any case. Raises Refused, or data.files.DataError.
    """
    model = repository / PRICE_MODEL
    for name in (PRICE_MODEL, PREPROCESSING):
        _name_misnamed(repository / name)
    found = find_data(environ)
    known = newest_known(model, tell=True)
    card = known[1] if known else None
    if versions(model) and not (found and card and card.data.standin):
        _note_new_data(found, card)
        prepare(repository, _demographics(repository, found, card))
        return

    # Imported here: training takes libraries that a start with a model does not need.
    from publishing.publish import publish_trained
    from training.sales import read_sales

    files = find_or_generate(environ)
    number = publish_trained("basic", read_sales(files), repository)
    prepare(repository, files.demographics)
    log.info("price_model version %d is %s", number, Card.read(model / str(number)).price_model)


def _name_misnamed(model: Path) -> None:
    """Name what looks like a version and is none. Raises Refused where Triton would end at it."""
    for name in misnamed(model):
        if len(name) > MOST_DIGITS and name.isdecimal():
            raise Refused(
                f"{model.name}/{name}: a version's folder is a number of one to {MOST_DIGITS} digits; rename or remove "
                "this one: the server takes ten digits for its newest version, and ends at twenty"
            )
        log.warning(
            "%s/%s is no version: a version's folder is a number of one to %d digits without leading zeros",
            model.name,
            name,
            MOST_DIGITS,
        )


def prepare(repository: Path, demographics: Path) -> None:
    """Add everything that a repository needs besides a price model. Raises Refused."""
    for ensemble in ENSEMBLES:
        keep = repository / ensemble / "1" / ".keep"  # a bucket has no empty folders
        if not keep.is_file():
            keep.parent.mkdir(exist_ok=True)
            keep.touch()
    _write_warmup(repository, Demographics.read(demographics))
    number = publish_preprocessing(repository, demographics)
    if number is not None:
        log.info("preprocessing version %d carries today's checks, demographics and training sales' spread", number)


def example(repository: Path) -> dict[str, float]:
    """Return the example home, in a ZIP code that the published demographics know. Raises Refused without them."""
    demographics = published_demographics(repository)
    if demographics is None:
        raise Refused(f"{repository} holds no preprocessing version: `make models` publishes one")
    return example_home(Demographics.read(demographics))


def _write_warmup(repository: Path, demographics: Demographics) -> None:
    """Write the features of the example home, which ``model_warmup`` makes each price model value before it serves.

    A file that is right already stays untouched: Triton reloads a model when anything in its folder becomes newer.
    """
    sample, content = repository / PRICE_MODEL / "warmup" / "features", example_features(demographics).tobytes()
    if not sample.is_file() or sample.read_bytes() != content:
        sample.parent.mkdir(exist_ok=True)
        sample.write_bytes(content)


def _note_new_data(found: DataFiles | None, card: Card | None) -> None:
    if found and card and card.data.fingerprint != found.fingerprint():
        log.info("the data in %s are newer than %s: `make publish` trains on them", found.folder, card.price_model)
    if card and card.data.standin:
        log.warning("STAND-IN MARKET: %s was trained on made-up homes and prices", card.price_model)


def _demographics(repository: Path, found: DataFiles | None, card: Card | None) -> Path:
    """Return the demographics that belong to the newest price model: never made-up ones to a model of real sales."""
    published = published_demographics(repository)
    if found:
        return found.demographics
    if published is not None and not (card and card.data.standin):
        return published
    return standin_data().demographics
