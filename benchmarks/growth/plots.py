"""The four plots of the page."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import matplotlib

matplotlib.use("Agg")

from matplotlib import pyplot
from matplotlib.axes import Axes
from matplotlib.ticker import StrMethodFormatter

from benchmarks.growth.findings import Growth

NUMBER = StrMethodFormatter("{x:,.10g}")
INK = ("#1b6ca8", "#d1495b", "#66a182")


def draw(growth: Growth, folder: Path) -> list[Path]:
    """Write them into ``folder``; returns their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    plots: dict[str, Callable[[Growth, Axes], None]] = {
        "batches": _batches,
        "offered": _offered,
        "soak": _soak,
        "swaps": _swaps,
    }
    return [_save(plot, growth, folder / f"{name}.png") for name, plot in plots.items()]


def _save(plot: Callable[[Growth, Axes], None], growth: Growth, path: Path) -> Path:
    figure, axes = pyplot.subplots(figsize=(7, 3.6), layout="constrained")
    plot(growth, axes)
    axes.grid(alpha=0.3)
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


def _swaps(growth: Growth, axes: Axes) -> None:
    trees = [swap.trees for swap in growth.swaps]
    axes.plot(trees, [swap.publish_s for swap in growth.swaps], "o-", color=INK[0], label="check and publish")
    axes.plot(trees, [swap.swap_s for swap in growth.swaps], "o-", color=INK[1], label="until it answers")
    axes.set(xlabel="trees", ylabel="seconds", ylim=(0, None))
    axes.legend(frameon=False)
