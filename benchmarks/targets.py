"""What the project set itself, held against a run; and why some of it is out of reach."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from benchmarks.bare import NAME as BARE
from benchmarks.results import REFERENCE, SERVICE, Results, Spread

GRPC = f"{SERVICE}, gRPC"
SINGLE = f"{SERVICE}, single, JSON"
FLOOR = "floor, 18 inputs, JSON"
FASTAPI_ONNX = "FastAPI + onnxruntime, JSON"
BEHIND_ALL = ("LitServe", "BentoML", "Ray Serve")
STEPS = {"server": "server", "preprocessing": "floor_named_first", "price_model": "floor_named_second"}
"""The parts of this service, and the parts of the floor that stand for them."""


@dataclass(frozen=True)
class Target:
    """A target, and by how much this service is ahead in it: 1 is level, more is better."""

    text: str
    wanted: float
    ahead: Spread | None

    @property
    def met(self) -> bool | None:
        """Tell whether the median meets the target; None when it was not measured."""
        return None if self.ahead is None else self.ahead.median >= self.wanted


def targets(results: Results) -> Iterator[Target]:
    """Yield every target, measured or not."""
    for load in ("1x8", "1x32"):
        yield from _peer_targets(results, load)
    yield from _single_targets(results)
    for load in ("1x1", "1x8", "1x32"):
        text = f"no-op floor with 18 inputs, requests/s at {load.split('x')[1]}"
        yield Target(text, 1 / 1.15, _ahead(results, FLOOR, load, "requests_per_s"))
    yield from _onnxruntime_targets(results)
    bare = next((row for row in reversed(results.rows()) if row.startswith(BARE)), BARE)
    text = f"{bare}, homes/s in batches of 1,024, gRPC here"
    yield Target(text, 0.7, _ahead(results, bare, "1024x4", "homes_per_s", GRPC))


def _peer_targets(results: Results, load: str) -> Iterator[Target]:
    callers = load.split("x")[1]
    for peer, wanted in (("FastAPI + sklearn", 10), ("MLServer + sklearn", 5), ("MLServer + onnxruntime", 5)):
        ahead = _ahead(results, f"{peer}, JSON", load, "requests_per_s")
        yield Target(f"{peer}, requests/s at {callers}", wanted, ahead)
    for peer in BEHIND_ALL:
        for metric, name in (("requests_per_s", "requests/s"), ("p50_ms", "p50"), ("p99_ms", "p99")):
            yield Target(f"{peer}, {name} at {callers}", 1, _ahead(results, f"{peer}, JSON", load, metric))


def _single_targets(results: Results) -> Iterator[Target]:
    for load, wanted in (("1x8", 1.2), ("1x32", 1.55)):
        text = f"the same home as tensors, requests/s at {load.split('x')[1]}, single here"
        yield Target(text, wanted, _ahead(results, REFERENCE, load, "requests_per_s", SINGLE))
    for load, wanted in (("1x1", 0.37), ("1x8", 0.5), ("1x32", 0.9)):
        text = f"FastAPI + onnxruntime, requests/s at {load.split('x')[1]}, single here"
        yield Target(text, wanted, _ahead(results, FASTAPI_ONNX, load, "requests_per_s", SINGLE))
    text = "FastAPI + onnxruntime, p99 at 32, single here"
    yield Target(text, 1, _ahead(results, FASTAPI_ONNX, "1x32", "p99_ms", SINGLE))


def _onnxruntime_targets(results: Results) -> Iterator[Target]:
    for interface in ("JSON", "KServe HTTP", "gRPC", "packed, JSON", "packed, gRPC"):
        text = f"FastAPI + onnxruntime, requests/s at 32, {interface} here"
        yield Target(text, 1, _ahead(results, FASTAPI_ONNX, "1x32", "requests_per_s", f"{SERVICE}, {interface}"))
    for load in ("64x4", "1024x4"):
        for interface in ("JSON", "gRPC", "packed, gRPC"):
            for metric, name in (("homes_per_s", "homes/s"), ("cpu_s_per_1000_homes", "CPU a home")):
                text = f"FastAPI + onnxruntime, {name} in batches of {load.split('x')[0]}, {interface} here"
                yield Target(text, 3, _ahead(results, FASTAPI_ONNX, load, metric, f"{SERVICE}, {interface}"))


def _ahead(results: Results, other: str, load: str, metric: str, mine: str = REFERENCE) -> Spread | None:
    """Return by how much a row of this service is ahead of another: more requests and homes a second, less else."""
    row, to = (mine, other) if metric.endswith("_per_s") else (other, mine)
    return results.ratio(row, load, metric, to=to)


def limits(results: Results) -> list[str]:
    """Return what everybody pays for, and what each step adds to the floor; empty where neither was measured."""
    return [*_batches(results), *_floor(results)]


def _batches(results: Results) -> Iterator[str]:
    def cpu(row: str, load: str) -> float | None:
        found = results.value(row, load, "cpu_s_per_1000_homes")
        return found.median * 1000 if found else None

    for load in ("64x4", "1024x4"):
        trees, mine, theirs = (cpu(row, load) for row in (f"{BARE}, 1 thread", GRPC, FASTAPI_ONNX))
        if trees and mine and theirs:
            yield (
                f"Batches of {int(load.split('x')[0]):,}: everybody values with the same trees, which take "
                f"{trees:.0f} µs of processor time a home by themselves. This service takes {mine:.0f} over gRPC, "
                f"FastAPI + onnxruntime {theirs:.0f}. A server that added nothing to the trees would be "
                f"{theirs / trees:.1f} times ahead."
            )


def _floor(results: Results) -> Iterator[str]:
    for load in ("1x1", "1x8", "1x32"):
        more = {}
        for part, stand_in in STEPS.items():
            mine, floor = results.part(REFERENCE, load, part), results.part(FLOOR, load, stand_in)
            if mine is None or floor is None:
                break
            more[part] = (mine.median, floor.median)
        else:
            total, least = (sum(values) for values in zip(*more.values(), strict=True))
            added = ", ".join(f"{mine - floor:+.0f} {part}" for part, (mine, floor) in more.items())
            yield (
                f"The floor, {load.split('x')[1]} at once: a request takes {total:.0f} µs of processor time, the "
                f"floor's {least:.0f} ({added})."
            )
