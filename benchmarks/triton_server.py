"""This service and the floors under it: the embedded server as it is shipped, asked in three ways."""

from __future__ import annotations

import json
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import tritonclient.grpc as grpc_client
import tritonclient.http as http_client
import urllib3

from benchmarks import perf_analyzer
from benchmarks.contender import Interface, StartFailed
from benchmarks.load import Driven, Load
from benchmarks.places import BUILD
from benchmarks.plain_http import json_interface
from benchmarks.requests import (
    Columns,
    ValuedHomes,
    plain_json,
    prices_of_open_inference,
    prices_of_plain_json,
    write_tensors,
)
from preprocessing.columns import ZIPCODE
from serving.embedded import EmbeddedServer

SINGLES, BATCHED = 1_024, 256
"""Homes that perf_analyzer rotates over: it prepares a whole request from each on, so fewer must do for batches.

With 64 the trees of a batch of 1,024 would be a seventh faster: the same homes take the same paths again.
"""


class TritonServer:
    """An ensemble in a repository on the embedded server."""

    def __init__(
        self,
        name: str,
        about: str,
        repository: Path,
        ensemble: str,
        homes: ValuedHomes,
        *,
        priced: bool = True,
        packed: bool = False,
        protocols: Sequence[perf_analyzer.Protocol] = (),
    ) -> None:
        self.name, self.about, self.priced = name, about, priced
        self.repository, self.ensemble, self.packed = repository, ensemble, packed
        self._homes, self._protocols = homes, protocols
        kind = "packed" if packed else "named"
        self._inputs = {
            count: write_tensors(homes, packed, count, BUILD / "bodies" / f"{count}-{kind}.json")
            for count in (SINGLES, BATCHED)
        }
        self._server: EmbeddedServer | None = None

    @property
    def server(self) -> EmbeddedServer:
        """The one that runs. Raises StartFailed when none does."""
        if self._server is None:
            raise StartFailed(f"{self.name} was not started")
        return self._server

    @property
    def pid(self) -> int:
        """The root of its process tree."""
        if self.server.pid is None:
            raise StartFailed(f"{self.name} was not started")
        return self.server.pid

    def start(self) -> None:
        """Start it on free ports and return at once."""
        log = BUILD / "logs" / f"{self.repository.name}.log"
        self._server = EmbeddedServer(self.repository, log_path=log)
        self._server.start()

    def check_alive(self) -> None:
        """Raises StartFailed when the server has ended."""
        if not self.server.is_alive:
            raise StartFailed(str(self.server.failure("Triton ended while starting")))

    def stop(self) -> None:
        """End it and remove what it left."""
        if self._server is not None:
            self._server.stop()
        self._server = None

    def interfaces(self) -> list[Interface]:
        """Plain JSON, and those of KServe's protocols that were asked for."""
        return [self._plain(), *(self._kserve(protocol) for protocol in self._protocols)]

    def target(self, protocol: perf_analyzer.Protocol, homes: int) -> perf_analyzer.Target:
        """Where perf_analyzer finds it, for so many homes a request. Call it while the server runs."""
        address = self.server.http_address if protocol == "http" else self.server.grpc_address
        return perf_analyzer.Target(address, protocol, self.ensemble, self._inputs[SINGLES if homes == 1 else BATCHED])

    def _plain(self) -> Interface:
        url = f"http://{self.server.http_address}/v2/models/{self.ensemble}"
        one = json_interface(
            "JSON", f"{url}/generate", self._homes, packed_json if self.packed else plain_json, prices_of_plain_json
        )
        if not self.packed:
            return one
        # /generate takes no more than one row of a wide input.
        many = json_interface("JSON", f"{url}/infer", self._homes, packed_inference_json, prices_of_open_inference)

        def ask(some: Columns) -> list[float]:
            return (one if len(some[ZIPCODE]) == 1 else many).ask(some)

        def drive(load: Load, seconds: float) -> Driven:
            return (one if load.homes == 1 else many).drive(load, seconds)

        return Interface("JSON", ask, drive)

    def _kserve(self, protocol: perf_analyzer.Protocol) -> Interface:
        address = self.target(protocol, 1).address
        module: Any = http_client if protocol == "http" else grpc_client
        clients = threading.local()  # the HTTP one must not be shared by threads

        def ask(some: Columns) -> list[float]:
            if not hasattr(clients, "own"):
                clients.own = module.InferenceServerClient(address)
            answer = clients.own.infer(self.ensemble, _tensors(module, some, self.packed))
            return [float(price) for price in answer.as_numpy("price")[:, 0]]

        def drive(load: Load, seconds: float) -> Driven:
            before = self._homes_valued()
            driven = perf_analyzer.drive(self.target(protocol, load.homes), load, seconds)
            # The generator warms up unseen; the server knows what it has done.
            return Driven(driven.p50_ms, driven.p99_ms, driven.requests_per_s, self._homes_valued() - before, 0)

        return Interface("KServe HTTP" if protocol == "http" else "gRPC", ask, drive)

    def _homes_valued(self) -> int:
        url = f"http://{self.server.http_address}/v2/models/{self.ensemble}/stats"
        found = json.loads(urllib3.request("GET", url).data)
        return sum(int(model["inference_count"]) for model in found["model_stats"])


def packed_json(homes: Columns) -> bytes:
    """One home as one input [18]."""
    return json.dumps({"homes": [values[0] for values in homes.values()]}).encode()


def packed_inference_json(homes: Columns) -> bytes:
    """All homes as one input [N,18], in the Open Inference Protocol's JSON."""
    rows = list(zip(*homes.values(), strict=True))
    values = [value for row in rows for value in row]
    tensor = {"name": "homes", "shape": [len(rows), len(homes)], "datatype": "FP32", "data": values}
    return json.dumps({"inputs": [tensor]}).encode()


def _tensors(module: Any, homes: Columns, packed: bool) -> list[Any]:
    arrays: dict[str, tuple[str, npt.NDArray[Any]]]
    if packed:
        arrays = {"homes": ("FP32", np.array(list(homes.values()), dtype=np.float32).T)}
    else:
        arrays = {
            name: (kind, np.array(values, dtype=np.int64 if kind == "INT64" else np.float32)[:, None])
            for name, values in homes.items()
            for kind in ["INT64" if name == ZIPCODE else "FP32"]
        }
    inputs = []
    for name, (kind, array) in arrays.items():
        tensor = module.InferInput(name, list(array.shape), kind)
        tensor.set_data_from_numpy(np.ascontiguousarray(array))
        inputs.append(tensor)
    return inputs
