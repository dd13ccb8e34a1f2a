"""Why some targets are out of reach: what everybody pays for, and what each step adds to the floor."""

from __future__ import annotations

from collections.abc import Iterator

from benchmarks.bare import NAME as BARE
from benchmarks.results import Results
from benchmarks.targets import FASTAPI_ONNX, FLOOR, GRPC, JSON

BARE_ROW = f"{BARE}, 1 thread"
STEPS = {"server": "server", "preprocessing": "floor_named_first", "price_model": "floor_named_second"}
"""The parts of this service, and the parts of the floor that stand for them."""


def limits(results: Results | None) -> str:
    """As a list in Markdown; empty where the run did not measure what it takes."""
    return "\n".join([] if results is None else [*_batches(results), *_floor(results)])


def _batches(results: Results) -> Iterator[str]:
    def cpu(row: str, load: str) -> float | None:
        found = results.value(row, load, "cpu_s_per_1000_homes")
        return found.median * 1000 if found else None

    for load in ("64x4", "1024x4"):
        trees, mine, theirs = (cpu(row, load) for row in (BARE_ROW, GRPC, FASTAPI_ONNX))
        if trees and mine and theirs:
            yield (
                f"- Batches of {int(load.split('x')[0]):,}: everybody values with the same trees, which take "
                f"{trees:.0f} µs of processor time a home by themselves. This service takes {mine:.0f} over gRPC, "
                f"FastAPI + onnxruntime {theirs:.0f}. One that added nothing to the trees would be "
                f"{theirs / trees:.1f} times ahead."
            )


def _floor(results: Results) -> Iterator[str]:
    for load in ("1x1", "1x8", "1x32"):
        more = {}
        for part, stand_in in STEPS.items():
            mine, floor = results.part(JSON, load, part), results.part(FLOOR, load, stand_in)
            if mine is None or floor is None:
                return
            more[part] = (mine.median, floor.median)
        total, least = (sum(values) for values in zip(*more.values(), strict=True))
        added = ", ".join(f"{mine - floor:+.0f} {part}" for part, (mine, floor) in more.items())
        yield (
            f"- The floor, {load.split('x')[1]} at once: a request takes {total:.0f} µs of processor time, the floor's "
            f"{least:.0f} ({added})."
        )
