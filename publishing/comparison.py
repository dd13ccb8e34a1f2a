"""How a version compared with the one that it took over from: ``gate.json`` in its folder. Imports nothing slow."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from pydantic import TypeAdapter

GATE_FILE = "gate.json"

MOVE = 0.20
"""A price that changes by more has moved far."""


@dataclass(frozen=True)
class Difference:
    """Hold mean absolute errors in dollars on the same sales, and how much higher the challenger's is.

    ``low`` and ``high`` bound that difference with 95 % confidence (paired bootstrap).
    """

    serving: float
    challenger: float
    difference: float
    low: float
    high: float


@dataclass(frozen=True)
class Comparison:
    """Set a challenger beside the version that serves."""

    serving: str
    challenger: str
    sales: int
    basis: str
    """Which sales these are."""
    certain: bool
    """Whether it is certain that neither was trained on any of them."""
    all_columns: Difference
    required_columns: Difference
    moved: float
    """The share of the example homes whose price changes by more than ``MOVE``."""
    largest_move: float
    speed_ratio: float
    accepted: str = ""
    """Why the change of prices was accepted, in the words of whoever published."""

    def write(self, folder: Path) -> None:
        """Write it as ``gate.json`` into the challenger's folder."""
        (folder / GATE_FILE).write_text(json.dumps(asdict(self), indent=2) + "\n")

    @classmethod
    def read(cls, folder: Path) -> Comparison | None:
        """Read that of a version; None when it was the first to serve, or came here without a comparison."""
        path = folder / GATE_FILE
        return TypeAdapter(cls).validate_json(path.read_bytes()) if path.is_file() else None
