"""The columns of a home and of its ZIP code's demographics: the one place that knows them.

Training, serving, the stand-in market and the tests read names, order, types and limits
from here; a test holds the hand-written ``config.pbtxt`` files to it.
"""

from __future__ import annotations

from dataclasses import dataclass

NEXT_YEAR = None
"""As an upper limit: the year after the one in which the check runs."""

NEVER_RENOVATED = 0
"""Stands in ``yr_renovated`` where other homes have a year."""

MOST_ZIPCODE = 99_999
"""The largest number of five digits."""


@dataclass(frozen=True)
class Column:
    """Hold what is known of one column of a home, as a caller sends it and as the CSV files carry it.

    ``low`` and ``high`` are the limits of what is allowed: of what could be a home of this market, whether
    or not training saw one like it.
    """

    name: str
    unit: str
    low: float
    high: float | None
    example: float
    description: str
    required: bool = False
    """Whether the basic model needs it; the others may be left out of ``house_price_minimal``."""
    whole: bool = False
    """Whether only whole numbers make sense."""
    special: float | None = None
    """A value beyond the limits that is allowed all the same, because it has a meaning of its own."""

    @property
    def triton_type(self) -> str:
        """Return the type of the column's tensor: INT64 for the ZIP code, which it keeps exact; else FP32."""
        return "INT64" if self.name == ZIPCODE else "FP32"


ZIPCODE = "zipcode"

_MOST_SQFT = 50_000.0
_MOST_LOT_SQFT = 10_000_000.0

HOME_COLUMNS = (
    Column("bedrooms", "rooms", 0, 50, 3, "Bedrooms", required=True, whole=True),
    Column("bathrooms", "rooms", 0, 30, 2.25, "Bathrooms; a toilet without a shower counts a half", required=True),
    Column("sqft_living", "square feet", 1, _MOST_SQFT, 1900, "Living area", required=True),
    Column("sqft_lot", "square feet", 1, _MOST_LOT_SQFT, 6000, "Area of the lot", required=True),
    Column("floors", "floors", 0, 10, 1.5, "Floors; a half is a floor under the roof", required=True),
    Column("waterfront", "0 or 1", 0, 1, 0, "Whether it overlooks the water: 1 if so", whole=True),
    Column("view", "grade", 0, 4, 0, "How good the view is, 0 to 4", whole=True),
    Column("condition", "grade", 1, 5, 4, "Condition of the house, 1 to 5", whole=True),
    Column("grade", "grade", 1, 13, 7, "King County's grade of construction and design, 1 to 13", whole=True),
    Column("sqft_above", "square feet", 0, _MOST_SQFT, 1400, "Living area above ground", required=True),
    Column("sqft_basement", "square feet", 0, _MOST_SQFT, 500, "Living area below ground", required=True),
    Column("yr_built", "year", 1800, NEXT_YEAR, 1948, "Year built", whole=True),
    Column(
        "yr_renovated",
        "year",
        1800,
        NEXT_YEAR,
        NEVER_RENOVATED,
        "Year of the last renovation, 0 if never",
        whole=True,
        special=NEVER_RENOVATED,
    ),
    Column(ZIPCODE, "ZIP code", 0, MOST_ZIPCODE, 98118, "Five-digit ZIP code", required=True, whole=True),
    Column("lat", "degrees", 47.0, 47.9, 47.542, "Latitude, inside King County"),
    Column("long", "degrees", -122.6, -121.0, -122.268, "Longitude, inside King County"),
    Column("sqft_living15", "square feet", 0, _MOST_SQFT, 1750, "Living area of the 15 nearest homes, on average"),
    Column("sqft_lot15", "square feet", 0, _MOST_LOT_SQFT, 5800, "Lot of the 15 nearest homes, on average"),
)
"""The 18 columns of a home, in the order of ``future_unseen_examples.csv``."""

LABELS = {
    "bedrooms": "Bedrooms",
    "bathrooms": "Bathrooms",
    "sqft_living": "Living area",
    "sqft_lot": "Lot",
    "floors": "Floors",
    "waterfront": "Waterfront",
    "view": "View",
    "condition": "Condition",
    "grade": "Grade",
    "sqft_above": "Area above ground",
    "sqft_basement": "Basement area",
    "yr_built": "Year built",
    "yr_renovated": "Year renovated",
    ZIPCODE: "ZIP code",
    "lat": "Latitude",
    "long": "Longitude",
    "sqft_living15": "Neighbors' living area",
    "sqft_lot15": "Neighbors' lots",
}
"""What a form or a table for people calls each home column."""

WORDS = {
    "waterfront": ("no", "yes"),
    "view": ("none", "fair", "average", "good", "excellent"),
    "condition": ("poor", "fair", "average", "good", "very good"),
    "grade": (
        *("cabin", "substandard", "poor", "low", "fair", "low average", "average"),
        *("good", "better", "very good", "excellent", "luxury", "mansion"),
    ),
}
"""What the values of ranks mean, from a column's ``low`` on; those of grade are King County's names."""

DEMOGRAPHIC_COLUMNS = (
    "ppltn_qty",
    "urbn_ppltn_qty",
    "sbrbn_ppltn_qty",
    "farm_ppltn_qty",
    "non_farm_qty",
    "medn_hshld_incm_amt",
    "medn_incm_per_prsn_amt",
    "hous_val_amt",
    "edctn_less_than_9_qty",
    "edctn_9_12_qty",
    "edctn_high_schl_qty",
    "edctn_some_clg_qty",
    "edctn_assoc_dgre_qty",
    "edctn_bchlr_dgre_qty",
    "edctn_prfsnl_qty",
    "per_urbn",
    "per_sbrbn",
    "per_farm",
    "per_non_farm",
    "per_less_than_9",
    "per_9_to_12",
    "per_hsd",
    "per_some_clg",
    "per_assoc",
    "per_bchlr",
    "per_prfsnl",
)
"""The 26 U.S. Census figures of a ZIP code, in the order of ``zipcode_demographics.csv``."""

HOME_COLUMN_NAMES = tuple(column.name for column in HOME_COLUMNS)
REQUIRED_COLUMN_NAMES = tuple(column.name for column in HOME_COLUMNS if column.required)
OPTIONAL_COLUMN_NAMES = tuple(column.name for column in HOME_COLUMNS if not column.required)
FEATURE_NAMES = HOME_COLUMN_NAMES + DEMOGRAPHIC_COLUMNS
"""The 44 features, a fixed superset: every price model picks its own inside its graph."""

POSITION = {name: index for index, name in enumerate(FEATURE_NAMES)}
"""Where a feature stands in a row of features; a home column stands at the same place in a home."""

EXAMPLE_HOME = {column.name: column.example for column in HOME_COLUMNS}
"""A made-up, ordinary home in Seattle: what documentation, warm-up and health checks send."""


def limits(this_year: int) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Return the lowest and the highest allowed value of each home column, in the order of ``HOME_COLUMNS``."""
    lows = tuple(column.low for column in HOME_COLUMNS)
    highs = tuple(float(this_year + 1) if column.high is NEXT_YEAR else column.high for column in HOME_COLUMNS)
    return lows, highs
