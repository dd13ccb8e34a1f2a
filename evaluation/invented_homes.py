"""Three invented homes, and what the improved model, trained as for publishing, says about them."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path

import numpy as np
from pydantic import TypeAdapter

from data.demographics import read_demographics
from data.files import DataFiles
from evaluation.runs import GivenColumns, as_given
from preprocessing.columns import EXAMPLE_HOME
from preprocessing.features import checked_features
from preprocessing.homes import Homes
from preprocessing.refusal import refusal
from training.improved import ImprovedModel, train_improved
from training.price_model import DECISIONS
from training.sales import Sales, read_sales

HOMES_FILE = "homes.json"

INVENTED = {
    "A family house in Seattle": EXAMPLE_HOME,
    "A townhouse in Seattle": {
        "bedrooms": 2, "bathrooms": 1.5, "sqft_living": 1060, "sqft_lot": 1150, "floors": 3, "waterfront": 0,
        "view": 0, "condition": 3, "grade": 8, "sqft_above": 1060, "sqft_basement": 0, "yr_built": 2005,
        "yr_renovated": 0, "zipcode": 98103, "lat": 47.66, "long": -122.345, "sqft_living15": 1240,
        "sqft_lot15": 1350,
    },
    "A large house with a view": {
        "bedrooms": 4, "bathrooms": 3.75, "sqft_living": 4150, "sqft_lot": 14200, "floors": 2, "waterfront": 0,
        "view": 4, "condition": 3, "grade": 11, "sqft_above": 3050, "sqft_basement": 1100, "yr_built": 1996,
        "yr_renovated": 0, "zipcode": 98040, "lat": 47.565, "long": -122.235, "sqft_living15": 3300,
        "sqft_lot15": 12600,
    },
}  # fmt: skip
"""Homes that nobody sold, by their titles."""


@dataclass(frozen=True)
class PriceWithRange:
    """Hold a price and the range that 90 % of sale prices lie in, all in dollars."""

    low: float
    price: float
    high: float


@dataclass(frozen=True)
class ValuedHome:
    """Hold a home, and its price when told in all 18 columns and in the eight required ones."""

    title: str
    columns: dict[str, float]
    full: PriceWithRange
    required: PriceWithRange

    @property
    def description(self) -> str:
        """Return what a person would say of it, in two lines."""
        home = self.columns
        view = ", a fine view" if home["view"] >= 3 else ""
        return (
            f"{home['bedrooms']:.0f} bedrooms, {home['sqft_living']:,.0f} square feet\n"
            f"built {home['yr_built']:.0f}, ZIP {home['zipcode']:.0f}{view}"
        )


@dataclass(frozen=True)
class ValuedHomes:
    """Hold the homes at the market of the day ``valued_for``, valued by a model of the sales with this fingerprint."""

    fingerprint: str
    valued_for: str
    homes: list[ValuedHome]

    def write(self, path: Path) -> None:
        """Write the homes as JSON."""
        path.write_text(json.dumps(asdict(self), indent=1) + "\n")

    @classmethod
    def read(cls, path: Path) -> ValuedHomes:
        """Read what ``write`` wrote. Raises pydantic.ValidationError when something is missing."""
        return _VALUED_HOMES.validate_json(path.read_bytes())


_VALUED_HOMES = TypeAdapter(ValuedHomes)


def as_published(sales: Sales, rounds: int = DECISIONS.rounds) -> ImprovedModel:
    """Train the improved model as it is published; fewer ``rounds`` of boosting are quick and worse."""
    return train_improved(sales[sales.unexampled], rounds=rounds).at("latest")


def value_invented(files: DataFiles, train: Callable[[Sales], ImprovedModel] = as_published) -> ValuedHomes:
    """Train a model on these files and value the invented homes. Raises ValueError when the checks refuse a home."""
    sales = read_sales(files)
    demographics = read_demographics(files.demographics)
    homes = Homes.of({name: [home[name] for home in INVENTED.values()] for name in EXAMPLE_HOME})
    problems, table = checked_features(homes, demographics, date.today().year)
    if problems:
        raise ValueError(refusal(problems, len(homes), demographics))
    model, ranges = train(sales), {}
    for columns in GivenColumns:
        found = model.value(as_given(table, columns))
        sides = np.stack([found.low, found.price, found.high], axis=1)
        ranges[columns] = [PriceWithRange(*side) for side in sides.tolist()]
    return ValuedHomes(
        sales.summary.fingerprint,
        model.market.valued_for,
        [
            ValuedHome(title, {name: float(value) for name, value in columns.items()}, full, required)
            for (title, columns), full, required in zip(
                INVENTED.items(), ranges[GivenColumns.FULL], ranges[GivenColumns.REQUIRED], strict=True
            )
        ],
    )
