"""The drift that Prometheus' recording rules compute, in Python, to test the bins and the rules with."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt


def psi(actual: npt.NDArray[np.intp], shares: tuple[float, ...], least: float = 1e-4) -> float:
    """Return the population stability index of counts [B] against expected shares; above 0.2 is usually called drift.

    A share below ``least`` counts as ``least``: the logarithm of zero would be infinite.
    """
    found = np.maximum(actual / actual.sum(), least)
    expected = np.maximum(shares, least)
    return float(((found - expected) * np.log(found / expected)).sum())
