"""Tries a version of the analysis out before it is published; run as a module in its folder.

One that breaks while it loads can stop an older Triton from polling.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from market_analysis.analysis import Features, analyse
from market_analysis.places import Floats
from market_analysis.versions import KnownVersion, read_versions


def try_out(version: KnownVersion) -> None:
    """Analyse the example home of a version, at the price that its card says. Raises whatever goes wrong."""

    def values(rows: Features) -> Floats:
        return np.repeat([version.facts.example_prices], len(rows), axis=0)

    answers = analyse(version.example, version, values)
    (total,) = answers["reference_price"][:, 0] + answers["reason_dollars"].sum(axis=1)
    if total != np.rint(answers["price"][0, 0]):
        raise ValueError(f"{version.facts.price_model}: reasons come to ${total:,.0f}, the price is another")


if __name__ == "__main__":
    for known in read_versions(Path.cwd()):
        try_out(known)
