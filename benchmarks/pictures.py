"""The pictures of the pages."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import matplotlib

matplotlib.use("Agg")

from matplotlib import pyplot
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import StrMethodFormatter

from benchmarks.bare import NAME as BARE
from benchmarks.catalogue import PEERS
from benchmarks.growth.findings import Growth
from benchmarks.results import REFERENCE, SERVICE, Results
from benchmarks.targets import FLOOR

NUMBER = StrMethodFormatter("{x:,.10g}")
INK = ("#1b6ca8", "#d1495b", "#66a182")
OTHERS = "#b8bec4"


def draw(results: Results, growth: Growth, folder: Path) -> list[Path]:
    """Write all pictures into ``folder``; return their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    plots: dict[str, Callable[[Growth, Axes], None]] = {"batches": _batches, "offered": _offered, "soak": _soak}
    return [_peers(results, folder / "peers.png"), *(_grown(plots[name], growth, folder, name) for name in plots)]


def _grown(plot: Callable[[Growth, Axes], None], growth: Growth, folder: Path, name: str) -> Path:
    figure, axes = pyplot.subplots(figsize=(7, 3.6), layout="constrained")
    plot(growth, axes)
    axes.grid(alpha=0.3)
    return _save(figure, folder / f"{name}.png")


def _peers(results: Results, path: Path) -> Path:
    """Draw the medians as bars, with lines from the lowest to the highest round."""
    peers = [f"{peer.name}, JSON" for peer in PEERS]
    rows = [REFERENCE, f"{SERVICE}, single, JSON", f"{SERVICE}, packed, JSON", *peers]
    bare = [row for row in results.rows() if row.startswith(BARE)][-1:]
    figure, panels = pyplot.subplots(1, 2, figsize=(11, 3.6), layout="constrained")
    # The floor is no measure for batches: it values nothing, and would make all other bars short.
    for axes, load, metric, title, shown in (
        (panels[0], "1x32", "requests_per_s", "single homes, 32 at once: requests/s", [*rows, FLOOR]),
        (panels[1], "1024x4", "homes_per_s", "batches of 1,024, 4 at once: homes/s", [*rows, *bare]),
    ):
        found = [(row, value) for row in reversed(shown) if (value := results.value(row, load, metric))]
        middle = [value.median for _, value in found]
        reach = [[v.median - v.low for _, v in found], [v.high - v.median for _, v in found]]
        ink = [INK[0] if row.startswith(SERVICE) else OTHERS if row in peers else INK[2] for row, _ in found]
        names = [row.removesuffix(", JSON") for row, _ in found]
        axes.barh(names, middle, xerr=reach, color=ink, error_kw={"alpha": 0.5})
        axes.set_title(title, fontsize=10)
        axes.xaxis.set_major_formatter(NUMBER)
        axes.grid(axis="x", alpha=0.3)
    return _save(figure, path)


def _save(figure: Figure, path: Path) -> Path:
    for axes in figure.axes:
        axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, dpi=120, metadata={"Software": ""})
    pyplot.close(figure)
    return path


def _batches(growth: Growth, axes: Axes) -> None:
    for ink, interface in zip(INK, dict.fromkeys(batch.interface for batch in growth.batches), strict=False):
        mine = [batch for batch in growth.batches if batch.interface == interface]
        axes.plot([b.homes for b in mine], [b.homes_per_s for b in mine], "o-", color=ink, label=interface)
    axes.set(xscale="log", yscale="log", xlabel="homes at once", ylabel="homes/s")
    axes.set_xscale("log", base=2)
    axes.xaxis.set_major_formatter(NUMBER)
    axes.yaxis.set_major_formatter(NUMBER)
    axes.legend(frameon=False)


def _offered(growth: Growth, axes: Axes) -> None:
    rates = [one.offered_per_s for one in growth.offered]
    for ink, name, values in (
        (INK[0], "p50", [one.p50_ms for one in growth.offered]),
        (INK[1], "p99", [one.p99_ms for one in growth.offered]),
    ):
        axes.plot(rates, values, "o-", color=ink, label=name)
    axes.set(yscale="log", xlabel="requests/s offered", ylabel="ms")
    axes.yaxis.set_major_formatter(NUMBER)
    axes.yaxis.set_minor_formatter(NUMBER)
    axes.legend(frameon=False)


def _soak(growth: Growth, axes: Axes) -> None:
    minutes = [moment.minute for moment in growth.soak]
    axes.plot(minutes, [m.memory_mb for m in growth.soak], color=INK[0], label="memory (PSS)")
    axes.plot(minutes, [m.shared_memory_mb for m in growth.soak], color=INK[1], label="segments in /dev/shm")
    axes.set(xlabel="minutes", ylabel="MB", ylim=(0, None))
    axes.legend(frameon=False)
