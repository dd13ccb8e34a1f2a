"""This service and the floors under it: the embedded server as it is shipped, asked in three ways."""

from __future__ import annotations

import json
import threading
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import tritonclient.grpc as grpc_client
import tritonclient.http as http_client
import urllib3

from benchmarks import BUILD, perf_analyzer
from benchmarks.contender import Interface, StartFailed
from benchmarks.load import Load, LoadResult
from benchmarks.payloads import (
    Columns,
    ValuedHomes,
    packed_inference_json,
    packed_json,
    plain_json,
    prices_of_open_inference,
    prices_of_plain_json,
    write_tensors,
)
from benchmarks.plain_http import json_interface
from preprocessing.columns import ZIPCODE
from serving.embedded import EmbeddedServer

SINGLES, BATCHED = 1_024, 256
"""Homes that perf_analyzer rotates over. It prepares a whole request from each home on, so batches use fewer.

With 64 the trees of a batch of 1,024 would be a seventh faster: the same homes take the same paths again.
"""


class AskedEnsemble:
    """An ensemble on a Triton server, the homes that it is asked about, and the ways to ask."""

    def __init__(
        self,
        name: str,
        homes: ValuedHomes,
        *,
        packed: bool = False,
        single: bool = False,
        protocols: Sequence[perf_analyzer.Protocol] = (),
    ) -> None:
        self.name = name
        self._homes, self._packed, self._single, self._protocols = homes, packed, single, protocols
        kind = "packed" if packed else "named"
        self._inputs = {
            count: write_tensors(homes, packed, count, BUILD / "bodies" / f"{count}-{kind}.json")
            for count in (SINGLES, BATCHED)
        }

    def interfaces(self, http_address: str, grpc_address: str) -> list[Interface]:
        """Return plain JSON, and those of KServe's protocols that were asked for, of the server at ``host:port``."""
        kserve = (self._kserve(protocol, http_address, grpc_address) for protocol in self._protocols)
        return [self._plain(http_address), *kserve]

    def target(self, protocol: perf_analyzer.Protocol, address: str, homes: int) -> perf_analyzer.Target:
        """Return where perf_analyzer finds it, for so many homes a request."""
        return perf_analyzer.Target(address, protocol, self.name, self._inputs[SINGLES if homes == 1 else BATCHED])

    def _plain(self, address: str) -> Interface:
        url = f"http://{address}/v2/models/{self.name}"
        one = json_interface(
            "JSON", f"{url}/generate", self._homes, packed_json if self._packed else plain_json, prices_of_plain_json
        )
        if self._single:
            return replace(one, most_homes=1)
        if not self._packed:
            return one
        # /generate takes no more than one row of a wide input.
        many = json_interface("JSON", f"{url}/infer", self._homes, packed_inference_json, prices_of_open_inference)

        def ask(some: Columns) -> list[float]:
            return (one if len(some[ZIPCODE]) == 1 else many).ask(some)

        def drive(load: Load, seconds: float) -> LoadResult:
            return (one if load.homes == 1 else many).drive(load, seconds)

        return Interface("JSON", ask, drive)

    def _kserve(self, protocol: perf_analyzer.Protocol, http_address: str, grpc_address: str) -> Interface:
        address = http_address if protocol == "http" else grpc_address
        module: Any = http_client if protocol == "http" else grpc_client
        clients = threading.local()  # the HTTP one must not be shared by threads

        def ask(some: Columns) -> list[float]:
            if not hasattr(clients, "own"):
                clients.own = module.InferenceServerClient(address)
            answer = clients.own.infer(self.name, _tensors(module, some, self._packed))
            return [float(price) for price in answer.as_numpy("price")[:, 0]]

        def drive(load: Load, seconds: float) -> LoadResult:
            before = self._homes_valued(http_address)
            found = perf_analyzer.drive(self.target(protocol, address, load.homes), load, seconds)
            # The generator does not report its warm-up; the server counts every home.
            homes = self._homes_valued(http_address) - before
            return LoadResult(found.p50_ms, found.p99_ms, found.requests_per_s, homes, 0)

        return Interface("KServe HTTP" if protocol == "http" else "gRPC", ask, drive)

    def _homes_valued(self, http_address: str) -> int:
        found = json.loads(urllib3.request("GET", f"http://{http_address}/v2/models/{self.name}/stats").data)
        return sum(int(model["inference_count"]) for model in found["model_stats"])


class TritonServer:
    """An embedded server on a repository of its own, and the ensemble that is asked."""

    def __init__(
        self, name: str, about: str, repository: Path, ensemble: AskedEnsemble, *, priced: bool = True
    ) -> None:
        self.name, self.about, self.priced = name, about, priced
        self.repository, self.ensemble = repository, ensemble
        self._server: EmbeddedServer | None = None

    @property
    def server(self) -> EmbeddedServer:
        """Return the server that runs. Raises StartFailed when none does."""
        if self._server is None:
            raise StartFailed(f"{self.name} was not started")
        return self._server

    @property
    def pid(self) -> int:
        """Return the root of its process tree. Raises StartFailed when it was not started."""
        if self.server.pid is None:
            raise StartFailed(f"{self.name} was not started")
        return self.server.pid

    def start(self) -> None:
        """Start it on free ports and return at once."""
        log = BUILD / "logs" / f"{self.repository.name}.log"
        self._server = EmbeddedServer(self.repository, log_path=log)
        self._server.start()

    def check_alive(self) -> None:
        """Raise StartFailed when the server has ended."""
        if not self.server.is_alive:
            raise StartFailed(str(self.server.failure("Triton ended while starting")))

    def stop(self) -> None:
        """End it and remove what it left."""
        if self._server is not None:
            self._server.stop()
        self._server = None

    def interfaces(self) -> list[Interface]:
        """Return the ways to ask its ensemble, plain JSON first."""
        return self.ensemble.interfaces(self.server.http_address, self.server.grpc_address)


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
