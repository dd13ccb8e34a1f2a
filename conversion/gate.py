"""Whether a new version may take over from the one that serves: both value the same held-out sales.

Prices are compared at the average market of the sales, since held-out sales were made all along.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from conversion.card import CARD_FILE, read_card
from conversion.contract import MODEL_FILE
from conversion.gaps import only_required
from conversion.onnx_graph import milliseconds_per_home, run, session
from conversion.refused import Refused
from conversion.sales import Sales

SLOWEST_RATIO = 4.0
"""How many times as long as the serving version a new one may take for a home."""
MOVE = 0.20
MOST_MOVED = 0.10
"""No more than this share of the example homes may change in price by more than ``MOVE``, unless accepted."""

_RESAMPLES = 1_000
_SPEED_ROUNDS = 5
_SEED = 42


@dataclass(frozen=True)
class Difference:
    """Mean absolute errors in dollars on the same sales, and how much higher the challenger's is.

    ``low`` and ``high`` bound that difference with 95 % confidence (paired bootstrap).
    """

    serving: float
    challenger: float
    difference: float
    low: float
    high: float


@dataclass(frozen=True)
class Comparison:
    """A challenger beside the version that serves."""

    serving: str
    challenger: str
    sales: int
    all_columns: Difference
    required_columns: Difference
    moved: float
    """The share of the example homes whose price changes by more than ``MOVE``."""
    largest_move: float
    speed_ratio: float
    accepted: str = ""
    """Why the change of prices was accepted, in the words of whoever published."""


def compare(challenger: Path, serving: Path, sales: Sales, accept: str = "") -> Comparison:
    """Both versions, from their folders, on the held-out sales and on the example homes."""
    folders = (serving, challenger)
    cards = [read_card(folder) for folder in folders]
    levels = [card["market"]["factor"] if card["market"] else 1.0 for card in cards]
    running = [session((folder / MODEL_FILE).read_bytes()) for folder in folders]
    paid = sales.prices[sales.held_out]

    def difference(table: npt.NDArray[np.float32]) -> Difference:
        errors = [np.abs(run(one, table)["price"] / level - paid) for one, level in zip(running, levels, strict=True)]
        return _paired(*errors)

    held_out = sales.table[sales.held_out]
    before, after = (run(one, sales.example_table)["price"] for one in running)
    moves = np.abs(after / before - 1)
    times = np.array([[milliseconds_per_home(one, held_out[:1], 50) for one in running] for _ in range(_SPEED_ROUNDS)])
    return Comparison(
        serving=cards[0]["price_model"],
        challenger=cards[1]["price_model"],
        sales=len(paid),
        all_columns=difference(held_out),
        required_columns=difference(only_required(held_out)),
        moved=float(np.mean(moves > MOVE)),
        largest_move=float(moves.max()),
        speed_ratio=float(np.median(times[:, 1] / times[:, 0])),
        accepted=accept,
    )


def judge(comparison: Comparison) -> None:
    """Raises Refused when the challenger must not take over."""
    for given, found in (("all", comparison.all_columns), ("only required", comparison.required_columns)):
        if found.low > 0:
            raise Refused(
                f"worse than {comparison.serving}: with {given} columns given, its mean absolute error on the same "
                f"{comparison.sales:,} held-out sales is ${found.difference:,.0f} higher "
                f"(95 % interval ${found.low:,.0f} to ${found.high:,.0f})"
            )
    if comparison.speed_ratio > SLOWEST_RATIO:
        raise Refused(
            f"slow: it takes {comparison.speed_ratio:.1f} times as long for a home as {comparison.serving}, "
            f"at most {SLOWEST_RATIO:g} times are allowed"
        )
    if comparison.moved > MOST_MOVED and not comparison.accepted:
        raise Refused(
            f"it changes the price of {comparison.moved:.0%} of the example homes by more than {MOVE:.0%} "
            f"(the most by {comparison.largest_move:.0%}), and {MOST_MOVED:.0%} may change so much: "
            f'look at them, then publish with --accept "reason" (make: ACCEPT="reason")'
        )


def note(comparison: Comparison, folder: Path) -> None:
    """Write it into the challenger's card."""
    card = read_card(folder)
    (folder / CARD_FILE).write_text(json.dumps({**card, "gate": asdict(comparison)}, indent=2) + "\n")


def _paired(serving: npt.NDArray[np.float64], challenger: npt.NDArray[np.float64]) -> Difference:
    differences = challenger - serving
    rng = np.random.default_rng(_SEED)
    means = [differences[rng.integers(0, len(differences), len(differences))].mean() for _ in range(_RESAMPLES)]
    low, high = np.percentile(means, [2.5, 97.5])
    return Difference(
        float(serving.mean()), float(challenger.mean()), float(differences.mean()), float(low), float(high)
    )
