"""Three invented homes, and what the improved model, trained as for publishing, says about them."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path

import numpy as np

from data.files import DataFiles
from evaluation.runs import Columns, as_given
from preprocessing.columns import EXAMPLE_HOME
from preprocessing.demographics import Demographics
from preprocessing.features import checked_features
from preprocessing.homes import Homes
from preprocessing.refusal import refusal
from training.improved import train_improved
from training.sales import Sales, read_sales
from training.valuer import Valuer

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
"""Homes that nobody sold, by what they are."""


@dataclass(frozen=True)
class Range:
    """A price and the range that 90 % of sale prices lie in, all in dollars."""

    low: float
    price: float
    high: float


@dataclass(frozen=True)
class ValuedHome:
    """A home told in all 18 columns, and in the eight required ones."""

    title: str
    columns: dict[str, float]
    full: Range
    required: Range

    @property
    def description(self) -> str:
        """What a person would say of it, in two lines."""
        home = self.columns
        view = ", a fine view" if home["view"] >= 3 else ""
        return (
            f"{home['bedrooms']:.0f} bedrooms, {home['sqft_living']:,.0f} square feet\n"
            f"built {home['yr_built']:.0f}, ZIP {home['zipcode']:.0f}{view}"
        )


@dataclass(frozen=True)
class Valued:
    """The homes at the market of the last sale, valued by a model of the sales with this fingerprint."""

    fingerprint: str
    homes: list[ValuedHome]

    def write(self, path: Path) -> None:
        """As JSON."""
        path.write_text(json.dumps(asdict(self), indent=1) + "\n")


def read_valued(path: Path) -> Valued:
    """What ``Valued.write`` wrote."""
    found = json.loads(path.read_text())
    homes = [
        ValuedHome(home["title"], home["columns"], Range(**home["full"]), Range(**home["required"]))
        for home in found["homes"]
    ]
    return Valued(found["fingerprint"], homes)


def as_published(sales: Sales) -> Valuer:
    """Train the improved model as it is published."""
    return train_improved(sales[sales.unexampled]).at("latest")


def value_invented(files: DataFiles, train: Callable[[Sales], Valuer] = as_published) -> Valued:
    """Train a model on these files and value the invented homes. Raises ValueError when the checks refuse a home."""
    sales = read_sales(files)
    demographics = Demographics.read(files.demographics)
    homes = Homes.of({name: [home[name] for home in INVENTED.values()] for name in EXAMPLE_HOME})
    problems, table = checked_features(homes, demographics, date.today().year)
    if problems:
        raise ValueError(refusal(problems, len(homes), demographics))
    model, ranges = train(sales), {}
    for columns in Columns:
        found = model.value(as_given(table, columns))
        sides = np.stack([found.low, found.price, found.high], axis=1)
        ranges[columns] = [Range(*side) for side in sides.tolist()]
    return Valued(
        sales.summary.fingerprint,
        [
            ValuedHome(title, dict(columns), full, required)
            for (title, columns), full, required in zip(
                INVENTED.items(), ranges[Columns.FULL], ranges[Columns.REQUIRED], strict=True
            )
        ],
    )
