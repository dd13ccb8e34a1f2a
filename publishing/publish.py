"""From a market, or a model handed over, to a version that is brought to the door."""

from __future__ import annotations

import logging
from pathlib import Path

from conversion import Refused
from conversion.converted import Converted, convert_estimator
from publishing.admission import Show, admit, refuse_early
from publishing.card import newest_known
from publishing.repository import PRICE_MODEL, VERSION_NAME, configured, staged
from publishing.version import write_version
from training import Kind
from training.basic import train_basic
from training.sales import Sales

FEWEST_SALES = 1_000
"""A quarter is held out, and half of that sets the range, whose tails are then some six sales each."""

_PATIENCE = {"basic": "", "improved": ", which takes some minutes"}
_CONVERTING = "converting it to ONNX and comparing both on %s held-out sales"

log = logging.getLogger(__name__)


def publish_trained(kind: Kind, sales: Sales, repository: Path, accept: str = "", show: Show | None = None) -> int:
    """Train one of the project's models on these sales and publish it; return its number. Raises Refused.

    The firm's basic model learns from its own three quarters of the sales. The improved one is proven on all sales
    but those of the example homes, then learns from them, and prices at the market that its index leads to.
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
        return admit(folder, repository, sales, accept=accept, show=show)


def publish_folder(version: Path, sales: Sales, repository: Path, accept: str = "", show: Show | None = None) -> int:
    """Publish a complete version folder, say one that another repository served; return its number. Raises Refused.

    One that lies in this repository, as when the door refused it for want of a reason, keeps its number.
    """
    own = version.resolve().parent == (repository / PRICE_MODEL).resolve() and VERSION_NAME.fullmatch(version.name)
    number = int(version.name) if own else None
    return admit(version, repository, sales, number=number, accept=accept, show=show)


def asks_for_reason(kind: Kind, standin: bool, repository: Path) -> str | None:
    """Return the model that a newly trained one of another kind takes over from, or None.

    Models of two kinds, ``basic`` and ``improved``, price many homes far apart: the gate will ask
    why, and whoever publishes should know before minutes of training.
    """
    serving = newest_known(configured(repository) / PRICE_MODEL)
    if serving is None:
        return None
    known = serving[1]
    if known.data.standin != standin or known.price_model.startswith(f"{kind}-"):
        return None
    return known.price_model


def _refuse_untrained(sales: Sales, repository: Path) -> None:
    """Refuse what can be known before minutes of training. Raises Refused, or OSError for a disk not to be written."""
    refuse_early(sales.summary.standin, repository)
    with staged(repository):
        pass
    if len(sales) < FEWEST_SALES:
        raise Refused(
            f"{len(sales):,} sales are too few to train on, {FEWEST_SALES:,} are asked for: the file must hold "
            "all sales to learn from, not only the new ones"
        )
