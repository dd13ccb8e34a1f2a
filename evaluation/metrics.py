"""How far valuations are from sale prices and how well their ranges hold, each with a bootstrap interval.

The bootstrap draws homes, not sales: two sales of one home err together. A draw gives each home a
weight (how often it was drawn), and all draws are then computed at once as weighted sums.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from training.valuations import Floats, ValuedSales

CONFIDENCE = 0.95
DRAWS = 1000
_CHUNK = 50
"""Draws computed at once: 50 draws of 20,000 sales are 8 MB."""

PRICE_BANDS = (0, 250_000, 350_000, 500_000, 750_000, 1_000_000, 2_000_000, np.inf)
"""Bands of the predicted price, in dollars."""

METRICS = ("mae", "rmse", "r2", "mape", "mdape", "ppe5", "ppe10", "ppe20", "bias", "coverage", "width")
"""The metrics of ``training.accuracy``, the share valued within 5 %, and the range's coverage and its mean width
relative to the price, both in percent."""


@dataclass(frozen=True)
class Estimate:
    """Hold a metric and the interval that holds 95 % of its bootstrap draws and the metric itself."""

    value: float
    low: float
    high: float

    def __format__(self, spec: str) -> str:
        """Format the value alone, for sentences."""
        return format(self.value, spec)


def measure(valued: ValuedSales) -> dict[str, float]:
    """Return every metric of ``METRICS``: MAE and RMSE in dollars, R2 as it is, the others in percent.

    All are NaN for fewer than two sales, for which R2 is not defined.
    """
    if len(valued.paid) < 2:
        return dict.fromkeys(METRICS, float("nan"))
    plain = asdict(valued.accuracy)
    own = {
        "ppe5": float(np.mean(np.abs(valued.error) <= 0.05) * 100),
        "coverage": valued.coverage * 100,
        "width": valued.mean_width * 100,
    }
    return {name: own[name] if name in own else plain[name] for name in METRICS}


def estimate(valued: ValuedSales, draws: int = DRAWS, seed: int = 0) -> dict[str, Estimate]:
    """Return every metric with its interval: percentiles of ``draws`` resamplings of the homes."""
    drawn = [_weighted(valued, weights) for weights in _weights(valued.homes, draws, seed)]
    values = measure(valued)
    return {name: _estimate(values[name], [draw[name] for draw in drawn]) for name in METRICS}


def difference(valued: ValuedSales, reference: ValuedSales, draws: int = DRAWS, seed: int = 0) -> dict[str, Estimate]:
    """Return each metric less that of another model on the same sales, in the same draws (paired)."""
    pairs = [
        (_weighted(valued, weights), _weighted(reference, weights)) for weights in _weights(valued.homes, draws, seed)
    ]
    ours, theirs = measure(valued), measure(reference)
    return {
        name: _estimate(ours[name] - theirs[name], [mine[name] - other[name] for mine, other in pairs])
        for name in METRICS
    }


def _estimate(value: float, drawn: list[Floats]) -> Estimate:
    """Return a metric with the percentiles of its draws, which come in chunks."""
    low, high = np.nanpercentile(np.concatenate(drawn), (50 * (1 - CONFIDENCE), 50 * (1 + CONFIDENCE)))
    # Plain and weighted sums round differently, in a way that depends on the processor. Where a metric hardly varies
    # from draw to draw, percentiles alone would leave the value outside; a wider interval never claims too much.
    return Estimate(value, min(float(low), value), max(float(high), value))


def band_names() -> list[str]:
    """Return the names of the bands of predicted prices, ascending."""
    return [_band_name(low, high) for low, high in pairwise(PRICE_BANDS)]


def by_band(valued: ValuedSales) -> Iterator[tuple[str, ValuedSales]]:
    """Yield the sales by band of the price that the model gave them; bands with fewer than two are left out.

    The bands go by the predicted price, not by the price paid: who asks for a valuation knows only the first, and
    sorting by the second makes any model look too low at the top and too high at the bottom.
    """
    band = np.searchsorted(PRICE_BANDS, valued.price, side="right")
    for index, name in enumerate(band_names(), start=1):
        if (band == index).sum() > 1:
            yield name, valued[band == index]


def by_group(valued: ValuedSales, groups: npt.NDArray[np.int64]) -> Iterator[tuple[int, ValuedSales]]:
    """Yield the sales by a number [N] that each of them has, for instance its ZIP code, ascending."""
    for group in np.unique(groups):
        yield int(group), valued[groups == group]


def _band_name(low: float, high: float) -> str:
    if low == 0:
        return f"below ${high:,.0f}"
    return f"from ${low:,.0f}" if np.isinf(high) else f"${low:,.0f} to ${high:,.0f}"


def _weights(homes: npt.NDArray[np.int64], draws: int, seed: int) -> Iterator[npt.NDArray[np.float64]]:
    """Yield weights [draws,N] in chunks: how often the home of each sale was drawn."""
    unique, home_of = np.unique(homes, return_inverse=True)
    generator = np.random.default_rng(seed)
    for start in range(0, draws, _CHUNK):
        size = (min(_CHUNK, draws - start), len(unique))
        drawn = generator.integers(len(unique), size=size)
        counts = np.stack([np.bincount(draw, minlength=len(unique)) for draw in drawn])
        yield counts[:, home_of].astype(np.float64)


def _weighted(valued: ValuedSales, weights: Floats) -> dict[str, Floats]:
    """Return the metrics [draws] of sales that count ``weights`` [draws,N] times."""
    error, relative = valued.price - valued.paid, valued.error * 100
    absolute = np.abs(relative)
    centred = valued.paid - valued.paid.mean()  # the difference of two large sums would lose its digits
    columns = np.stack(
        [
            np.ones_like(error),
            np.abs(error),
            error**2,
            centred,
            centred**2,
            absolute,
            absolute <= 5,
            absolute <= 10,
            absolute <= 20,
            valued.held,
            valued.width,
        ],
        axis=1,
    )
    total, mae, squared, paid, paid_squared, mape, ppe5, ppe10, ppe20, held, width = (weights @ columns).T
    variance = paid_squared - paid**2 / total
    # A draw of one home again and again leaves nothing to explain.
    r2 = 1 - np.divide(squared, variance, out=np.full_like(squared, np.nan), where=variance > 0)
    return {
        "mae": mae / total,
        "rmse": np.sqrt(squared / total),
        "r2": r2,
        "mape": mape / total,
        "mdape": _weighted_median(absolute, weights),
        "ppe5": ppe5 / total * 100,
        "ppe10": ppe10 / total * 100,
        "ppe20": ppe20 / total * 100,
        "bias": _weighted_median(relative, weights),
        "coverage": held / total * 100,
        "width": width / total * 100,
    }


def _weighted_median(values: Floats, weights: Floats) -> Floats:
    """Return the medians [draws] of values [N] that count ``weights`` [draws,N] times; weights are whole numbers."""
    order = np.argsort(values)
    ordered, passed = values[order], np.cumsum(weights[:, order], axis=1)
    total = passed[:, -1]
    # An even count has two middle values, which are averaged as in numpy.median.
    lower = (passed >= np.ceil(total / 2)[:, None]).argmax(axis=1)
    upper = (passed >= np.floor(total / 2 + 1)[:, None]).argmax(axis=1)
    return np.asarray((ordered[lower] + ordered[upper]) / 2, dtype=np.float64)
