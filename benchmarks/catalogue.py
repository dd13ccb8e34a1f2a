"""The peers: what they are, how they are set, how they are started."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from benchmarks.payloads import Columns, open_inference_json, plain_json, prices_of_open_inference, prices_of_plain_json

LOCAL = ("--host", "127.0.0.1", "--port", "{port}")


@dataclass(frozen=True)
class Peer:
    """A server that values the same homes; ``{port}`` in its command stands for a free port."""

    folder: str
    name: str
    settings: str
    command: tuple[str, ...]
    path: str = "/value"
    write: Callable[[Columns], bytes] = plain_json
    read: Callable[[bytes], list[float]] = prices_of_plain_json


def _uvicorn(folder: str) -> tuple[str, ...]:
    settings = ("--workers", "2", "--no-access-log", "--log-level", "warning")
    return ("-m", "uvicorn", f"benchmarks.peers.{folder}.server:app", *LOCAL, *settings)


def _module(folder: str) -> tuple[str, ...]:
    return ("-m", f"benchmarks.peers.{folder}.server")


PEERS = (
    Peer(
        "fastapi_sklearn",
        "FastAPI + sklearn",
        "2 uvicorn workers with uvloop and httptools; a pandas merge, then the fitted estimator; checks only that "
        "columns and demographics are there",
        _uvicorn("fastapi_sklearn"),
    ),
    Peer(
        "fastapi_onnx",
        "FastAPI + onnxruntime",
        "2 uvicorn workers with uvloop and httptools; msgspec in and out, one numpy conversion a request, the "
        "service's own checks and join, onnxruntime on one thread a worker",
        _uvicorn("fastapi_onnx"),
    ),
    Peer(
        "mlserver_sklearn",
        "MLServer + sklearn",
        "2 parallel workers, a pandas merge, then the fitted estimator; Open Inference Protocol JSON with the 18 "
        "columns as inputs, which is its own interface",
        _module("mlserver_sklearn"),
        "/v2/models/house_price/infer",
        open_inference_json,
        prices_of_open_inference,
    ),
    Peer(
        "mlserver",
        "MLServer + onnxruntime",
        "2 parallel workers, a custom runtime with onnxruntime on one thread and the service's own checks and join; "
        "Open Inference Protocol JSON with the 18 columns as inputs, which is its own interface",
        _module("mlserver"),
        "/v2/models/house_price/infer",
        open_inference_json,
        prices_of_open_inference,
    ),
    Peer(
        "litserve",
        "LitServe",
        "2 workers behind 2 API servers, no batching, onnxruntime on one thread, the service's own checks and join",
        _module("litserve"),
    ),
    Peer(
        "bentoml",
        "BentoML",
        "2 workers, asynchronous endpoint, onnxruntime on one thread, the service's own checks and join",
        ("-m", "bentoml", "serve", "benchmarks.peers.bentoml.server:HousePrice", *LOCAL),
    ),
    Peer(
        "ray_serve",
        "Ray Serve",
        "2 replicas, 64 requests in flight each, no dashboard, onnxruntime on one thread, the service's own checks "
        "and join",
        _module("ray_serve"),
    ),
)
