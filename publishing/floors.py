"""What every version must reach on sales, whatever it takes over from: no reason overrides these bounds.

They are measured with the graph as it will run; what its card says of itself is not asked. A graph that has learned
from the sales reaches them too easily, so what its proof says must reach them as well.
"""

from __future__ import annotations

from conversion import Refused
from publishing.judged import Judged
from training.relative_range import LEAST_COVERAGE
from training.valuations import ValuedSales

MOST_MDAPE = 25.0
"""Percent. The firm's own model has 12, and 15 on the stand-in market; its prices in any order 45 and 48."""
MOST_BIAS = 10.0
"""Percent, of the median home: a model that is this far off everywhere is wrong by a factor, not by chance."""


def check_floors(version: Judged) -> None:
    """Let a version value the held-out sales, with all columns and with the required ones. Raises Refused."""
    for required, given in ((False, "all"), (True, "only required")):
        _check(version.valued(version.sales.held_out, required), given, "held-out sales")
        if len(version.found[1]):
            _check(version.proven(required), given, "sales that it had not seen, says its proof")


def _check(valued: ValuedSales, given: str, which: str) -> None:
    found = valued.accuracy
    for name, value, held, bound in (
        ("median error (MdAPE)", found.mdape, found.mdape <= MOST_MDAPE, f"at most {MOST_MDAPE:g} %"),
        ("bias", found.bias, abs(found.bias) <= MOST_BIAS, f"{-MOST_BIAS:g} to {MOST_BIAS:g} %"),
        (
            "share of sale prices within the range",
            valued.coverage * 100,
            valued.coverage >= LEAST_COVERAGE,
            f"at least {LEAST_COVERAGE:.0%}",
        ),
    ):
        if not held:
            raise Refused(
                f"with {given} columns given, its {name} is {value:.1f} % on {len(valued.paid):,} {which}, "
                f"allowed is {bound}, whatever the reason"
            )
