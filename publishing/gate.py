"""Whether a new version may take over from the one that serves: both value sales that neither had seen.

Where both carry a proof, those are the sales that both proofs know: procedures are compared, each by what it said of a
home before it had seen it. A version without a proof was kept from the firm's held-out sales, if it was made from the
same data. These sales span the whole period, so prices are compared at the market of the day of sale where both
versions have an index, and else at the average market. A version made from other data may have been trained on any of
them: then only sales after its last one count, and prices are compared as they are served.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from conversion import Refused
from conversion.graph import milliseconds_per_home, run
from publishing.comparison import MOVE, Comparison, Difference
from publishing.judged import Judged, Market
from training.sales import Sales

SLOWEST_RATIO = 4.0
"""How many times as long as the serving version a new one may take for a home."""
MOST_MOVED = 0.10
"""No more than this share of the example homes may change in price by more than ``MOVE``, unless accepted."""

FEWEST_COMPARED = 200
"""With this many, the difference between two models of a kind is known to some 4,000 dollars (95 %), between
the basic and the improved one to some 17,000; fewer could not tell a model that is a tenth worse."""

_RESAMPLES = 1_000
_SPEED_ROUNDS = 5
_SEED = 42


@dataclass(frozen=True)
class Basis:
    """Hold the rows of the sales on which two versions are compared, and say in words which these are.

    ``certain`` when neither had seen any of them; prices are compared at ``market``.
    """

    rows: npt.NDArray[np.intp]
    words: str
    certain: bool
    market: Market


def basis(challenger: Judged, serving: Judged, sales: Sales) -> Basis:
    """Choose sales that neither version had seen, going by their proofs and cards."""
    both = (challenger, serving)
    unseen = np.flatnonzero(challenger.unseen & serving.unseen)
    if len(unseen) >= FEWEST_COMPARED:
        proven = any(version.proof for version in both)
        words = "that each valued before it had seen the home" if proven else "held out from both"
        return Basis(unseen, words, certain=True, market="day" if all(one.has_index for one in both) else "average")

    later = np.flatnonzero((challenger.unseen | challenger.later) & (serving.unseen | serving.later))
    others = [version.card for version in both if not version.made_here]
    last_sale = max((np.datetime64(card.data.last_sale) for card in others), default=sales.days.max())
    later = later[sales.days[later] > last_sale]
    known_to = " and ".join(card.price_model for card in others)
    if len(later) >= FEWEST_COMPARED:
        words = f"sold after {last_sale}, the last day that {known_to} knows"
        for version in both:
            if version.made_here:
                words = f"{'valued before the home was seen' if version.proof else 'held out'}, and {words}"
        return Basis(later, words, certain=True, market="served")
    if not others:
        words = f"held out from these data: only {len(unseen):,} are known that each valued before it had seen the home"
        return Basis(sales.held_out, words, certain=False, market="average")
    words = (
        f"held out from these data, but {known_to} was made from others: it may have been trained on some of them, and "
        f"then looks better than it is; only {len(later):,} were sold after {last_sale}, and {FEWEST_COMPARED} "
        "are needed to tell"
    )
    return Basis(sales.held_out, words, certain=False, market="average")


def compare(challenger: Path, serving: Path, sales: Sales, accept: str = "") -> Comparison:
    """Let both versions, from their folders, value sales that neither had seen, and the example homes."""
    before, after = versions = [Judged.read(folder, sales) for folder in (serving, challenger)]
    on = basis(after, before, sales)
    paid = sales.prices[on.rows]

    def difference(required: bool) -> Difference:
        return _paired(*(np.abs(version.prices(on.rows, required, on.market) - paid) for version in versions))

    running = [version.running for version in versions]
    moves = np.abs(np.divide(*(run(one, sales.example_table)["price"] for one in reversed(running))) - 1)
    home = sales.table[on.rows[:1]]
    times = np.array([[milliseconds_per_home(one, home, 50) for one in running] for _ in range(_SPEED_ROUNDS)])
    return Comparison(
        serving=before.card.price_model,
        challenger=after.card.price_model,
        sales=len(paid),
        basis=on.words,
        certain=on.certain,
        all_columns=difference(required=False),
        required_columns=difference(required=True),
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
