"""From homes to whole answers: price, comparables and reasons, all from one version of the price model."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from market_analysis.adjustment import Adjusted, adjust
from market_analysis.confidence import confidence, fsd
from market_analysis.doubts import doubts
from market_analysis.notices import notices
from market_analysis.past_sales import PastSales
from market_analysis.places import Floats
from market_analysis.reasons import GROUPS, Mixtures, mixtures, reasons
from market_analysis.selection import COMPARABLES, NO_LEVEL, Selection, has_place, select
from market_analysis.versions import KnownVersion
from preprocessing.columns import HOME_COLUMN_NAMES, POSITION, ZIPCODE

MOST_ROWS = 1024
"""The most homes that the price model takes at once; a test holds it to its configuration."""

SHOWN = (
    *("bedrooms", "bathrooms", "sqft_living", "sqft_lot", "floors", "waterfront", "view", "condition", "grade"),
    *("sqft_basement", "yr_built", "yr_renovated", "zipcode", "lat", "long"),
)
"""The columns of a sold home that an answer shows."""

Features = npt.NDArray[np.float32]
Values = Callable[[Features], Floats]
"""Values rows of features [N,44]: price, low and high in dollars, float64 [N,3]."""
Answers = dict[str, npt.NDArray[Any]]


class AnotherModel(Exception):
    """Tell that a number of the price model belongs to another model than the one whose sales are known."""


def analyse(table: Features, version: KnownVersion, values: Values) -> Answers:
    """Return all outputs of N homes by name: [N,1], of comparables [N,5], of reasons [N,7]; unused places are 0 or "".

    ``table`` float32 [N,44] are the features of homes that ``preprocessing`` let pass; ``values`` asks the price model
    for up to ``MOST_ROWS`` rows at once. Raises AnotherModel when it does not give the example its known prices.
    """
    mixed = [mixtures(features, _typical(features, version)) for features in table]
    answers = empty_answers(len(table))
    first = 0
    for block in _blocks([len(one.rows) for one in mixed]):
        some = mixed[first : first + block]
        found = values(np.concatenate([version.example, *(one.rows for one in some)]))
        if not version.answered(found[0]):
            raise AnotherModel(version.facts.price_model)
        start = 1
        for row, one in enumerate(some, first):
            own = found[start : start + len(one.rows)]
            _fill(answers, row, _Home(table[row], own, one), version)
            start += len(one.rows)
        first += block
    return answers


def empty_answers(count: int) -> Answers:
    """Return the outputs of so many homes, nothing filled in but that there are no comparables."""
    numbers = ["price", "price_low", "price_high", "fsd", "comparables_price", "comparables_low", "comparables_high"]
    texts = ["price_model", "valued_for", "confidence", "notice"]
    answers: Answers = {name: np.zeros((count, 1), np.float32) for name in [*numbers, "reference_price"]}
    answers |= {name: _texts(count, 1) for name in texts}
    answers |= {name: np.zeros((count, 1), np.int32) for name in ("comparables_count", "comparables_level")}
    answers |= {f"comparable_{name}": _texts(count, COMPARABLES) for name in ("id", "sale_date")}
    answers |= {f"comparable_{name}": np.zeros((count, COMPARABLES), np.float32) for name in [*_LINES, *SHOWN]}
    answers[f"comparable_{ZIPCODE}"] = np.zeros((count, COMPARABLES), np.int64)
    answers["reason_group"] = np.tile(np.array(list(GROUPS), dtype=np.object_), (count, 1))
    answers["reason_dollars"] = np.zeros((count, len(GROUPS)), np.float32)
    answers["comparables_level"][:] = NO_LEVEL
    return answers


_LINES = (
    *("sale_price", "distance_miles", "similarity", "market_adjustment", "home_adjustment", "gross_adjustment"),
    "adjusted_price",
)


@dataclass(frozen=True)
class _Home:
    """Hold the features [44] of a home, and the valuations [M,3] of its mixtures."""

    features: Features
    values: Floats
    mixtures: Mixtures


def _fill(answers: Answers, row: int, home: _Home, version: KnownVersion) -> None:
    price, low, high = home.values[-1]
    reference, dollars = reasons(home.values[:, 0], home.mixtures.active)
    deviation = float(fsd(low, high))
    columns = home.features[: len(HOME_COLUMN_NAMES)]
    selection, doubtful = None, list[str]()
    if version.sales is not None:
        value = price / version.facts.factor
        selection = select(columns, value, version.sales, version.as_of)
        adjusted = adjust(version.sales, selection.rows, value, version.facts.factor)
        _fill_comparables(answers, row, selection, version.sales, adjusted)
        if len(selection.rows):
            doubtful = list(doubts(selection.level, adjusted.price, adjusted.gross, price))
    typical = int(columns[POSITION[ZIPCODE]]) in version.typical
    alone: dict[str, Any] = {
        "price": price,
        "price_low": low,
        "price_high": high,
        "price_model": version.facts.price_model,
        "valued_for": version.facts.valued_for,
        "confidence": confidence(deviation),
        "fsd": deviation,
        "reference_price": reference,
        "notice": as_text(notices(version, deviation, has_place(columns), typical, selection, doubtful)),
    }
    for name, value in alone.items():
        answers[name][row, 0] = value
    answers["reason_dollars"][row] = dollars


def as_text(sentences: Sequence[str]) -> str:
    """Return sentences as one text."""
    return " ".join(f"{sentence}." for sentence in sentences)


def _fill_comparables(answers: Answers, row: int, selection: Selection, sales: PastSales, adjusted: Adjusted) -> None:
    rows, count = selection.rows, len(selection.rows)
    lines = {
        "id": sales.ids[rows].astype(str),
        "sale_date": sales.days[rows].astype(str),
        "sale_price": adjusted.paid,
        "distance_miles": selection.miles,
        "similarity": selection.similarity,
        "market_adjustment": adjusted.market,
        "home_adjustment": adjusted.home,
        "gross_adjustment": adjusted.gross,
        "adjusted_price": adjusted.price,
        **{name: sales.homes[rows, POSITION[name]] for name in SHOWN},
    }
    for name, values in lines.items():
        answers[f"comparable_{name}"][row, :count] = values
    answers["comparables_count"][row] = count
    answers["comparables_level"][row] = selection.level
    if count:
        for name, summary in (("price", np.mean), ("low", np.min), ("high", np.max)):
            answers[f"comparables_{name}"][row] = np.rint(summary(adjusted.price))


def _typical(features: Features, version: KnownVersion) -> Features:
    """Return the columns [18] of the typical home of a home's ZIP code; its own where there is none."""
    return version.typical.get(int(features[POSITION[ZIPCODE]]), features[: len(HOME_COLUMN_NAMES)])


def _blocks(counts: Sequence[int]) -> list[int]:
    """Return how many homes are valued at once, one after the other: as many as find room beside the example."""
    blocks, rows = [0], 1
    for count in counts:
        if rows + count > MOST_ROWS:
            blocks.append(0)
            rows = 1
        blocks[-1] += 1
        rows += count
    return blocks


def _texts(count: int, width: int) -> npt.NDArray[np.object_]:
    return np.full((count, width), "", dtype=np.object_)
