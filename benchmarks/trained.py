"""The one model that everybody serves: trained once, kept as estimator and as a version of the price model.

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

from benchmarks import BUILD, ROOT
from conversion.converted import convert_estimator
from conversion.improved import convert_improved
from data.demographics import read_demographics
from data.standin import standin_data
from preprocessing.demographics import DEMOGRAPHICS_FILE
from publishing.card import CARD_FILE, Card
from publishing.contract import MODEL_FILE
from publishing.version import write_version
from training.basic import train_basic
from training.improved import train_improved
from training.price_model import DECISIONS
from training.sales import Sales, read_sales

ESTIMATOR_FILE = "model.pkl"
QUICK_SALES, QUICK_ROUNDS = 4_000, 60
_STAMP = "stamp"
_SOURCES = (
    "preprocessing/columns.py",
    "training/improved.py",
    "training/price_model.py",
    "training/price_network.py",
    "training/location.py",
    "training/market_index.py",
    "training/gaps.py",
    "training/adaptive_range.py",
    "conversion/improved_graph.py",
    "conversion/likely_branch.py",
    "publishing/comparables_file.py",
)

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Trained:
    """A folder with ``model.onnx`` and its card, the sales behind it, and how many trees of the price it has.

    One that was trained here also holds ``model.pkl`` and the demographics.
    """

    folder: Path
    sales: Sales
    trees: int

    @property
    def graph(self) -> bytes:
        """Return the ONNX file."""
        return (self.folder / MODEL_FILE).read_bytes()

    @property
    def name(self) -> str:
        """Return what the model calls itself."""
        return Card.read(self.folder).price_model

    @property
    def table(self) -> npt.NDArray[np.float32]:
        """Return the features [N,44] of some thousand homes."""
        return self.sales.table[self.sales.held_out]

    def version_in(self, folder: Path) -> Path:
        """Write the version, its graph and its card, into a new folder; return the folder."""
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        for name in (CARD_FILE, *Card.read(self.folder).files):
            shutil.copy(self.folder / name, folder)
        return folder


def trained_basic() -> Trained:
    """Return the firm's basic model, which has no trees; no estimator lies beside it."""
    files = standin_data()
    sales = read_sales(files)
    found = Trained(BUILD / "model-basic", sales, 0)
    shutil.rmtree(found.folder, ignore_errors=True)
    found.folder.mkdir(parents=True)
    write_version(convert_estimator(train_basic(sales[sales.training]), found.table), sales, found.folder)
    read_demographics(files.demographics).write(found.folder / DEMOGRAPHICS_FILE)
    return found


def trained(quick: bool) -> Trained:
    """Return the improved model in full, or a small one of its kind; train it unless today's code already has."""
    files = standin_data()
    sales = read_sales(files)
    rounds = QUICK_ROUNDS if quick else DECISIONS.rounds
    trees = len(DECISIONS.losses) * rounds
    found = Trained(BUILD / ("model-quick" if quick else "model"), sales, trees)
    stamp = _stamp(files.fingerprint())
    if (found.folder / _STAMP).is_file() and (found.folder / _STAMP).read_text() == stamp:
        return found
    log.info("training the model of %d trees, which takes some minutes", trees)
    shutil.rmtree(found.folder, ignore_errors=True)
    found.folder.mkdir(parents=True)
    rows = sales.unexampled[:QUICK_SALES] if quick else sales.unexampled
    model = train_improved(sales[rows], rounds=rounds).at("latest")
    write_version(convert_improved(model, found.table), sales, found.folder)
    (found.folder / ESTIMATOR_FILE).write_bytes(pickle.dumps(model))
    read_demographics(files.demographics).write(found.folder / DEMOGRAPHICS_FILE)
    (found.folder / _STAMP).write_text(stamp)
    return found


def brought(version: Path) -> Trained:
    """Return the model of a version folder that was made elsewhere; how many trees it has is not known."""
    return Trained(version, read_sales(standin_data()), 0)


def _stamp(data: str) -> str:
    """Return a digest of the code that decides how the model comes out; the rest changes too often to train for it."""
    code = b"".join((ROOT / name).read_bytes() for name in _SOURCES)
    return f"{data} {hashlib.sha256(code).hexdigest()[:12]}"
