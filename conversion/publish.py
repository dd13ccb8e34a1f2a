"""Putting versions into the model repository, and keeping out those that must not serve."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from conversion.card import read_card
from conversion.contract import check_version
from conversion.converted import Converted, convert_and_compare
from conversion.create_model import create_model
from conversion.gate import Comparison, compare, judge, note
from conversion.refused import Refused
from conversion.repository import PRICE_MODEL, add, newest, staged
from conversion.sales import Sales
from conversion.version import write_version

TRIED_ON = 256
"""Held-out homes that a version must value sensibly before it goes live."""

FEWEST_SALES = 1_000
"""A quarter is held out, and half of that sets the range, whose tails are then some six sales each."""

Show = Callable[[Comparison], None]

log = logging.getLogger(__name__)


def publish_basic(sales: Sales, repository: Path, accept: str = "", show: Show | None = None) -> int:
    """Train Sound Realty's basic model on these sales and publish it; its number. Raises Refused."""
    _refuse_untrained(sales, repository)
    log.info("training the basic model on %s sales", f"{len(sales.training):,}")
    estimator = create_model(sales.table, sales.prices)
    log.info("converting it to ONNX and comparing both on %s held-out sales", f"{len(sales.held_out):,}")
    converted = convert_and_compare(estimator, sales.table[sales.held_out])
    return publish_converted(converted, sales, repository, accept, show)


def publish_improved(sales: Sales, repository: Path, accept: str = "", show: Show | None = None) -> int:
    """Train the improved model on these sales and publish it; its number. Raises Refused."""
    from conversion import improved_version  # costs a second that the other ways to publish need not pay

    _refuse_untrained(sales, repository)
    log.info("training the improved model on %s sales, which takes a minute or two", f"{len(sales.unexampled):,}")
    model = improved_version.train(sales)
    log.info("converting it to ONNX and comparing both on %s held-out sales", f"{len(sales.held_out):,}")
    converted = improved_version.convert_and_compare(model, sales.table[sales.held_out])
    return publish_converted(converted, sales, repository, accept, show)


def publish_converted(
    converted: Converted, sales: Sales, repository: Path, accept: str = "", show: Show | None = None
) -> int:
    """Publish a converted model as the next version; its number. Raises Refused.

    ``accept`` is the reason why prices may change beyond the gate's bound; ``show`` is told how
    the version compares with the one that serves, before it is judged.
    """
    log.info("giving it its range and its card")
    with staged(repository) as area:
        folder = area / "version"
        folder.mkdir()
        write_version(converted, sales, folder)
        return _publish(folder, sales, repository, accept, show)


def publish_folder(version: Path, sales: Sales, repository: Path, accept: str = "", show: Show | None = None) -> int:
    """Publish a complete version folder, say one that another repository served. Raises Refused."""
    with staged(repository) as area:
        folder = area / "version"
        shutil.copytree(version, folder)
        return _publish(folder, sales, repository, accept, show)


def refuse_early(standin: bool, repository: Path) -> None:
    """Known before anything is read: raises Refused when made-up prices would replace real ones."""
    serving = newest(repository / PRICE_MODEL)
    if serving is not None and standin and (known := _card(serving)) and not known["data"]["standin"]:
        raise Refused(
            f"with the stand-in market alone nothing replaces {known['price_model']}, which serves and knows real "
            "sales: set DATA_DIR to the folder of Sound Realty's data"
        )


def asks_for_reason(name: str, standin: bool, repository: Path) -> str | None:
    """Return the model that a newly trained one of another kind takes over from, or None.

    Models of two kinds, ``basic`` and ``improved``, price many homes far apart: the gate will ask
    why, and whoever publishes should know before minutes of training.
    """
    serving = newest(repository / PRICE_MODEL)
    known = _card(serving) if serving is not None else None
    if known is None or known["data"]["standin"] != standin or known["price_model"].startswith(f"{name}-"):
        return None
    return str(known["price_model"])


def _refuse_untrained(sales: Sales, repository: Path) -> None:
    """What can be known before minutes of training."""
    refuse_early(sales.summary.standin, repository)
    if len(sales.prices) < FEWEST_SALES:
        raise Refused(
            f"{len(sales.prices):,} sales are too few to train on, {FEWEST_SALES:,} are asked for: the file must hold "
            "all sales to learn from, not only the new ones"
        )


def _publish(folder: Path, sales: Sales, repository: Path, accept: str, show: Show | None) -> int:
    card = check_version(folder, sales.table[sales.held_out][:TRIED_ON])
    refuse_early(card["data"]["standin"], repository)
    serving = newest(repository / PRICE_MODEL)
    if serving is not None and _comparable(serving, card):
        log.info("comparing it with version %s, which serves", serving.name)
        comparison = compare(folder, serving, sales, accept)
        if show is not None:
            show(comparison)
        judge(comparison)
        note(comparison, folder)
    return add(folder, repository / PRICE_MODEL)


def _comparable(serving: Path, card: dict[str, Any]) -> bool:
    """Whether both know the same market: made-up sales and real ones say nothing about each other's models."""
    known = _card(serving)
    if known is None:
        log.warning("not compared with version %s, which was not published by this project", serving.name)
        return False
    if known["data"]["standin"] != card["data"]["standin"]:
        log.info("not compared with version %s, which knows only the stand-in market", serving.name)
        return False
    return True


def _card(version: Path) -> dict[str, Any] | None:
    try:
        return read_card(version)
    except Refused:
        return None
