"""One question over any of the three protocols, as a caller without this project's client would ask it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import tritonclient.grpc as grpc_client
import tritonclient.http as http_client
import urllib3
from tritonclient.utils import InferenceServerException

from preprocessing.columns import HOME_COLUMN_NAMES, POSITION

PROTOCOLS = ("generate", "http", "grpc")
SINGLE = "single"
"""Plain JSON, too, but of one home and to the ensemble for one."""
OUTPUTS = ("price", "price_low", "price_high", "price_model")

Columns = Mapping[str, Sequence[float]]


@dataclass(frozen=True)
class Answer:
    """Hold columns of outputs by name, or the reason for a 400.

    Names have lost the blanks that the embedded server on Python 3.13 adds.
    """

    outputs: dict[str, list[Any]]
    refusal: str = ""


class Asker:
    """Ask in any protocol; keep the connections."""

    def __init__(self, http: str, grpc: str) -> None:
        self._http_address = http
        self._pool = urllib3.PoolManager(timeout=60, retries=False)
        self._http = http_client.InferenceServerClient(http)
        self._grpc = grpc_client.InferenceServerClient(grpc)

    def close(self) -> None:
        self._pool.clear()
        self._http.close()
        self._grpc.close()

    def ask(
        self,
        protocol: str,
        model: str,
        columns: Columns,
        version: str = "",
        parameters: dict[str, Any] | None = None,
    ) -> Answer:
        """Value homes given as columns. Fail unless the service answers, or refuses with a 400.

        ``parameters`` are those of KServe's requests.
        """
        if protocol == SINGLE:
            assert {len(values) for values in columns.values()} == {1}
            return self.generate(
                "house_price_single", json.dumps({name: values[0] for name, values in columns.items()})
            )
        if protocol == "generate":
            body = {name: values[0] if len(values) == 1 else values for name, values in columns.items()}
            return self.generate(model, json.dumps(body))
        module, client = (http_client, self._http) if protocol == "http" else (grpc_client, self._grpc)
        inputs = [_tensor(module, name, values) for name, values in columns.items()]
        try:
            result = client.infer(model, inputs, model_version=version, parameters=parameters)
        except InferenceServerException as error:
            assert error.status() in ("400", "StatusCode.INVALID_ARGUMENT"), str(error)
            return Answer({}, error.message())
        outputs = {name: result.as_numpy(name) for name in OUTPUTS}
        assert all(array.shape == (len(next(iter(columns.values()))), 1) for array in outputs.values())
        lists = {name: array[:, 0].tolist() for name, array in outputs.items()}
        return Answer({**lists, "price_model": [name.decode().rstrip() for name in lists["price_model"]]})

    def generate(self, model: str, body: str | bytes) -> Answer:
        """Post plain JSON as it stands."""
        url = f"http://{self._http_address}/v2/models/{model}/generate"
        reply = self._pool.request("POST", url, body=body, headers={"Content-Type": "application/json"})
        answer = json.loads(reply.data)
        if reply.status == 400:
            return Answer({}, answer["error"])
        assert reply.status == 200, (reply.status, reply.data)
        lists = {name: np.atleast_1d(answer[name]).tolist() for name in OUTPUTS}
        return Answer({**lists, "price_model": [name.rstrip() for name in lists["price_model"]]})


def _tensor(module: Any, name: str, values: Sequence[float]) -> Any:
    datatype, dtype = ("INT64", np.int64) if name == "zipcode" else ("FP32", np.float32)
    tensor = module.InferInput(name, [len(values), 1], datatype)
    tensor.set_data_from_numpy(np.asarray(values, dtype=dtype).reshape(-1, 1))
    return tensor


def columns_of(table: npt.NDArray[np.float32]) -> dict[str, list[float]]:
    """Return the given columns of features [N,44], as a caller sends them."""
    home = {name: table[:, POSITION[name]] for name in HOME_COLUMN_NAMES}
    return {
        name: [int(value) if name == "zipcode" else float(value) for value in values]
        for name, values in home.items()
        if not np.isnan(values).any()
    }
