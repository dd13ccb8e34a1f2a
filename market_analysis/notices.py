"""Plain sentences about one answer, for the agent who reads it."""

from __future__ import annotations

from collections.abc import Sequence

from market_analysis.confidence import warning
from market_analysis.selection import COMPARABLES, FEWEST, Selection
from market_analysis.versions import Facts, KnownVersion

SALES_UNKNOWN = (
    "The price model was just replaced: comparable sales and reasons are not at hand yet, ask again in a minute"
)
_NO_SALES = (
    "This version of the price model was published without its sales, so there are no comparable sales and reasons"
)


def notices(
    version: KnownVersion,
    deviation: float,
    place_given: bool,
    typical: bool,
    selection: Selection | None,
    doubtful: Sequence[str],
) -> list[str]:
    """Return what must be said of one answer, most important first.

    Args:
        version: The version of the price model that answered.
        deviation: The forecast standard deviation of the price.
        place_given: Whether both coordinates of the home were given.
        typical: Whether its ZIP code has a typical home.
        selection: Its comparables; None where the version has no sales.
        doubtful: What speaks against showing them as they are.
    """
    said = [_market(version.facts), warning(deviation)]
    if selection is None:
        return [sentence for sentence in [*said, _NO_SALES] if sentence]
    said += _comparables(selection)
    if doubtful:
        said.append(f"Explain these comparables before you show them: {'; '.join(doubtful)}")
    if not place_given:
        said.append("Latitude and longitude were not both given: comparables come from the ZIP code, without distances")
    if not typical:
        said.append("Too few sales in this ZIP code for a typical home to compare with, so there are no reasons")
    if not version.facts.proven:
        said.append("Comparables come only from the sales that the model was kept from, one in four")
    return [sentence for sentence in said if sentence]


def _market(facts: Facts) -> str:
    parts = []
    if facts.standin:
        parts.append(
            "MADE-UP MARKET: this model was trained on invented homes and prices, which say nothing of real ones"
        )
    if not facts.dated:
        parts.append(
            f"This model follows no market: prices are those of an average day from {facts.first_sale} to "
            f"{facts.last_sale}"
        )
    return ". ".join(parts)


def _comparables(selection: Selection) -> list[str]:
    count = len(selection.rows)
    if not count:
        return ["No past sale is comparable: none was valued within half of this home"]
    said = []
    if FEWEST <= count < COMPARABLES:
        said.append(f"Only {count} past sales are comparable enough")
    if selection.unusual:
        some = "One similar sale was" if selection.unusual == 1 else f"{selection.unusual} similar sales were"
        said.append(f"{some} left out, sold far from what the recorded facts of the home explain")
    return said
