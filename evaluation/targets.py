"""What the improved model was asked to reach, against what it reaches."""

from __future__ import annotations

from dataclasses import dataclass

from evaluation.metrics import Estimate

ONNX = "onnx"
"""In place of a cell: the figure is one of the model as ONNX."""


@dataclass(frozen=True)
class Target:
    """A figure to stay below (or, ``least``, above), and the ambition beyond it."""

    label: str
    cell: str
    """The cell of the improved model that it is measured on."""
    metric: str
    reach: float
    aim: float
    least: bool = False
    """Whether more is better."""

    def verdict(self, found: Estimate) -> str:
        """Whether the figure reaches the target or the aim, or by how much it misses the target."""
        value = abs(found.value) if self.metric == "bias" else found.value
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
    """A figure, in percent, to stay between two bounds."""

    label: str
    cell: str
    metric: str
    low: float
    high: float

    def verdict(self, found: Estimate) -> str:
        """Whether it does, or by how much it misses the nearer bound."""
        if self.low <= found.value <= self.high:
            return "reached"
        return f"**missed** by {_gap(self.metric, max(self.low - found.value, found.value - self.high))}"


_AMOUNTS = ("mae", "rmse", "r2", "parity", "speed")
"""Whose differences are told as they are; of percentages they are points."""

TARGETS: tuple[Target | Between, ...] = (
    Target("grouped MAE", "grouped_improved_full", "mae", 63_000, 60_000),
    Target("grouped R2", "grouped_improved_full", "r2", 0.89, 0.907, least=True),
    Target("grouped MdAPE", "grouped_improved_full", "mdape", 8.4, 7.5),
    Target("grouped PPE10", "grouped_improved_full", "ppe10", 57.5, 61, least=True),
    Target("grouped PPE20", "grouped_improved_full", "ppe20", 84, 86, least=True),
    Target("seed-42 MAE", "random_improved_full", "mae", 65_000, 61_000),
    Target("seed-42 R2", "random_improved_full", "r2", 0.90, 0.92, least=True),
    Target("eight columns, grouped MAE", "grouped_improved_required", "mae", 84_500, 81_000),
    Target("rolling refit with level, MAE", "rolling_improved_full", "mae", 67_000, 63_000),
    Target("rolling refit with level, bias", "rolling_improved_full", "bias", 3, 1.5),
    Between("90 % range, coverage, grouped", "grouped_improved_full", "coverage", 88, 92),
    Between("90 % range, coverage, grouped, eight columns", "grouped_improved_required", "coverage", 88, 92),
    Between("90 % range, coverage, rolling", "rolling_improved_full", "coverage", 87, 92),
    Target("range's mean relative width", "grouped_improved_full", "width", 48, 48),
    Target("the same, eight columns", "grouped_improved_required", "width", 60, 60),
    Target("ONNX against scikit-learn, relative, every sale, gaps too", ONNX, "parity", 1e-4, 1e-5),
    Target("improved ONNX, one home, one thread", ONNX, "speed", 0.1, 0.03),
)


def amount(metric: str, value: float) -> str:
    """A metric in its unit: dollars in thousands, a plain R2, milliseconds, or percent."""
    if metric == "parity":
        return f"{value:.1e}"
    if metric == "speed":
        return f"{value:.3f} ms"
    if metric in ("mae", "rmse"):
        return f"{'-' if value < 0 else ''}${abs(value) / 1000:,.1f}k"
    return f"{value:.3f}" if metric == "r2" else f"{value:.1f} %"


def _gap(metric: str, value: float) -> str:
    """A difference; of percentages, in points to two digits."""
    return amount(metric, abs(value)) if metric in _AMOUNTS else f"{abs(value):.2f} points"
