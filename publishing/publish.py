"""Putting versions into the model repository, and keeping out those that must not serve."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Callable
from pathlib import Path

from conversion import Refused
from conversion.converted import Converted, convert_estimator
from publishing.card import Card, newest_known
from publishing.contract import check_version
from publishing.floors import check_floors
from publishing.gate import GATE_FILE, Comparison, compare, judge
from publishing.repository import PRICE_MODEL, alone, place, staged
from publishing.version import write_version
from training import Kind
from training.basic import train_basic
from training.sales import Sales

TRIED_ON = 256
"""Held-out homes that a version must value sensibly before it goes live."""

FEWEST_SALES = 1_000
"""A quarter is held out, and half of that sets the range, whose tails are then some six sales each."""

Show = Callable[[Comparison], None]

_PATIENCE = {"basic": "", "improved": ", which takes a minute or two"}
_CONVERTING = "converting it to ONNX and comparing both on %s held-out sales"

log = logging.getLogger(__name__)


def publish_trained(kind: Kind, sales: Sales, repository: Path, accept: str = "", show: Show | None = None) -> int:
    """Train one of the project's models on these sales and publish it; return its number. Raises Refused.

    The firm's basic model learns from its own three quarters of the sales, the improved one from the
    same without the example homes, and prices at the market of the latest sales.
    """
    _refuse_untrained(sales, repository)
    rows = sales.unexampled if kind == "improved" else sales.training
    log.info("training the %s model on %s sales%s", kind, f"{len(rows):,}", _PATIENCE[kind])
    homes = sales.table[sales.held_out]
    if kind == "improved":
        # Imported here: costs a second that the other ways to publish need not pay.
        from conversion.improved import convert_improved
        from training.improved import train_improved

        improved = train_improved(sales[rows]).at("latest")
        log.info(_CONVERTING, f"{len(homes):,}")
        converted = convert_improved(improved, homes)
    else:
        basic = train_basic(sales[rows])
        log.info(_CONVERTING, f"{len(homes):,}")
        converted = convert_estimator(basic, homes)
    return publish_converted(converted, sales, repository, accept, show)


def publish_converted(
    converted: Converted, sales: Sales, repository: Path, accept: str = "", show: Show | None = None
) -> int:
    """Publish a converted model as the next version; return its number. Raises Refused.

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
    """Publish a complete version folder, say one that another repository served; return its number. Raises Refused."""
    with staged(repository) as area:
        folder = area / "version"
        shutil.copytree(version, folder)
        return _publish(folder, sales, repository, accept, show)


def refuse_early(standin: bool, repository: Path) -> None:
    """Refuse, before anything is read, that made-up prices replace real ones: raises Refused."""
    serving = newest_known(repository / PRICE_MODEL)
    if serving is not None and standin and not serving[1].data.standin:
        raise Refused(
            f"with the stand-in market alone nothing replaces {serving[1].price_model}, which serves and knows real "
            "sales: set DATA_DIR to the folder of Sound Realty's data"
        )


def asks_for_reason(kind: Kind, standin: bool, repository: Path) -> str | None:
    """Return the model that a newly trained one of another kind takes over from, or None.

    Models of two kinds, ``basic`` and ``improved``, price many homes far apart: the gate will ask
    why, and whoever publishes should know before minutes of training.
    """
    serving = newest_known(repository / PRICE_MODEL)
    if serving is None:
        return None
    known = serving[1]
    if known.data.standin != standin or known.price_model.startswith(f"{kind}-"):
        return None
    return known.price_model


def _refuse_untrained(sales: Sales, repository: Path) -> None:
    """Refuse what can be known before minutes of training."""
    refuse_early(sales.summary.standin, repository)
    if len(sales) < FEWEST_SALES:
        raise Refused(
            f"{len(sales):,} sales are too few to train on, {FEWEST_SALES:,} are asked for: the file must hold "
            "all sales to learn from, not only the new ones"
        )


def _publish(folder: Path, sales: Sales, repository: Path, accept: str, show: Show | None) -> int:
    card = check_version(folder, sales.table[sales.held_out][:TRIED_ON])
    if card.data.standin == sales.summary.standin:
        check_floors(folder, card, sales)
    refuse_early(card.data.standin, repository)
    (folder / GATE_FILE).unlink(missing_ok=True)  # how it compared in the repository that it comes from
    model = repository / PRICE_MODEL
    with alone(model):  # until it is placed: another publisher's version would be the one to compare with
        serving = newest_known(model, tell=True)
        if serving is not None and _comparable(*serving, card):
            log.info("comparing it with version %s, which serves", serving[0].name)
            comparison = compare(folder, serving[0], sales, accept)
            if show is not None:
                show(comparison)
            judge(comparison)
            comparison.write(folder)
        return place(folder, model)


def _comparable(serving: Path, known: Card, card: Card) -> bool:
    """Tell whether both know the same market: made-up sales say nothing about a model of real ones, nor the reverse."""
    if known.data.standin != card.data.standin:
        log.info("not compared with version %s, which knows only the stand-in market", serving.name)
        return False
    return True
