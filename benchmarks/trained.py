"""The one model that everybody serves: trained once, kept as estimator, as ONNX and in a repository.

It is trained on the stand-in market, so that a run means the same on every machine and nothing of
the firm's data lies in what it leaves behind. Trees cost the same whatever the prices are.
"""

from __future__ import annotations

import hashlib
import logging
import pickle
import shutil
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from benchmarks.places import BUILD, ROOT
from conversion.improved import convert_improved
from data.standin import standin_data
from preprocessing.demographics import DEMOGRAPHICS_FILE
from publishing.card import Card
from publishing.contract import MODEL_FILE
from publishing.ensure import prepare
from publishing.publish import publish_folder
from publishing.version import write_version
from training.improved import ImprovedModel, train_improved
from training.price_trees import DECISIONS
from training.sales import Sales, read_sales

ESTIMATOR_FILE = "model.pkl"
QUICK_SALES, QUICK_ROUNDS = 4_000, 60
_STAMP = "stamp"
_SOURCES = (
    "preprocessing/columns.py",
    "conversion/improved_model.py",
    "conversion/improved_graph.py",
    "conversion/likely_branch.py",
    "conversion/location.py",
    "conversion/gaps.py",
    "conversion/adaptive_range.py",
)

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Trained:
    """A folder with ``model.onnx``, its card, ``model.pkl`` and the demographics, and the sales behind it."""

    folder: Path
    sales: Sales
    rounds: int

    @property
    def graph(self) -> bytes:
        """The ONNX file."""
        return (self.folder / MODEL_FILE).read_bytes()

    @property
    def name(self) -> str:
        """What the model calls itself."""
        return Card.read(self.folder).price_model

    @property
    def table(self) -> npt.NDArray[np.float32]:
        """Features [N,44] of homes that the model has not seen."""
        return self.sales.table[self.sales.held_out]


def trained(quick: bool) -> Trained:
    """The improved model in full, or a small one of its kind; at once where today's code already trained it."""
    files = standin_data()
    sales = read_sales(files)
    rounds = QUICK_ROUNDS if quick else DECISIONS.rounds
    found = Trained(BUILD / ("model-quick" if quick else "model"), sales, rounds)
    stamp = _stamp(files.fingerprint())
    if (found.folder / _STAMP).is_file() and (found.folder / _STAMP).read_text() == stamp:
        return found
    log.info("training the model of %d trees, which takes a minute or two", 2 * rounds)
    shutil.rmtree(found.folder, ignore_errors=True)
    found.folder.mkdir(parents=True)
    model = fit(sales, rounds, QUICK_SALES) if quick else fit(sales, rounds, len(sales))
    write_model(model, sales, found.folder)
    (found.folder / ESTIMATOR_FILE).write_bytes(pickle.dumps(model))
    shutil.copy(files.demographics, found.folder / DEMOGRAPHICS_FILE)
    (found.folder / _STAMP).write_text(stamp)
    return found


def fit(sales: Sales, rounds: int, count: int) -> ImprovedModel:
    """The improved model with so many boosting rounds, on the first ``count`` of its sales."""
    return train_improved(sales[sales.unexampled[:count]], rounds=rounds).at("latest")


def write_model(model: ImprovedModel, sales: Sales, folder: Path) -> None:
    """``model.onnx`` and ``card.json`` into an empty folder."""
    write_version(convert_improved(model, sales.table[sales.held_out]), sales, folder)


def lay_out(model: Trained, repository: Path) -> Path:
    """The shipped repository as it is now, with this model as its only version."""
    shutil.rmtree(repository, ignore_errors=True)
    for config in (ROOT / "model_repository").glob("*/config.pbtxt"):
        target = repository / config.parent.name
        target.mkdir(parents=True)
        shutil.copy(config, target)
    version = repository.parent / f"{repository.name}-version"
    shutil.rmtree(version, ignore_errors=True)
    version.mkdir()
    for name in (MODEL_FILE, "card.json"):
        shutil.copy(model.folder / name, version)
    publish_folder(version, model.sales, repository)
    prepare(repository, model.folder / DEMOGRAPHICS_FILE)  # with what its training sales were like, for the metrics
    return repository


def _stamp(data: str) -> str:
    """Of what decides how the model comes out; other code changes too often to train for it."""
    code = b"".join((ROOT / name).read_bytes() for name in _SOURCES)
    return f"{data} {hashlib.sha256(code).hexdigest()[:12]}"
