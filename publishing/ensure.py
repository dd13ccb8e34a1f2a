"""Makes sure that the repository holds something to serve; returns at once where it already does."""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping
from functools import partial
from pathlib import Path

from conversion import Refused
from data.demographics import read_demographics
from data.files import DataFiles, find_data
from data.standin import find_or_generate, standin_data
from preprocessing.demographics import Demographics
from preprocessing.example import example_features, example_home
from publishing.admission import withdraw
from publishing.analysis_version import publish_analysis
from publishing.card import Card, newest_known
from publishing.preprocessing_version import publish_preprocessing, published_demographics
from publishing.repository import ENSEMBLES, PRICE_MODEL, configured, served, versions

log = logging.getLogger(__name__)


def ensure(repository: Path, environ: Mapping[str, str] = os.environ) -> None:
    """Publish the basic model where no version serves, or where real data take over from the stand-in market.

    Versions that lie in the repository come first. Brings preprocessing up to date in any case. Raises Refused, or
    data.files.DataError.
    """
    model = configured(repository) / PRICE_MODEL
    found = find_data(environ)
    if not versions(model) and versions(repository / PRICE_MODEL):
        _take_up(repository, environ)
    withdraw(repository)
    known = newest_known(model)
    real_take_over = found is not None and not found.standin and known is not None and known[1].data.standin
    if known is not None and not real_take_over:
        _note_new_data(found, known[1])
        bring_up_to_date(repository, environ)
        return

    # Imported here: training takes libraries that a start with a model does not need.
    from publishing.publish import publish_trained
    from training.sales import read_sales

    files = find_or_generate(environ)
    demographics = read_demographics(files.demographics)
    number = publish_trained("basic", read_sales(files), repository)
    prepare(repository, demographics)
    log.info("price_model version %d is %s", number, Card.read(model / str(number)).price_model)


def _take_up(repository: Path, environ: Mapping[str, str]) -> None:
    """Let the versions that lie in a repository serve where nothing does yet, as after a move to another machine.

    Raises Refused when one of them cannot be judged: nothing may be trained in its place.
    """
    from publishing.door import Door, is_open, only_door, read_record

    if is_open(repository):
        return
    with only_door(repository):
        Door(repository, partial(market, environ=environ)).look()
    unjudged = [verdict for verdict in read_record(repository).verdicts.values() if verdict.state == "unjudged"]
    if unjudged and not versions(served(repository) / PRICE_MODEL):
        raise Refused(f"{unjudged[-1].price_model or 'the version here'} cannot serve yet: {unjudged[-1].reason}")


def market(standin: bool, environ: Mapping[str, str] = os.environ) -> DataFiles:
    """Return the data to judge a version by, made-up ones for one of the stand-in market, as far as they are here.

    Raises data.files.DataError.
    """
    found = find_data(environ)
    return found if found is not None and found.standin == standin else standin_data()


def bring_up_to_date(repository: Path, environ: Mapping[str, str] = os.environ) -> None:
    """Give the served repository what belongs to the newest version that it has. Raises Refused."""
    known = newest_known(served(repository) / PRICE_MODEL)
    prepare(repository, _demographics(repository, find_data(environ), known[1] if known else None))


def prepare(repository: Path, demographics: Demographics) -> None:
    """Add everything that the served repository needs besides a price model. Raises Refused.

    It takes demographics, not their file: what is published first must not wait for a file that cannot be read.
    """
    models = configured(repository)
    for ensemble in ENSEMBLES:
        keep = models / ensemble / "1" / ".keep"  # a bucket has no empty folders
        if not keep.is_file():
            keep.parent.mkdir(exist_ok=True)
            keep.touch()
    _write_warmup(models, demographics)
    number = publish_preprocessing(models, demographics)
    if number is not None:
        log.info("preprocessing version %d carries today's checks, demographics and training sales' spread", number)
    number = publish_analysis(models)
    if number is not None:
        log.info("market_analysis version %d knows the price models that serve, and their sales", number)


def example(repository: Path) -> dict[str, float]:
    """Return the example home, in a ZIP code that the published demographics know. Raises Refused without them."""
    demographics = published_demographics(configured(repository))
    if demographics is None:
        raise Refused(f"{repository} holds no preprocessing version: `make models` publishes one")
    return example_home(demographics)


def _write_warmup(models: Path, demographics: Demographics) -> None:
    """Write the features of the example home, which ``model_warmup`` makes each price model value before it serves.

    A file that is right already stays untouched: Triton reloads a model when anything in its folder becomes newer.
    """
    sample, content = models / PRICE_MODEL / "warmup" / "features", example_features(demographics).tobytes()
    if not sample.is_file() or sample.read_bytes() != content:
        sample.parent.mkdir(exist_ok=True)
        sample.write_bytes(content)


def _note_new_data(found: DataFiles | None, card: Card | None) -> None:
    if found and card and card.data.fingerprint != found.fingerprint():
        log.info("the data in %s are newer than %s: `make publish` trains on them", found.folder, card.price_model)
    if card and card.data.standin:
        log.warning("STAND-IN MARKET: %s was trained on made-up homes and prices", card.price_model)


def _demographics(repository: Path, found: DataFiles | None, card: Card | None) -> Demographics:
    """Return the demographics that belong to the newest price model: never made-up ones to a model of real sales."""
    published = published_demographics(served(repository))
    if found:
        return read_demographics(found.demographics)
    if published is not None and not (card and card.data.standin):
        return published
    return read_demographics(standin_data().demographics)
