"""Putting versions into the model repository, and keeping out those that must not serve."""

from __future__ import annotations

import logging
import shutil
from pathlib import Path

from conversion.card import Card
from conversion.contract import check_version
from conversion.converted import Converted, convert_and_compare
from conversion.create_model import create_model
from conversion.repository import PRICE_MODEL, add, staged
from conversion.sales import Sales
from conversion.version import write_version

TRIED_ON = 256
"""Held-out homes that a version must value sensibly before it goes live."""

log = logging.getLogger(__name__)


def publish_basic(sales: Sales, repository: Path) -> tuple[int, Card]:
    """Train Sound Realty's basic model on these sales and publish it; its number and card."""
    log.info("training the basic model on %s sales", f"{len(sales.training):,}")
    estimator = create_model(sales.table, sales.prices)
    log.info("converting it to ONNX and comparing both on %s held-out sales", f"{len(sales.held_out):,}")
    return publish_converted(convert_and_compare(estimator, sales.table[sales.held_out]), sales, repository)


def publish_converted(converted: Converted, sales: Sales, repository: Path) -> tuple[int, Card]:
    """Publish a converted model as the next version; its number and card. Raises Refused."""
    log.info("calibrating its range and publishing it")
    with staged(repository) as area:
        folder = area / "version"
        folder.mkdir()
        card = write_version(converted, sales, folder)
        check_version(folder, sales.table[sales.held_out][:TRIED_ON])
        return add(folder, repository / PRICE_MODEL), card


def publish_folder(version: Path, sales: Sales, repository: Path) -> int:
    """Publish a complete version folder, say one that another repository served. Raises Refused."""
    with staged(repository) as area:
        folder = area / "version"
        shutil.copytree(version, folder)
        check_version(folder, sales.table[sales.held_out][:TRIED_ON])
        return add(folder, repository / PRICE_MODEL)
