"""The file that carries the sales behind a version: ``comparables.npz``, which the door reads as anybody's claim.

It holds each home as it was sold, and what the version said of it before it had seen that sale. Whoever asks for an
analysis is shown some of them, so the door believes no sale that the firm's own file says otherwise about.
"""

from __future__ import annotations

import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from conversion import Refused
from market_analysis.past_sales import ARRAYS, COMPARABLES_FILE, write_past_sales
from preprocessing.columns import HOME_COLUMN_NAMES, HOME_COLUMNS, limits
from publishing.claims import LEAST_FOUND, MOST_CORRECTED
from publishing.judged import Judged, Rows
from training.proof import sale_keys
from training.sales import Sales
from training.valuations import Valuations

MOST_SALES = 200_000
"""An analysis looks at every one of them for each home: these take some five milliseconds."""
MOST_OTHER = 0.02
"""Share of the valuations: rounding may choose another one of several equally near neighbours."""
ROUNDING = 1e-4
"""Relative, as in ``publishing.contract``."""

Arrays = dict[str, npt.NDArray[Any]]


def write_comparables(sales: Sales, rows: Rows, valued: Valuations, folder: Path) -> None:
    """Write some sales, and what a version said of each before it had seen it, into the version's folder."""
    write_past_sales(
        {
            "ids": sales.homes[rows],
            "days": sales.days[rows].astype("datetime64[D]").astype(np.int64),
            "paid": sales.prices[rows],
            "homes": sales.table[rows][:, : len(HOME_COLUMN_NAMES)],
            "valued": np.column_stack([valued.price, valued.low, valued.high]),
        },
        folder / COMPARABLES_FILE,
    )


def check_comparables(folder: Path, version: Judged) -> None:
    """Check the comparables of a version, if it has any, against the sales here, its proof and its graph.

    Raises Refused with the first thing that is wrong.
    """
    if COMPARABLES_FILE not in version.card.files:
        return
    found = _read(folder / COMPARABLES_FILE)
    _check_values(found)
    here, rows = _among(found, sale_keys(version.sales.homes, version.sales.days))
    if version.made_here and len(rows) < LEAST_FOUND * len(found["ids"]):
        raise Refused(
            f"{COMPARABLES_FILE}: of its {len(found['ids']):,} sales {len(rows):,} are among those that its card says "
            f"it was made from, at least {LEAST_FOUND:.0%} are asked for"
        )
    same = found["paid"][here] == version.sales.prices[rows]
    same &= (found["homes"][here] == version.sales.table[rows][:, : len(HOME_COLUMN_NAMES)]).all(axis=1)
    if (differing := int(np.count_nonzero(~same))) > MOST_CORRECTED * len(rows):
        raise Refused(
            f"{COMPARABLES_FILE}: price or columns differ from the file of sales for {differing:,} of {len(rows):,} "
            f"sales, at most {MOST_CORRECTED:.0%} may"
        )
    _check_valuations(found, version, here, rows)


def _check_valuations(found: Arrays, version: Judged, here: Rows, rows: Rows) -> None:
    """Check that valuations are those of the proof; without one, the graph's, of sales that it was kept from."""
    if version.proof is not None:
        here, rows = _among(found, sale_keys(version.proof.homes, version.proof.days))
        told = version.proof.whole
        expected = np.column_stack([told.price, told.low, told.high])[rows]
        if len(rows) < len(found["ids"]):
            raise Refused(
                f"{COMPARABLES_FILE}: {len(found['ids']) - len(rows):,} of its sales are not in the proof, so their "
                "homes may have been seen before they were valued"
            )
    else:
        if version.made_here and not version.unseen[rows].all():
            raise Refused(
                f"{COMPARABLES_FILE}: without a proof it may hold no sales but those that the firm holds out, since "
                "the model knows the others too well"
            )
        if not len(rows):
            return
        graph = version.valued(rows, required=False)
        expected = np.column_stack([graph.price, graph.low, graph.high])
    other = ~np.isclose(found["valued"][here], expected, rtol=ROUNDING, atol=0).all(axis=1)
    if np.mean(other) > MOST_OTHER:
        raise Refused(
            f"{COMPARABLES_FILE}: {np.count_nonzero(other):,} of {len(other):,} valuations are not what the version "
            "said of these homes before it had seen them"
        )


def _read(path: Path) -> Arrays:
    try:
        with np.load(path, allow_pickle=False) as file:
            found: Arrays = {name: file[name] for name in file.files}
    except (OSError, ValueError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise Refused(f"{COMPARABLES_FILE} holds no sales: {error}") from error
    if found.keys() != ARRAYS.keys():
        raise Refused(f"{COMPARABLES_FILE} must hold {', '.join(ARRAYS)}; found {', '.join(sorted(found))}")
    count = len(found["ids"]) if found["ids"].ndim == 1 else 0
    for name, (dtype, shape) in ARRAYS.items():
        values = found[name]
        if not 1 <= count <= MOST_SALES or values.dtype != dtype or values.shape != (count, *shape):
            raise Refused(
                f"{COMPARABLES_FILE}: {name} must be {dtype} {[count, *shape]}, 1 to {MOST_SALES:,} rows; found "
                f"{values.dtype} {list(values.shape)}"
            )
    return found


def _check_values(found: Arrays) -> None:
    """Check that sales and homes are possible, whoever made them."""
    price, low, high = found["valued"].T
    paid = found["paid"]
    if not (np.isfinite([low, price, high, paid]).all() and ((low > 0) & (low <= price) & (price <= high)).all()):
        raise Refused(f"{COMPARABLES_FILE}: valued must be 0 < low <= price <= high, all finite, for every sale")
    if not (paid > 0).all():
        raise Refused(f"{COMPARABLES_FILE}: paid must be above 0 for every sale")
    lows, highs = limits(int(found["days"].max() // 365.25) + 1970)
    for place, column in enumerate(HOME_COLUMNS):
        values = found["homes"][:, place]
        allowed = (values >= np.float32(lows[place])) & (values <= np.float32(highs[place]))
        if column.special is not None:
            allowed |= values == column.special
        if not allowed.all():
            raise Refused(
                f"{COMPARABLES_FILE}: {column.name} is {values[~allowed][0]:g} for a home, allowed is "
                f"{lows[place]:,g} to {highs[place]:,g}"
            )


def _among(found: Arrays, others: npt.NDArray[np.void]) -> tuple[Rows, Rows]:
    """Find sales among others by home and day; return their places here [M] and there [M]."""
    own = sale_keys(found["ids"], found["days"].astype(np.int64).astype("datetime64[D]"))
    _, here, there = np.intersect1d(own, others, return_indices=True)
    return here, there
