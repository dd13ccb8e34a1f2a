"""What the improved model was asked to reach, against what it reaches."""

from __future__ import annotations

from dataclasses import dataclass
from math import isnan

from evaluation.metrics import Estimate

ONNX = "onnx"
"""Stands in place of a cell where the figure is one of the model as ONNX."""
ZIPCODES = "zipcodes"
"""Stands in place of a cell where the figure is the lowest of the ZIP codes in the grouped split."""


@dataclass(frozen=True)
class Goal:
    """Hold a figure to stay below (above it when ``least``), and the ambition beyond it."""

    label: str
    cell: str
    """The cell of the improved model that it is measured on."""
    metric: str
    reach: float
    aim: float
    least: bool = False
    """Whether more is better."""

    def verdict(self, found: Estimate) -> str:
        """Say whether the figure reaches the target or the aim, or by how much it misses them."""
        value = abs(found.value) if self.metric == "bias" else found.value
        if isnan(value):
            return "not measured: too few sales"
        sign = -1 if self.least else 1
        if sign * value <= sign * self.aim:
            return "aim reached"
        short = f"aim missed by {_gap(self.metric, value - self.aim)}"
        if sign * value <= sign * self.reach:
            return f"reached; {short}"
        if self.reach == self.aim:
            return short
        return f"**missed** by {_gap(self.metric, value - self.reach)}; {short}"


@dataclass(frozen=True)
class Between:
    """Hold two bounds, in percent, that a figure is to stay between."""

    label: str
    cell: str
    metric: str
    low: float
    high: float

    def verdict(self, found: Estimate) -> str:
        """Say whether the figure stays between the bounds, or by how much it misses the nearer one."""
        if self.low <= found.value <= self.high:
            return "reached"
        return f"**missed** by {_gap(self.metric, max(self.low - found.value, found.value - self.high))}"


_AMOUNTS = ("mae", "rmse", "r2", "parity")
"""Metrics whose differences are told in their own unit; those of percentages are told in points."""

TARGETS: tuple[Goal | Between, ...] = (
    Goal("grouped MAE", "grouped_improved_full", "mae", 59_700, 58_700),
    Goal("grouped R2", "grouped_improved_full", "r2", 0.89, 0.907, least=True),
    Goal("grouped MdAPE", "grouped_improved_full", "mdape", 7.7, 7.5),
    Goal("grouped PPE10", "grouped_improved_full", "ppe10", 57.5, 61, least=True),
    Goal("grouped PPE20", "grouped_improved_full", "ppe20", 84, 86, least=True),
    Goal("seed-42 MAE", "random_improved_full", "mae", 65_000, 61_000),
    Goal("seed-42 R2", "random_improved_full", "r2", 0.90, 0.92, least=True),
    Goal("eight columns, grouped MAE", "grouped_improved_required", "mae", 84_500, 81_000),
    Goal("rolling refit with market index, MAE", "rolling_improved_full", "mae", 60_500, 59_500),
    Goal("rolling refit with market index, MdAPE", "rolling_improved_full", "mdape", 7.8, 7.6),
    Goal("rolling refit with market index, bias", "rolling_improved_full", "bias", 1.3, 1.0),
    Goal("temporal with market index, MAE", "temporal_improved_full", "mae", 64_000, 62_500),
    Goal("temporal with market index, bias", "temporal_improved_full", "bias", 3, 2),
    Between("90 % range, coverage, grouped", "grouped_improved_full", "coverage", 88, 92),
    Between("90 % range, coverage, grouped, eight columns", "grouped_improved_required", "coverage", 88, 92),
    Between("90 % range, coverage, rolling", "rolling_improved_full", "coverage", 87, 92),
    Goal("lowest coverage of a ZIP code of 40 sales or more", ZIPCODES, "coverage", 84, 87, least=True),
    Goal("range's mean relative width", "grouped_improved_full", "width", 47.5, 46),
    Goal("the same, eight columns", "grouped_improved_required", "width", 60, 60),
    Goal("ONNX against scikit-learn, relative, every sale, gaps too", ONNX, "parity", 1e-4, 1e-5),
    Goal("improved ONNX, one home, in proportion to the basic one's time", ONNX, "relative_time", 27, 24),
)


def amount(metric: str, value: float) -> str:
    """Format a metric in its unit: thousands of dollars, a plain R2, or percent; nothing for NaN."""
    if isnan(value):
        return ""
    if metric == "parity":
        return f"{value:.1e}"
    if metric in ("mae", "rmse"):
        return f"{'-' if value < 0 else ''}${abs(value) / 1000:,.1f}k"
    return f"{value:.3f}" if metric == "r2" else f"{value:.1f} %"


def _gap(metric: str, value: float) -> str:
    """Format a difference; one of percentages in points, with two digits."""
    return amount(metric, abs(value)) if metric in _AMOUNTS else f"{abs(value):.2f} points"
