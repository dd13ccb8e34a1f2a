"""The report's plots. Nothing in them shows a single sale: maps average over hexagons of several."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from evaluation.findings import LEAST_SALES, Findings
from evaluation.metrics import Estimate, band_names
from evaluation.runs import GivenColumns, Model, Runs
from evaluation.splits import Split
from preprocessing.columns import POSITION
from training.relative_range import TARGET_COVERAGE
from training.sales import FIRM_SEED

BASIC, IMPROVED, REQUIRED, LEFT_ALONE = "#b0532c", "#1f5f8b", "#6fa8c9", "#c9a227"
_COLOURS = {"basic_full": BASIC, "improved_full": IMPROVED, "improved_required": REQUIRED}
_NAMES = {
    "basic_full": "basic model",
    "improved_full": "improved model, all 18 columns",
    "improved_required": "improved model, eight columns",
}
_LEAST_IN_HEXAGON = 5
_ERROR_SHOWN = 25
"""Percent at which the colours of the map saturate."""


def draw(findings: Findings, runs: Runs, folder: Path) -> list[Path]:
    """Write every plot as PNG into ``folder`` and return their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    style: dict[Any, Any] = {
        "axes.spines.top": False,
        "axes.spines.right": False,
        "font.size": 9,
        "text.parse_math": False,
    }
    with matplotlib.rc_context(style):
        figures = {
            "splits": _splits(findings),
            "learning-curve": _learning_curve(findings),
            "months": _months(findings),
            "importance": _importance(findings),
            "bands": _bands(findings),
            "coverage": _coverage(findings),
            "map": _map(runs),
        }
        paths = []
        for name, figure in figures.items():
            path = folder / f"{name}.png"
            # Without the software's version in the file, the same figures make the same bytes.
            figure.savefig(path, dpi=110, metadata={"Software": None})
            paths.append(path)
    return paths


def _axes(columns: int = 1, height: float = 3.4) -> tuple[Figure, list[Axes]]:
    figure = Figure(figsize=(8.5, height), layout="constrained")
    axes: Any = figure.subplots(1, columns, squeeze=False)
    return figure, list(axes[0])


def _splits(findings: Findings) -> Figure:
    figure, axes = _axes(2)
    shown = findings.by_cell
    for axis, metric, label in zip(
        axes, ("mae", "mdape"), ("mean absolute error, $1000", "median error, %"), strict=True
    ):
        scale = 1000 if metric == "mae" else 1
        for offset, (series, colour) in enumerate(_COLOURS.items()):
            found = [shown[f"{split.value}_{series}"][metric] for split in Split]
            places = np.arange(len(Split)) + (offset - 1) * 0.27
            axis.bar(places, [e.value / scale for e in found], 0.25, color=colour, label=_NAMES[series])
            axis.errorbar(places, [e.value / scale for e in found], _whiskers(found, scale), fmt="none", ecolor="black")
        axis.set_xticks(range(len(Split)), [split.value for split in Split])
        axis.set_ylabel(label)
    _legend_above(figure, axes[0])
    return figure


def _whiskers(estimates: list[Estimate], scale: float) -> Any:
    return np.array([[e.value - e.low, e.high - e.value] for e in estimates]).T / scale


def _learning_curve(findings: Findings) -> Figure:
    figure, (axis,) = _axes()
    for model, colour in ((Model.BASIC, BASIC), (Model.IMPROVED, IMPROVED)):
        curve = findings.learning[model.value]
        sizes = [point.sales for point in curve]
        axis.plot(
            sizes, [point.test["mae"] / 1000 for point in curve], "o-", color=colour, label=f"{model.value}, new sales"
        )
        axis.plot(
            sizes,
            [point.train["mae"] / 1000 for point in curve],
            "o:",
            color=colour,
            label=f"{model.value}, trained on",
        )
    axis.set_xscale("log")
    axis.set_xticks(sizes, [f"{size:,}" for size in sizes])
    axis.minorticks_off()
    axis.set(xlabel="sales trained on", ylabel="mean absolute error, $1000", ylim=(0, None))
    axis.legend(frameon=False, ncols=2)
    return figure


def _months(findings: Findings) -> Figure:
    figure, (axis,) = _axes()
    order = list(findings.months["grouped"])
    for series, label, style in (
        ("grouped", "sales of all months known (grouped)", {"color": "black", "ls": ":"}),
        ("temporal_average", "trained to February, then left alone", {"color": LEFT_ALONE}),
        ("rolling_average", "refitted each month", {"color": REQUIRED}),
        ("rolling_latest", "refitted each month, with market index", {"color": IMPROVED}),
    ):
        months = findings.months[series]
        places: dict[str, Any] = {"marker": "o", "label": label, **style}
        axis.plot([order.index(month) for month in months], list(months.values()), **places)
    axis.axhline(0, color="grey", lw=0.8)
    axis.set_xticks(range(len(order)), order, rotation=45)
    axis.set_ylabel("median error, % of the price\n(below 0: valued too low)")
    axis.legend(frameon=False)
    return figure


def _importance(findings: Findings) -> Figure:
    figure, axes = _axes(2, height=5)
    order = [importance.columns for importance in findings.importance[Model.IMPROVED.value]][::-1]
    for axis, model, colour in zip(axes, (Model.IMPROVED, Model.BASIC), (IMPROVED, BASIC), strict=True):
        dollars = {importance.columns: importance.dollars for importance in findings.importance[model.value]}
        axis.barh(range(len(order)), [dollars[name] / 1000 for name in order], color=colour)
        axis.set_yticks(range(len(order)), order if axis is axes[0] else [""] * len(order), fontsize=7)
        axis.set(title=f"{model.value} model", xlabel="error added by shuffling, $1000")
    return figure


def _bands(findings: Findings) -> Figure:
    figure, axes = _axes(2)
    for axis, metric, label in zip(axes, ("mdape", "bias"), ("median error, %", "median signed error, %"), strict=True):
        _by_band(axis, findings, metric, label)
    axes[1].axhline(0, color="grey", lw=0.8)
    _legend_above(figure, axes[0])
    return figure


def _coverage(findings: Findings) -> Figure:
    figure, (bands, zipcodes) = _axes(2)
    _by_band(bands, findings, "coverage", "sale prices inside the range, %")
    known = [zipcode for zipcode in findings.zipcodes if zipcode.sales >= LEAST_SALES]
    zipcodes.scatter([z.sales for z in known], [z.coverage for z in known], s=14, color=IMPROVED)
    sales = np.linspace(LEAST_SALES, max((z.sales for z in known), default=2 * LEAST_SALES), 200)
    chance = 1.96 * 100 * np.sqrt(TARGET_COVERAGE * (1 - TARGET_COVERAGE) / sales)
    target = 100 * TARGET_COVERAGE
    zipcodes.fill_between(
        sales, target - chance, np.minimum(target + chance, 100), color="grey", alpha=0.2, label="chance alone, 95 %"
    )
    zipcodes.set(xlabel="sales in the ZIP code (a dot each)", ylabel="inside the range, %")
    zipcodes.legend(frameon=False, fontsize=7, loc="lower right")
    for axis in (bands, zipcodes):
        axis.set_ylim(60, 100)
        axis.axhline(target, color="grey", lw=0.8)
    _legend_above(figure, bands)
    return figure


def _by_band(axis: Axes, findings: Findings, metric: str, label: str) -> None:
    names = band_names()
    for series, colour in _COLOURS.items():
        bands = findings.bands[series]
        places = [names.index(band) for band in bands]
        axis.plot(places, [band[metric] for band in bands.values()], "o-", color=colour, label=_NAMES[series])
    axis.set_xticks(range(len(names)), names, rotation=35, ha="right", fontsize=7)
    axis.set(xlabel="price that the model gave", ylabel=label)


def _legend_above(figure: Figure, axis: Axes) -> None:
    figure.legend(*axis.get_legend_handles_labels(), loc="outside upper center", ncols=3, frameon=False)


def _map(runs: Runs) -> Figure:
    figure, axes = _axes(2, height=4.2)
    table = runs.sales.table
    for axis, model in zip(axes, Model, strict=True):
        tested = runs.tested(Split.GROUPED, FIRM_SEED, model, GivenColumns.FULL)
        homes = table[tested.rows]
        hexagons = axis.hexbin(
            homes[:, POSITION["long"]],
            homes[:, POSITION["lat"]],
            C=tested.valued.error * 100,
            reduce_C_function=np.median,
            gridsize=45,
            mincnt=_LEAST_IN_HEXAGON,
            cmap="RdBu_r",
            vmin=-_ERROR_SHOWN,
            vmax=_ERROR_SHOWN,
        )
        axis.set(title=f"{model.value} model", xlabel="longitude", ylabel="latitude", xlim=(-122.55, -121.7))
        axis.set_aspect(1 / np.cos(np.radians(47.5)))
    figure.colorbar(hexagons, ax=axes, label="median error, % (red: valued too high)", extend="both", shrink=0.8)
    return figure
