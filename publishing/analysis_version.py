"""A version of the analysis: its code, and what it must know of the price models that serve.

Of each it carries the market, the sales behind it, and a home whose prices are known. It carries one more than Triton
keeps loaded: the one that a rollback brings back.
"""

from __future__ import annotations

import logging
import shutil
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import market_analysis
import preprocessing
from conversion import Refused
from market_analysis.past_sales import COMPARABLES_FILE
from market_analysis.versions import Facts, write_versions
from publishing.card import PROOF_FILE, Card
from publishing.repository import ANALYSIS, PRICE_MODEL, add, newest, staged, versions
from publishing.shipping import fingerprint, ship, try_out

KEPT = 3
_OF_PREPROCESSING = ("__init__.py", "columns.py")
"""What the analysis reads of it: data, no code."""

log = logging.getLogger(__name__)


def publish_analysis(repository: Path) -> int | None:
    """Publish today's analysis for the price models of a served repository; return the version's number.

    Returns None when the newest version is just that. Raises Refused when it cannot analyse a home.
    """
    model = repository / ANALYSIS
    current = newest(model)
    with staged(repository) as area:
        folder = area / "version"
        ship(market_analysis, folder, ("model.py",))
        ship(market_analysis, folder / market_analysis.__name__)
        ship(preprocessing, folder / preprocessing.__name__, _OF_PREPROCESSING)
        write_versions(list(_known(repository / PRICE_MODEL, folder)), folder)
        if current is not None and fingerprint(current) == fingerprint(folder):
            return None
        try_out("market_analysis.trial", folder, "the analysis does not work for the example home")
        return add(folder, model)


def _known(model: Path, folder: Path) -> Iterator[Facts]:
    """Yield the facts of the newest versions, newest first, and copy their sales into a folder."""
    for number in reversed(versions(model)[-KEPT:]):
        try:
            card = Card.read(model / str(number))
        except Refused as refused:
            log.warning("no analysis of %s version %d: %s", PRICE_MODEL, number, refused)
            continue
        sales_file = ""
        if COMPARABLES_FILE in card.files:
            sales_file = f"comparables-{number}.npz"
            shutil.copyfile(model / str(number) / COMPARABLES_FILE, folder / sales_file)
        yield _facts(number, card, sales_file)


def _facts(number: int, card: Card, sales_file: str) -> Facts:
    market, example = card.market, card.examples[0]
    return Facts(
        number=number,
        price_model=card.price_model,
        standin=card.data.standin,
        proven=PROOF_FILE in card.files,
        dated=market is not None,
        first_sale=card.data.first_sale,
        last_sale=card.data.last_sale,
        valued_for=market.valued_for if market else _middle(card),
        factor=card.market_factor,
        levels=market.levels if market else {},
        sales_file=sales_file,
        example=example.features,
        example_prices=(example.price, example.price_low, example.price_high),
    )


def _middle(card: Card) -> str:
    """Return the day in the middle of a version's sales: at their average market, which it values for."""
    first, last = (date.fromisoformat(day) for day in (card.data.first_sale, card.data.last_sale))
    return (first + (last - first) / 2).isoformat()
