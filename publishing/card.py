"""The model card: what a version is made of and how good it was measured to be.

What decides is read from here, so a card is checked when it is read: a missing entry or one of the
wrong type is named, and nothing deeper in the program meets it. Imports nothing slow, since every
start of the service reads a card.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any

from pydantic import BeforeValidator, TypeAdapter, ValidationError

from conversion import Refused
from conversion.parity import Parity
from data.files import DataSummary
from preprocessing.training_bins import Bins
from publishing.repository import versions
from training.accuracy import Accuracy
from training.accuracy_by import PartAccuracy
from training.market_index import MarketIndex

CARD_FILE = "card.json"
PROOF_FILE = "proof.npz"
"""Named here, since a start asks cards for it, and what reads it imports what takes a second to load."""

log = logging.getLogger(__name__)


def _as_called_today(market: Any) -> Any:
    """Return the market of a card; before there was an index, its day was called ``reference``."""
    if isinstance(market, dict) and "reference" in market:
        return {"valued_for": market["reference"], **{name: market[name] for name in market if name != "reference"}}
    return market


@dataclass(frozen=True)
class MeasuredRange:
    """Tell what share of sale prices a range held that it had not seen, and how wide it was relative to the price.

    ``required`` is for homes of which only the required columns are given. ``below`` and ``above``
    say how far a range reaches that is the same for all homes.
    """

    target_coverage: float
    measured_sales: int
    coverage: float
    coverage_required: float
    mean_width: float
    mean_width_required: float
    below: float | None = None
    above: float | None = None


@dataclass(frozen=True)
class ExampleHome:
    """Hold what a version says of one home, in dollars; ``features`` are its 44, None where one is not given.

    With them anybody can ask a running server whether it is this version that answers.
    """

    features: tuple[float | None, ...]
    price: float
    price_low: float
    price_high: float


@dataclass(frozen=True)
class Card:
    """Hold everything known of a version. Written once, beside its graph.

    ``training`` is measured on the sales that the graph learned from, ``held_out`` and the range on sales that were
    valued unseen: on those of its proof where it has one, which then are the same sales, otherwise on the firm's
    held-out quarter. All are measured at the average market of the training sales, since both span the same period.
    """

    price_model: str
    created_at: str
    files: Mapping[str, str]
    """The SHA-256 of every other file of the version, by name."""
    examples: tuple[ExampleHome, ...]
    feature_names: tuple[str, ...]
    columns_used: tuple[str, ...]
    data: DataSummary
    training: Accuracy
    held_out: Accuracy
    held_out_required: Accuracy
    market: Annotated[MarketIndex | None, BeforeValidator(_as_called_today)]
    """The market that prices belong to; None for a model that knows only the average of its sales."""
    price_range: MeasuredRange
    parity: Parity
    ms_per_home: float
    """Median milliseconds for one home on one thread, where the version was made."""
    libraries: Mapping[str, str]
    training_columns: dict[str, Bins] | None = None
    """How the training sales spread over each column; older cards have none."""
    accuracy_by: Mapping[str, tuple[PartAccuracy, ...]] | None = None
    """How good unseen valuations were by ``area`` and by ``price``; older cards have none."""

    @property
    def market_factor(self) -> float:
        """Return what prices at the average market are multiplied by."""
        return self.market.factor if self.market else 1.0

    @classmethod
    def read(cls, folder: Path) -> Card:
        """Read the card of a version. Raises Refused when it is missing or broken, and names what it lacks."""
        path = folder / CARD_FILE
        if not path.is_file():
            raise Refused(f"{CARD_FILE} is missing: a version without its card can't be told from any other")
        return cls.parse(path.read_bytes())

    @classmethod
    def parse(cls, content: bytes) -> Card:
        """Return the card that a file holds. Raises Refused when it is broken, and names what it lacks."""
        try:
            return _CARD.validate_json(content)
        except ValidationError as error:
            raise Refused(f"{CARD_FILE} {_complaint(error)}") from error

    def write(self, folder: Path) -> None:
        """Write it as ``card.json`` into a version's folder."""
        (folder / CARD_FILE).write_text(json.dumps(asdict(self), indent=2) + "\n")


_CARD = TypeAdapter(Card)


def newest_known(model: Path, *, tell: bool = False) -> tuple[Path, Card] | None:
    """Return the newest version that has a card, and the card; ``tell`` logs each version above it that has none."""
    for number in reversed(versions(model)):
        folder = model / str(number)
        try:
            return folder, Card.read(folder)
        except Refused as refused:
            if tell:
                log.warning("%s version %d was not published by this project: %s", model.name, number, refused)
    return None


def _complaint(error: ValidationError) -> str:
    """Return in one line what is wrong with a card."""
    problems = error.errors(include_url=False)
    if problems[0]["type"] == "json_invalid":
        return f"is not JSON: {problems[0]['ctx']['error']}"
    paths = {".".join(map(str, problem["loc"])): problem for problem in problems}
    missing = [path for path, problem in paths.items() if problem["type"] == "missing"]
    if missing:
        return f"lacks {', '.join(missing)}"
    path, problem = next(iter(paths.items()))
    return f"has {path or 'something'} {problem['input']!r}: {problem['msg']}"
