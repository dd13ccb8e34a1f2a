"""Whether a new version may take over from the one that serves: both value sales that neither was trained on.

Made from the same data, both were kept from the same held-out sales. These were made all along, so
prices are compared at the average market. Made from other data, the serving version may have been
trained on what the new one holds out: then only sales made after its last one count, and prices are
compared as they are served.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

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

FEWEST_LATER_SALES = 200
"""With so many, the difference between two models of a kind is known to some 4,000 dollars (95 %), between
the basic and the improved one to some 17,000; fewer could not tell a model that is a tenth worse."""

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
class Basis:
    """The rows of the sales on which two versions are compared, and in words which these are.

    ``certain`` when neither was trained on any of them; ``as_served`` when prices are compared at the
    market that each version values for, and not at the average one.
    """

    rows: npt.NDArray[np.intp]
    words: str
    certain: bool
    as_served: bool


@dataclass(frozen=True)
class Comparison:
    """A challenger beside the version that serves."""

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


def basis(challenger: Mapping[str, Any], serving: Mapping[str, Any], sales: Sales) -> Basis:
    """Sales that neither version was trained on, going by their cards.

    A version made from these data was kept from the rows they hold out; one of other data surely
    never saw sales made after its last one.
    """
    others = [card for card in (challenger, serving) if card["data"]["fingerprint"] != sales.summary.fingerprint]
    if not others:
        return Basis(sales.held_out, "held out from both", certain=True, as_served=False)
    last_sale = max(np.datetime64(card["data"]["last_sale"]) for card in others)
    rows = np.arange(len(sales.prices)) if len(others) == 2 else sales.held_out
    later = rows[sales.days[rows] > last_sale]
    known_to = " and ".join(card["price_model"] for card in others)
    if len(later) >= FEWEST_LATER_SALES:
        words = f"sold after {last_sale}, the last day that {known_to} knows"
        return Basis(later, words if len(others) == 2 else f"held out, and {words}", certain=True, as_served=True)
    words = (
        f"held out from these data, but {known_to} was made from others: it may have been trained on some of them, and "
        f"then looks better than it is; only {len(later):,} were sold after {last_sale}, and {FEWEST_LATER_SALES} "
        "are needed to tell"
    )
    return Basis(sales.held_out, words, certain=False, as_served=False)


def compare(challenger: Path, serving: Path, sales: Sales, accept: str = "") -> Comparison:
    """Both versions, from their folders, on sales that neither knows and on the example homes."""
    folders = (serving, challenger)
    cards = [read_card(folder) for folder in folders]
    on = basis(cards[1], cards[0], sales)
    levels = [1.0 if on.as_served or not card["market"] else card["market"]["factor"] for card in cards]
    running = [session((folder / MODEL_FILE).read_bytes()) for folder in folders]
    table, paid = sales.table[on.rows], sales.prices[on.rows]

    def difference(table: npt.NDArray[np.float32]) -> Difference:
        errors = [np.abs(run(one, table)["price"] / level - paid) for one, level in zip(running, levels, strict=True)]
        return _paired(*errors)

    before, after = (run(one, sales.example_table)["price"] for one in running)
    moves = np.abs(after / before - 1)
    times = np.array([[milliseconds_per_home(one, table[:1], 50) for one in running] for _ in range(_SPEED_ROUNDS)])
    return Comparison(
        serving=cards[0]["price_model"],
        challenger=cards[1]["price_model"],
        sales=len(paid),
        basis=on.words,
        certain=on.certain,
        all_columns=difference(table),
        required_columns=difference(only_required(table)),
        moved=float(np.mean(moves > MOVE)),
        largest_move=float(moves.max()),
        speed_ratio=float(np.median(times[:, 1] / times[:, 0])),
        accepted=accept,
    )


def judge(comparison: Comparison) -> None:
    """Raises Refused when the challenger must not take over.

    A reason lets prices change, and a challenger through that only looks worse on sales that the
    serving version may know.
    """
    for given, found in (("all", comparison.all_columns), ("only required", comparison.required_columns)):
        if found.low > 0 and (comparison.certain or not comparison.accepted):
            raise Refused(
                f"worse than {comparison.serving}: with {given} columns given, its mean absolute error is "
                f"${found.difference:,.0f} higher (95 % interval ${found.low:,.0f} to ${found.high:,.0f}) on the same "
                f"{comparison.sales:,} sales, {comparison.basis}"
                + ("" if comparison.certain else ': bring later sales, or publish with --accept "reason"')
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
