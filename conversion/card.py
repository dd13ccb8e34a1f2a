"""The model card: what a version is made of and how good it was measured to be."""

from __future__ import annotations

import json
import platform
from collections.abc import Mapping
from dataclasses import MISSING, asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from conversion.refused import Refused

if TYPE_CHECKING:  # reading a card must not cost the second that scikit-learn takes to load
    from conversion.accuracy import Accuracy
    from conversion.gate import Comparison
    from conversion.parity import Parity

CARD_FILE = "card.json"
_DECIDING = {
    "data": ("fingerprint", "standin", "last_sale"),
    "parity": ("homes", "differing", "largest_difference"),
    "price_range": ("coverage", "coverage_required", "measured_sales"),
}
"""What publishing and starting decide by."""
_LIBRARIES = ("numpy", "onnx", "onnxruntime", "scikit-learn", "skl2onnx")


@dataclass(frozen=True)
class DataSummary:
    """The sales behind a version; ``standin`` when they were generated, and its prices made up."""

    fingerprint: str
    standin: bool
    sales: int
    first_sale: str
    last_sale: str
    zipcodes: int


@dataclass(frozen=True)
class MeasuredRange:
    """The share of held-out sale prices that a range held, and how wide it was, in proportion to the price.

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
class Market:
    """The market that prices belong to: ``factor`` times that of the training sales on average.

    Accuracy and coverage are measured at the average, as the held-out sales were made all along.
    """

    reference: str
    factor: float
    sales: int


@dataclass(frozen=True)
class Card:
    """Everything known of a version. Written once, beside its graph."""

    price_model: str
    created_at: str
    model_sha256: str
    feature_names: tuple[str, ...]
    columns_used: tuple[str, ...]
    data: DataSummary
    training: Accuracy
    held_out: Accuracy
    held_out_required: Accuracy
    market: Market | None
    price_range: MeasuredRange
    parity: Parity
    ms_per_home: float
    """Median milliseconds for one home on one thread, where it was published."""
    libraries: Mapping[str, str]
    gate: Comparison | None
    """How it compared with the version that it took over from."""
    training_columns: Mapping[str, Any] | None = None
    """How the training sales spread over each column (``preprocessing.training``); older cards have none."""

    def write(self, folder: Path) -> None:
        """As ``card.json`` in a version's folder."""
        (folder / CARD_FILE).write_text(json.dumps(asdict(self), indent=2) + "\n")


def read_card(folder: Path) -> dict[str, Any]:
    """The card of a version. Raises Refused when it is missing, broken, or lacks an entry."""
    path = folder / CARD_FILE
    if not path.is_file():
        raise Refused(f"{CARD_FILE} is missing: a version without its card can't be told from any other")
    try:
        card: dict[str, Any] = json.loads(path.read_text())
    except ValueError as error:
        raise Refused(f"{CARD_FILE} is not JSON: {error}") from error
    needed = [name for name, field in Card.__dataclass_fields__.items() if field.default is MISSING]
    missing = [name for name in needed if name not in card] or [
        f"{section}.{name}" for section, names in _DECIDING.items() for name in names if name not in card[section]
    ]
    if missing:
        raise Refused(f"{CARD_FILE} lacks {', '.join(missing)}")
    return card


def libraries() -> dict[str, str]:
    """The versions that made a model."""
    return {"python": platform.python_version(), **{name: version(name) for name in _LIBRARIES}}
