"""Proof that an ONNX graph values homes as the fitted model does. numpy only: model cards are read by it too."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

TOLERANCE_DOLLARS = 1.0
TOLERANCE_RELATIVE = 1e-5
"""What a graph that computes in float32 may be off on a price of millions."""


@dataclass(frozen=True)
class Tie:
    """A home whose last neighbour and the next are equally far, so that several prices are right.

    ``row`` counts from 0 among the homes compared; prices are in dollars.
    """

    row: int
    price: float
    valid_prices: tuple[float, ...]


@dataclass(frozen=True)
class Parity:
    """Tell how graph and model compare on the same homes; ``largest_difference`` is in dollars.

    ``differing`` counts the homes of which an answer is beyond tolerance; ``ties`` are the homes with
    several right prices.
    """

    homes: int
    differing: int
    largest_difference: float
    ties: tuple[Tie, ...] = ()


def compare(
    expected: Floats, answered: Floats, relative: float = TOLERANCE_RELATIVE, ties: tuple[Tie, ...] = ()
) -> Parity:
    """Compare what a graph answered with what the model says, both [N] or [N,K] in dollars.

    An answer may be off by ``TOLERANCE_DOLLARS``, or by this ``relative`` part of it where that is more.
    """
    differences = np.abs(answered - expected).reshape(len(expected), -1)
    tolerance = np.maximum(TOLERANCE_DOLLARS, relative * np.abs(expected)).reshape(differences.shape)
    agrees = (differences <= tolerance).all(axis=1)  # NaN agrees with nothing
    return Parity(len(expected), int(np.count_nonzero(~agrees)), float(differences.max()), ties)
