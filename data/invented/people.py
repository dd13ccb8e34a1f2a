"""The people of the invented places, with the columns of ``zipcode_demographics.csv``."""

from __future__ import annotations

import numpy as np
import pandas as pd

from data.invented.places import COUNTRY, Floats, Places
from preprocessing.columns import DEMOGRAPHIC_COLUMNS, ZIPCODE

# Levels of education: the columns of their number and percentage, their share of all residents, and the
# factor by which that share grows with one standard deviation of status.
_EDUCATION = (
    ("edctn_less_than_9_qty", "per_less_than_9", 0.018, 0.55),
    ("edctn_9_12_qty", "per_9_to_12", 0.052, 0.62),
    ("edctn_high_schl_qty", "per_hsd", 0.145, 0.72),
    ("edctn_some_clg_qty", "per_some_clg", 0.190, 0.93),
    ("edctn_assoc_dgre_qty", "per_assoc", 0.054, 0.95),
    ("edctn_bchlr_dgre_qty", "per_bchlr", 0.190, 1.35),
    ("edctn_prfsnl_qty", "per_prfsnl", 0.080, 1.65),
)
_MEDIAN_POPULATION = 24_000
_MEDIAN_HOUSEHOLD_INCOME = 55_000
_MEDIAN_PERSONAL_INCOME = 29_000
_MEDIAN_HOME_VALUE = 245_000
_SUBURBAN_COUNTRY_PLACES = 2
"""The number of country places whose residents count as suburban rather than rural."""


def invent_demographics(rng: np.random.Generator, places: Places) -> pd.DataFrame:
    """Invent one row for each ZIP code: 26 whole figures, as float64 like those of the Census, and ``zipcode``."""
    count = len(places.zipcode)
    rural = places.kind == COUNTRY

    def around(median: float, per_status: float, spread: float) -> Floats:
        factors = np.exp(per_status * places.status + spread * rng.standard_normal(count))
        return np.asarray(np.round(median * factors))

    population = np.round(around(_MEDIAN_POPULATION, -0.05, 0.4) * np.where(rural, 0.5, 1.0))
    figures: dict[str, Floats] = {
        "ppltn_qty": population,
        **_settlement(rng, rural, population),
        "medn_hshld_incm_amt": around(_MEDIAN_HOUSEHOLD_INCOME, 0.17, 0.16),
        "medn_incm_per_prsn_amt": around(_MEDIAN_PERSONAL_INCOME, 0.26, 0.09),
        "hous_val_amt": np.round(around(_MEDIAN_HOME_VALUE, 0.33, 0.09), -2),
    }
    for quantity, _, share, per_status in _EDUCATION:
        figures[quantity] = np.round(
            share * per_status**places.status * np.exp(0.12 * rng.standard_normal(count)) * population
        )
    shares = {
        "per_urbn": "urbn_ppltn_qty",
        "per_sbrbn": "sbrbn_ppltn_qty",
        "per_farm": "farm_ppltn_qty",
        "per_non_farm": "non_farm_qty",
        **{percentage: quantity for quantity, percentage, _, _ in _EDUCATION},
    }
    for percentage, quantity in shares.items():
        figures[percentage] = np.floor(100 * figures[quantity] / population)
    table: pd.DataFrame = pd.DataFrame(figures)[list(DEMOGRAPHIC_COLUMNS)]
    table[ZIPCODE] = places.zipcode
    return table


def _settlement(
    rng: np.random.Generator, rural: np.ndarray[tuple[int], np.dtype[np.bool_]], population: Floats
) -> dict[str, Floats]:
    """Divide residents into those in towns, in suburbs, on farms, and in the country but not on a farm."""
    outside = np.where(rural, rng.uniform(0.2, 0.95, len(rural)), np.maximum(0, rng.normal(-0.03, 0.04, len(rural))))
    suburban = np.zeros(len(rural))
    suburban[rng.choice(np.flatnonzero(rural), _SUBURBAN_COUNTRY_PLACES, replace=False)] = 0.7
    outside *= 1 - suburban
    farm = np.round(0.02 * outside * population)
    country = np.round(0.98 * outside * population)
    suburbs = np.round(suburban * (population - farm - country))
    town = population - farm - country - suburbs
    return {"urbn_ppltn_qty": town, "sbrbn_ppltn_qty": suburbs, "farm_ppltn_qty": farm, "non_farm_qty": country}
