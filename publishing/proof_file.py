"""The file that carries a version's proof: ``proof.npz`` in its folder, which the door reads as anybody's claim.

It holds no more of a sale than the home's id, the day and the price paid, and it never leaves the model repository.
"""

from __future__ import annotations

import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np

from conversion import Refused
from publishing.card import PROOF_FILE, Card
from training.proof import Proof
from training.valuations import Valuations

_SALES: dict[str, np.dtype[Any]] = {
    "homes": np.dtype(np.int64),
    "days": np.dtype(np.int32),
    "paid": np.dtype(np.float64),
}
"""The dtypes [N] of what is known of the sales; days are counted from the first of 1970."""
_VALUED = ("whole", "required")
"""What was valued, float32 [N,3] in dollars: price, low and high."""


def write_proof(proof: Proof, folder: Path) -> None:
    """Write a proof into a version's folder."""
    facts = {"homes": proof.homes, "days": proof.days.astype("datetime64[D]").astype(np.int64), "paid": proof.paid}
    sales = {name: values.astype(_SALES[name]) for name, values in facts.items()}
    valued = {
        name: np.column_stack([one.price, one.low, one.high]).astype(np.float32)
        for name, one in zip(_VALUED, (proof.whole, proof.required), strict=True)
    }
    np.savez_compressed(folder / PROOF_FILE, **sales, **valued)


def read_proof(folder: Path, card: Card) -> Proof | None:
    """Read the proof of a version; None for one that has none. Raises Refused when it is broken, and says where."""
    if PROOF_FILE not in card.files:
        return None
    try:
        with np.load(folder / PROOF_FILE, allow_pickle=False) as file:
            found = {name: file[name] for name in file.files}
    except (OSError, ValueError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise Refused(f"{PROOF_FILE} is no proof: {error}") from error
    if sorted(found) != sorted([*_SALES, *_VALUED]):
        raise Refused(f"{PROOF_FILE} must hold {', '.join([*_SALES, *_VALUED])}; found {', '.join(sorted(found))}")
    count = len(found["homes"]) if found["homes"].ndim == 1 else 0
    for name, values in found.items():
        dtype, shape = (_SALES[name], (count,)) if name in _SALES else (np.dtype(np.float32), (count, 3))
        if count == 0 or values.dtype != dtype or values.shape != shape:
            raise Refused(
                f"{PROOF_FILE}: {name} must be {dtype} {list(shape)}, one row or more; found {values.dtype} "
                f"{list(values.shape)}"
            )
    paid = found["paid"]
    for name in _VALUED:
        price, low, high = found[name].T
        if not (np.isfinite([low, price, high, paid]).all() and ((low > 0) & (low <= price) & (price <= high)).all()):
            raise Refused(f"{PROOF_FILE}: {name} must be 0 < low <= price <= high, all finite, for every sale")
    if not (paid > 0).all():
        raise Refused(f"{PROOF_FILE}: paid must be above 0 for every sale")
    days = found["days"].astype(np.int64).astype("datetime64[D]")
    return Proof(found["homes"], days, paid, *(Valuations(*found[name].astype(np.float64).T) for name in _VALUED))
