"""The slides' own charts: large type and one message each, as SVG, which every browser shows alike."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import wraps
from io import StringIO
from typing import Any, ParamSpec

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch

from evaluation.invented_homes import ValuedHome
from evaluation.metrics import Estimate
from evaluation.plots import BASIC, IMPROVED, LEFT_ALONE, REQUIRED

INK, FAINT = "#22313f", "#c9d2da"
_STYLE: Any = {
    "font.size": 17,
    "text.color": INK,
    "axes.labelcolor": INK,
    "axes.edgecolor": FAINT,
    "xtick.color": INK,
    "ytick.color": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "text.parse_math": False,
    "svg.hashsalt": "slides",  # the same figures make the same bytes
}


Parameters = ParamSpec("Parameters")


def _svg(draw: Callable[Parameters, Figure]) -> Callable[Parameters, str]:
    """Draw and write a figure in the slides' style, which is needed for both."""

    @wraps(draw)
    def drawn(*args: Parameters.args, **kwargs: Parameters.kwargs) -> str:
        written = StringIO()
        with matplotlib.rc_context(_STYLE):
            figure = draw(*args, **kwargs)
            figure.savefig(written, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
        return written.getvalue()

    return drawn


def _canvas(width: float, height: float) -> tuple[Figure, Axes]:
    figure = Figure(figsize=(width, height), layout="constrained")
    return figure, figure.subplots()


@_svg
def squares(within_10: float, within_20: float) -> Figure:
    """Draw a hundred homes, each a square: valued within 10 % of the price, within 20 %, or further off."""
    figure, axis = _canvas(4.6, 4.6)
    colours = [IMPROVED] * round(within_10) + [REQUIRED] * (round(within_20) - round(within_10))
    for place, colour in enumerate(colours + [FAINT] * (100 - len(colours))):
        row, column = divmod(place, 10)
        axis.add_patch(
            FancyBboxPatch((column, 9 - row), 0.7, 0.7, boxstyle="round,pad=0,rounding_size=.12", fc=colour, ec="none")
        )
    axis.set(xlim=(-0.1, 9.8), ylim=(-0.1, 9.8), aspect="equal")
    axis.axis("off")
    return figure


@_svg
def bars(rows: Sequence[tuple[str, float, str, str]], height: float = 4.2, room: float = 1.18) -> Figure:
    """Draw horizontal bars from the top: label, length, the text at its end, colour; ``room`` is for the text."""
    figure, axis = _canvas(11.5, height)
    labels, lengths, texts, colours = zip(*reversed(rows), strict=True)
    drawn = axis.barh(range(len(rows)), lengths, height=0.62, color=colours)
    axis.bar_label(drawn, texts, padding=8, fontsize=18, fontweight="bold")
    axis.set_yticks(range(len(rows)), labels)
    axis.set_xlim(0, max(lengths) * room)
    _bare(axis)
    return figure


@_svg
def ranges(homes: Sequence[ValuedHome], eight: bool) -> Figure:
    """Draw the 90 % range of each home with its price; with ``eight``, that of the eight required columns below it.

    The scale is one of ratios, so that ranges equally wide in percent look alike.
    """
    figure, axis = _canvas(12, 5.2)
    axis.set_xscale("log")
    for place, home in enumerate(reversed(homes)):
        shown = [(home.full, IMPROVED, 0.18 if eight else 0.0)] + [(home.required, REQUIRED, -0.2)] * eight
        for found, colour, offset in shown:
            y = place + offset
            axis.plot([found.low, found.high], [y, y], color=colour, lw=16, solid_capstyle="butt")
            axis.plot(found.price, y, "o", color="white", ms=9)
            axis.annotate(dollars(found.low), (found.low, y), (-8, 0), va="center", ha="right", **_BESIDE)
            axis.annotate(dollars(found.high), (found.high, y), (8, 0), va="center", ha="left", **_BESIDE)
            if not eight:
                axis.annotate(dollars(found.price), (found.price, y), (0, 16), ha="center", weight="bold", **_BESIDE)
    axis.set_yticks(range(len(homes)), [f"{home.title}\n{home.description}" for home in reversed(homes)], fontsize=16)
    axis.set_ylim(-0.5, len(homes) - 0.5)
    axis.margins(x=0.26)
    axis.spines["left"].set_visible(False)
    _bare(axis)
    return figure


_BESIDE: Any = {"textcoords": "offset points", "fontsize": 16}


def dollars(amount: float) -> str:
    """Write a price rounded to the thousand, as people say it."""
    return f"${round(amount, -3):,.0f}"


@_svg
def pairs(rows: Mapping[str, tuple[Estimate, Estimate]]) -> Figure:
    """Draw mean absolute errors of the basic and the improved model by split, with their 95 % intervals."""
    figure, axis = _canvas(11.5, 4.7)
    for offset, (label, colour) in enumerate((("basic", BASIC), ("improved", IMPROVED))):
        found = [estimates[offset] for estimates in rows.values()]
        places = np.arange(len(rows)) + (offset - 0.5) * 0.38
        heights = [estimate.value / 1000 for estimate in found]
        drawn = axis.bar(places, heights, 0.34, color=colour, label=label)
        spans = np.array([[e.value - e.low, e.high - e.value] for e in found]).T / 1000
        axis.errorbar(places, heights, spans, fmt="none", ecolor=INK, elinewidth=1.5)
        axis.bar_label(drawn, [f"{height:,.0f}" for height in heights], label_type="center", color="white", fontsize=16)
    axis.set_xticks(range(len(rows)), list(rows))
    axis.set_ylabel("mean absolute error, $1000")
    axis.tick_params(length=0)
    axis.legend(frameon=False, ncols=2, loc="upper left")
    return figure


@_svg
def coverages(rows: Sequence[tuple[str, Estimate, str]], target: float) -> Figure:
    """Draw the share of sale prices inside the range, by label: a dot with its 95 % interval, and its colour."""
    figure, axis = _canvas(11.5, 4.6)
    for place, (_, found, colour) in enumerate(reversed(rows)):
        axis.plot([found.low, found.high], [place, place], color=colour, lw=5, solid_capstyle="round", alpha=0.5)
        axis.plot(found.value, place, "o", color=colour, ms=13)
        axis.text(1.01, place, f"{found.value:.1f}", va="center", transform=axis.get_yaxis_transform())
    axis.axvline(target, color=INK, lw=1.2, ls="--")
    axis.set_yticks(range(len(rows)), [label for label, _, _ in reversed(rows)])
    axis.set(xlabel="sale prices inside the range, %", ylim=(-0.6, len(rows) - 0.4))
    axis.spines["left"].set_visible(False)
    axis.tick_params(length=0)
    return figure


@_svg
def months(series: Mapping[str, Mapping[str, float]], order: Sequence[str]) -> Figure:
    """Draw the median signed error of each month, in percent, by how the model is kept up to date."""
    figure, axis = _canvas(11.5, 4.7)
    for (label, found), colour in zip(series.items(), (LEFT_ALONE, REQUIRED, IMPROVED), strict=True):
        axis.plot([order.index(month) for month in found], list(found.values()), "o-", color=colour, lw=3, label=label)
    axis.axhline(0, color=INK, lw=1)
    shown = sorted({order.index(month) for found in series.values() for month in found})
    axis.set_xticks(shown, [order[place] for place in shown], fontsize=15)
    axis.set_ylabel("median error, %\n(below 0: valued too low)")
    axis.legend(frameon=False, loc="lower left", fontsize=16)
    return figure


def _bare(axis: Axes) -> None:
    """Leave out the scale: each length is written beside its bar."""
    axis.xaxis.set_visible(False)
    axis.spines["bottom"].set_visible(False)
    axis.tick_params(length=0)
