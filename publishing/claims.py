"""Whether a version's proof and its index can be true, as far as that can be told from its graph and from the sales.

A proof is what whoever made the version says. It is not believed where the sales here, the graph, or homes that the
graph was kept from say otherwise. What can't be told today is told by next month's sales.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from conversion import Refused
from publishing.card import PROOF_FILE
from publishing.judged import Judged, Market
from training.valuations import Floats

LEAST_FOUND = 0.9
"""Of a proof that was made from the sales here, at least this share must be found among them."""
MOST_CORRECTED = 0.01
"""At most this share of the prices paid may be others here: a few may have been corrected since."""
MOST_WORSE = 1.04
"""A graph has learned from the sales of its proof, so it never errs more on them; the rest is chance."""
MOST_WIDER = 1.1
"""The graph's ranges and those of the proof may differ by this factor, for the median home."""
MOST_BETTER = 1.1
"""On sales that the proof does not list, the graph may err more than the proof says by this factor, and by chance."""
MOST_BETTER_LATER = 1.5
"""On later sales it may err more: the market goes on moving."""
FEWEST_OTHERS = 50
_STANDARD_ERRORS = 3.0


def check_claims(version: Judged) -> None:
    """Check what a version says of the market, and its proof, if it has one. Raises Refused when it can't be true."""
    _check_index(version)
    if version.proof is None:
        return
    _check_sales(version)
    for required, given in ((False, "all"), (True, "only required")):
        _check_graph(version, required, given)
        _check_others(version, required, given)


def _check_index(version: Judged) -> None:
    """Check that an index has no more levels than months: with one for each day it would know single sales."""
    market, data = version.card.market, version.card.data
    if market is None or not market.levels:
        return
    first, last = (np.datetime64(day, "M") for day in (data.first_sale, data.last_sale))
    months = int((last - first).astype(np.int64)) + 1
    levels = np.array(list(market.levels.values()))
    if len(levels) > months + 1 or not (np.isfinite(levels) & (levels > 0)).all():
        raise Refused(
            f"its card has {len(levels)} levels of the market for {months} months of sales: allowed are positive "
            "numbers, one for each month and one for the day that it values for"
        )


def _check_sales(version: Judged) -> None:
    assert version.proof is not None
    places, rows = version.found
    if version.made_here and len(rows) < LEAST_FOUND * len(version.proof):
        raise Refused(
            f"{PROOF_FILE}: of its {len(version.proof):,} sales {len(rows):,} are among those that its card says it "
            f"was made from, at least {LEAST_FOUND:.0%} are asked for"
        )
    differing = int(np.count_nonzero(version.proof.paid[places] != version.sales.prices[rows]))
    if differing > MOST_CORRECTED * len(rows):
        raise Refused(
            f"{PROOF_FILE}: paid differs from the price in the file of sales for {differing:,} of {len(rows):,} sales, "
            f"at most {MOST_CORRECTED:.0%} may"
        )


def _check_graph(version: Judged, required: bool, given: str) -> None:
    """Check that the graph, which learned from these sales, could have come from the procedure of the proof."""
    rows = version.found[1]
    if not len(rows):
        return
    claimed, now = version.proven(required), version.valued(rows, required)
    before, after, aside = memory(claimed.price, now.price, now.paid)
    if math.hypot(after, aside) > before * MOST_WORSE:
        raise Refused(
            f"{PROOF_FILE}: with {given} columns given it says that prices of homes it had not seen were off by "
            f"{before:.1%}, yet the graph, which has seen them, is off by {after:.1%}, and by {aside:.1%} from what "
            "the proof says where no price paid explains it: they are not of one model"
        )
    wider = float(np.median(np.log(claimed.high / claimed.low) / np.log(now.high / now.low)))
    if not 1 / MOST_WIDER <= wider <= MOST_WIDER:
        raise Refused(
            f"{PROOF_FILE}: with {given} columns given its ranges are {wider:.2f} times as wide as the graph's, "
            f"allowed is {1 / MOST_WIDER:.2f} to {MOST_WIDER:.2f}: they are not of one model"
        )


def memory(told: Floats, now: Floats, paid: Floats) -> tuple[float, float, float]:
    """Measure what a graph owes to having learned from sales [N], as mean sizes of log errors.

    ``told`` are the prices before it had, ``now`` those that it gives, in dollars like the prices ``paid``. Returns how
    far those told are off, how far the graph is, and how far the graph has moved from them to other sides than towards
    the prices paid. A graph of the same procedure moves aside too, as its trees are other ones, yet only by what its
    memory brings: off and aside, at a right angle, it remains nearer than what was told (Pythagoras). One that reads
    its columns otherwise moves aside for nothing.
    """
    error, moved = np.log(paid / told), np.log(now / told)
    towards = (moved @ error) / max(error @ error, np.finfo(np.float64).tiny)
    off = (error, error - moved, moved - towards * error)
    before, after, aside = (float(np.abs(one).mean()) for one in off)
    return before, after, aside


def _check_others(version: Judged, required: bool, given: str) -> None:
    """Check the accuracy that is claimed on sales that the graph has not seen, if its proof is true.

    These are sales of the same period that the proof does not list, as the example homes, from which no version of
    this project learns; and sales made since.
    """
    assert version.proof is not None
    if not len(version.found[1]):
        return
    claimed = _log_errors(version.proven(required).price, version.proven(required).paid).mean()
    days, listed = version.sales.days, version.proof.days
    unlisted = ~version.unseen & (days >= listed.min()) & (days <= listed.max())
    checks: tuple[tuple[npt.NDArray[np.bool_], Market, float, str], ...] = (
        (unlisted, "average", MOST_BETTER, "that it does not list"),
        (version.later, "served", MOST_BETTER_LATER, f"made after {version.card.data.last_sale}"),
    )
    for others, market, most, which in checks:
        rows = np.flatnonzero(others & ~version.unseen)
        if len(rows) < FEWEST_OTHERS:
            continue
        errors = _log_errors(version.prices(rows, required, market), version.sales.prices[rows])
        if errors.mean() > claimed * most + _STANDARD_ERRORS * errors.std() / np.sqrt(len(errors)):
            raise Refused(
                f"{PROOF_FILE}: with {given} columns given it says that prices of homes it had not seen were off by "
                f"{claimed:.1%}, yet on {len(rows):,} sales {which} the graph is off by {errors.mean():.1%}: the proof "
                "was made with the prices that it claims not to have known"
            )


def _log_errors(price: Floats, paid: Floats) -> Floats:
    """Return how far prices [N] are from what was paid: the size of the log of their ratio."""
    return np.asarray(np.abs(np.log(price / paid)), dtype=np.float64)
