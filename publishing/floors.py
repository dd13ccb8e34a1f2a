"""What every version must reach on sales, whatever it takes over from: no reason overrides these bounds.

They are measured with the graph as it will run; what its card says of itself is not asked.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from conversion import Refused
from conversion.graph import run, session
from publishing.card import Card
from publishing.contract import MODEL_FILE
from training.gaps import only_required
from training.relative_range import LEAST_COVERAGE
from training.sales import Sales
from training.valuations import Valuations

MOST_MDAPE = 25.0
"""Percent. The firm's own model has 12, and 15 on the stand-in market; its prices in any order 45 and 48."""
MOST_BIAS = 10.0
"""Percent, of the median home: a model that is this far off everywhere is wrong by a factor, not by chance."""


def check_floors(folder: Path, card: Card, sales: Sales) -> None:
    """Let a version value the held-out sales, with all columns and with the required ones. Raises Refused."""
    running = session((folder / MODEL_FILE).read_bytes())
    rows = sales.held_out
    for given, table in (("all", sales.table[rows]), ("only required", only_required(sales.table[rows]))):
        answers = run(running, table)
        at_average = [
            (answers[name] / card.market_factor).astype(np.float64) for name in ("price", "price_low", "price_high")
        ]
        valued = Valuations(*at_average).of(sales.prices[rows], sales.homes[rows])
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
                    f"with {given} columns given, its {name} is {value:.1f} % on {len(rows):,} held-out sales, allowed "
                    f"is {bound}, whatever the reason"
                )
