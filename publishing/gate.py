"""Whether a new version may take over from the one that serves: both value sales that neither was trained on.

Made from the same data, neither saw the sales that both hold out. The held-out sales span the whole
period, so both versions are compared at its average price level. Made from other data, the serving
version may have been trained on what the new one holds out: then only sales after its last one count,
and prices are compared as they are served.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from pydantic import TypeAdapter

from conversion import Refused
from conversion.graph import milliseconds_per_home, run, session
from publishing.card import Card
from publishing.contract import MODEL_FILE
from training.gaps import only_required
from training.sales import Sales

GATE_FILE = "gate.json"
"""In a version's folder: how it compared with the version that it took over from."""

SLOWEST_RATIO = 4.0
"""How many times as long as the serving version a new one may take for a home."""
MOVE = 0.20
MOST_MOVED = 0.10
"""No more than this share of the example homes may change in price by more than ``MOVE``, unless accepted."""

FEWEST_LATER_SALES = 200
"""With this many, the difference between two models of a kind is known to some 4,000 dollars (95 %), between
the basic and the improved one to some 17,000; fewer could not tell a model that is a tenth worse."""

_RESAMPLES = 1_000
_SPEED_ROUNDS = 5
_SEED = 42


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
class Basis:
    """Hold the rows of the sales on which two versions are compared, and say in words which these are.

    ``certain`` when neither was trained on any of them; ``as_served`` when prices are compared at the
    market that each version values for, and not at the average one.
    """

    rows: npt.NDArray[np.intp]
    words: str
    certain: bool
    as_served: bool


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


def basis(challenger: Card, serving: Card, sales: Sales) -> Basis:
    """Choose sales that neither version was trained on, going by their cards.

    A version made from these data was kept from the rows they hold out; one of other data surely
    never saw sales made after its last one.
    """
    others = [card for card in (challenger, serving) if card.data.fingerprint != sales.summary.fingerprint]
    if not others:
        return Basis(sales.held_out, "held out from both", certain=True, as_served=False)
    last_sale = max(np.datetime64(card.data.last_sale) for card in others)
    rows = np.arange(len(sales)) if len(others) == 2 else sales.held_out
    later = rows[sales.days[rows] > last_sale]
    known_to = " and ".join(card.price_model for card in others)
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
    """Let both versions, from their folders, value sales that neither knows, and the example homes."""
    folders = (serving, challenger)
    cards = [Card.read(folder) for folder in folders]
    on = basis(cards[1], cards[0], sales)
    levels = [1.0 if on.as_served else card.market_factor for card in cards]
    running = [session((folder / MODEL_FILE).read_bytes()) for folder in folders]
    table, paid = sales.table[on.rows], sales.prices[on.rows]

    def difference(table: npt.NDArray[np.float32]) -> Difference:
        errors = [np.abs(run(one, table)["price"] / level - paid) for one, level in zip(running, levels, strict=True)]
        return _paired(*errors)

    before, after = (run(one, sales.example_table)["price"] for one in running)
    moves = np.abs(after / before - 1)
    times = np.array([[milliseconds_per_home(one, table[:1], 50) for one in running] for _ in range(_SPEED_ROUNDS)])
    return Comparison(
        serving=cards[0].price_model,
        challenger=cards[1].price_model,
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
    """Refuse a challenger that must not take over: raises Refused.

    A reason lets prices change. It also lets a challenger through that looks worse only on sales which
    the serving version may have been trained on.
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


def _paired(serving: npt.NDArray[np.float64], challenger: npt.NDArray[np.float64]) -> Difference:
    differences = challenger - serving
    rng = np.random.default_rng(_SEED)
    means = [differences[rng.integers(0, len(differences), len(differences))].mean() for _ in range(_RESAMPLES)]
    low, high = np.percentile(means, [2.5, 97.5])
    return Difference(
        float(serving.mean()), float(challenger.mean()), float(differences.mean()), float(low), float(high)
    )
