"""What the outputs mean, and the replies of ``/generate`` as JSON schemas."""

from __future__ import annotations

from dataclasses import dataclass

from preprocessing.columns import HOME_COLUMNS

from .endpoints import Endpoint, Tensor
from .homes import Schema
from .tensors import json_type

Value = float | str
COMPARABLE = "comparable_"


@dataclass(frozen=True)
class Meaning:
    """Hold what an output means, and the value or the values that it has in the example of a reply."""

    text: str
    example: Value | tuple[Value, ...]


_SOLD_HOMES = {
    "bedrooms": (3, 3, 4, 0, 0),
    "bathrooms": (2.25, 2, 2.5, 0, 0),
    "sqft_living": (1850, 1790, 2040, 0, 0),
    "sqft_lot": (5750, 6200, 6000, 0, 0),
    "floors": (1.5, 1, 1.5, 0, 0),
    "waterfront": (0, 0, 0, 0, 0),
    "view": (0, 0, 0, 0, 0),
    "condition": (4, 3, 4, 0, 0),
    "grade": (7, 7, 7, 0, 0),
    "sqft_basement": (450, 500, 560, 0, 0),
    "yr_built": (1946, 1951, 1942, 0, 0),
    "yr_renovated": (0, 0, 0, 0, 0),
    "zipcode": (98118, 98118, 98118, 0, 0),
    "lat": (47.545, 47.539, 47.548, 0, 0),
    "long": (-122.271, -122.263, -122.274, 0, 0),
}
"""The columns of a comparable sale that are shown, with the three homes of the example."""

MEANINGS: dict[str, Meaning] = {
    "price": Meaning("What the home would sell for, in dollars.", 433200),
    "price_low": Meaning("The lower end of the range, in dollars: 90 % of homes sell within theirs.", 290532.8125),
    "price_high": Meaning("The upper end of the range, in dollars.", 633670.1875),
    "price_model": Meaning(
        "The trained model that answered: its kind, the day it was made, a fingerprint, and `standin` when it was"
        " trained on made-up sales. Blanks at the end mean nothing.",
        "basic-2026-11-24-502c2470-standin",
    ),
    "valued_for": Meaning("The day of the market that the price is for, as 2015-06-11.", "2015-06-11"),
    "confidence": Meaning("How sure the price is: `high`, `medium` or `low`, from `fsd`.", "low"),
    "fsd": Meaning(
        "The forecast standard deviation that the range stands for: ln(price_high / price_low) / 3.29.", 0.237
    ),
    "comparable_id": Meaning("The firm's id of the sold home.", ("7129300520", "6414100192", "5631500400", "", "")),
    "comparable_sale_date": Meaning(
        "The day on which it was sold, as 2015-02-25.", ("2015-02-25", "2014-12-09", "2015-04-03", "", "")
    ),
    "comparable_sale_price": Meaning("What was paid, in dollars.", (421000, 399950, 468000, 0, 0)),
    "comparable_distance_miles": Meaning(
        "How far it is from your home, in miles in a straight line; 0 where the home's place was not given.",
        (0.25, 0.31, 0.5, 0, 0),
    ),
    "comparable_similarity": Meaning("How alike both homes are, in percent; 100 is alike.", (94, 91, 86, 0, 0)),
    "comparable_market_adjustment": Meaning(
        "What the market has added to its price since it was sold, in dollars.", (9000, 16000, 3000, 0, 0)
    ),
    "comparable_home_adjustment": Meaning(
        "What your home is worth more than that one by the model's own valuations, in dollars.",
        (8000, 21000, -31000, 0, 0),
    ),
    "comparable_gross_adjustment": Meaning(
        "Both adjustments without their signs, in percent of what was paid.", (4, 9.25, 7.25, 0, 0)
    ),
    "comparable_adjusted_price": Meaning(
        "What was paid with both adjustments, in dollars: what this sale says about your home.",
        (438000, 436950, 440000, 0, 0),
    ),
    **{
        f"{COMPARABLE}{column.name}": Meaning(f"Of the sold home: {column.description}.", _SOLD_HOMES[column.name])
        for column in HOME_COLUMNS
        if column.name in _SOLD_HOMES
    },
    "comparables_count": Meaning("How many of the five places hold a sale; the others hold 0 and empty text.", 3),
    "comparables_price": Meaning("What the sales come to together, in dollars; 0 where there are none.", 438317),
    "comparables_low": Meaning("The lowest adjusted price, in dollars; 0 where there are no sales.", 436950),
    "comparables_high": Meaning("The highest adjusted price, in dollars; 0 where there are no sales.", 440000),
    "comparables_level": Meaning(
        "How strict the search was: 0 is the strictest, 4 found sales that need a person's look, -1 found none.", 1
    ),
    "reference_price": Meaning("The price of the typical home of the ZIP code, in dollars.", 411000),
    "reason_group": Meaning(
        "What a difference from that typical home is about.",
        (
            "location",
            "size and rooms",
            "lot",
            "quality",
            "condition",
            "age and renovation",
            "view and waterfront",
        ),
    ),
    "reason_dollars": Meaning(
        "What it adds or takes, in dollars; with `reference_price` they come to `price`, rounded. 0 where nothing of it"
        " was given.",
        (14200, 17500, 1500, -6000, 5000, -10000, 0),
    ),
    "notice": Meaning(
        "What a reader of this analysis must know, in plain sentences; empty where there is nothing.",
        "Only 3 sales are alike enough to be shown.",
    ),
}
"""By output; a test holds it to the models' configurations."""

_COMMON: Schema = {
    "model_name": {"description": "The endpoint.", "type": "string"},
    "model_version": {"description": "The endpoint's own, not the trained model's.", "type": "string"},
    "id": {"description": "The one of your request.", "type": "string"},
    **{
        name: {"description": "Triton's own; it means nothing here.", "type": kind}
        for name, kind in (("sequence_id", "integer"), ("sequence_start", "boolean"), ("sequence_end", "boolean"))
    },
}


def reply_of_one(outputs: tuple[Tensor, ...], what: str) -> Schema:
    """Return the reply of ``/generate`` for one home: a value an output, or a list where an output has several."""
    return _reply(f"{what} of one home.", {tensor.name: _of_one(tensor) for tensor in outputs})


def reply_of_many(outputs: tuple[Tensor, ...], what: str) -> Schema:
    """Return the reply of ``/generate`` for several homes: a list an output, in the order of the homes."""
    wide = any(tensor.width > 1 for tensor in outputs)
    order = " Where a home has several values, all of the first home come before those of the second." if wide else ""
    columns = {
        tensor.name: {
            "description": _described(tensor),
            "type": "array",
            "items": {"type": json_type(tensor)},
            "minItems": 2 * tensor.width,
        }
        for tensor in outputs
    }
    return _reply(f"{what} of several homes: a list for each output, in the order of the homes.{order}", columns)


def example_reply(endpoint: Endpoint) -> dict[str, object]:
    """Return an endpoint's reply for one home; its numbers are made up, and fit together."""
    values = {tensor.name: MEANINGS[tensor.name].example for tensor in endpoint.outputs}
    lists = {name: list(value) if isinstance(value, tuple) else value for name, value in values.items()}
    return {"model_name": endpoint.name, "model_version": "1", **lists}


def _reply(description: str, columns: dict[str, Schema]) -> Schema:
    return {
        "description": description,
        "type": "object",
        "required": ["model_name", "model_version", *columns],
        "properties": {**columns, **_COMMON},
    }


def _of_one(tensor: Tensor) -> Schema:
    value: Schema = {"type": json_type(tensor)}
    if tensor.width > 1:
        value = {"type": "array", "items": value, "minItems": tensor.width, "maxItems": tensor.width}
    return {"description": _described(tensor), **value}


def _described(tensor: Tensor) -> str:
    several = f" {tensor.width} a home." if tensor.width > 1 else ""
    return MEANINGS[tensor.name].text + several
