"""What the project set itself, held against a run."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from benchmarks.bare import NAME as BARE
from benchmarks.results import SERVICE, Results, Spread

JSON = f"{SERVICE}, JSON"
GRPC = f"{SERVICE}, gRPC"
FLOOR = "floor, 18 inputs, JSON"
FASTAPI_ONNX = "FastAPI + onnxruntime, JSON"
BEHIND_ALL = ("LitServe, JSON", "BentoML, JSON", "Ray Serve, JSON")


@dataclass(frozen=True)
class Outcome:
    """A target, and by how much this service is ahead in it: 1 is level, more is better."""

    text: str
    wanted: float
    ahead: Spread | None

    @property
    def met(self) -> bool | None:
        """By the median; None when it was not measured."""
        return None if self.ahead is None else self.ahead.median >= self.wanted


def outcomes(results: Results) -> list[Outcome]:
    """Every target, measured or not."""
    return list(_outcomes(results))


def _outcomes(results: Results) -> Iterator[Outcome]:
    def ahead(other: str, load: str, metric: str, mine: str = JSON) -> Spread | None:
        # Of requests and homes a second more is better, of everything else less.
        pair = (mine, other) if metric.endswith("_per_s") else (other, mine)
        return results.ratio(pair[0], load, metric, to=pair[1])

    for load in ("1x8", "1x32"):
        at = f"requests/s at {load.split('x')[1]}"
        yield Outcome(f"FastAPI + sklearn, {at}", 10, ahead("FastAPI + sklearn, JSON", load, "requests_per_s"))
        for runtime in ("sklearn", "onnxruntime"):
            peer = f"MLServer + {runtime}"
            yield Outcome(f"{peer}, {at}", 5, ahead(f"{peer}, JSON", load, "requests_per_s"))
        for peer in BEHIND_ALL:
            for metric, name in (("requests_per_s", "requests/s"), ("p50_ms", "p50"), ("p99_ms", "p99")):
                text = f"{peer.removesuffix(', JSON')}, {name} at {load.split('x')[1]}"
                yield Outcome(text, 1, ahead(peer, load, metric))
    for load in ("1x1", "1x8", "1x32"):
        text = f"no-op floor with 18 inputs, requests/s at {load.split('x')[1]}"
        yield Outcome(text, 1 / 1.15, ahead(FLOOR, load, "requests_per_s"))
    for interface in ("JSON", "KServe HTTP", "gRPC", "packed, JSON", "packed, gRPC"):
        text = f"FastAPI + onnxruntime, requests/s at 32, {interface} here"
        yield Outcome(text, 1, ahead(FASTAPI_ONNX, "1x32", "requests_per_s", f"{SERVICE}, {interface}"))
    for load in ("64x4", "1024x4"):
        for interface in ("JSON", "gRPC", "packed, gRPC"):
            for metric, name in (("homes_per_s", "homes/s"), ("cpu_s_per_1000_homes", "CPU a home")):
                text = f"FastAPI + onnxruntime, {name} in batches of {load.split('x')[0]}, {interface} here"
                yield Outcome(text, 3, ahead(FASTAPI_ONNX, load, metric, f"{SERVICE}, {interface}"))
    bare = next((row for row in reversed(results.rows()) if row.startswith(BARE)), BARE)
    yield Outcome(f"{bare}, homes/s in batches of 1,024, gRPC here", 0.7, ahead(bare, "1024x4", "homes_per_s", GRPC))
