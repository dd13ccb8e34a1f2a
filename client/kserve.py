"""The KServe v2 protocols, HTTP and gRPC, through NVIDIA's own client."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPException
from typing import Any

import tritonclient.grpc
import tritonclient.http
from tritonclient.utils import InferenceServerException, np_to_triton_dtype

from .errors import ServiceBroken, ServiceFailed, ServiceTimedOut, ServiceUnreachable, error_of_status
from .transports import Columns


class HttpTransport:
    """Tensors in binary over HTTP. Not to be shared by threads, since gevent drives it."""

    def __init__(self, address: str, timeout: float) -> None:
        self._address, self._timeout = address, timeout
        self._client = tritonclient.http.InferenceServerClient(
            address, connection_timeout=timeout, network_timeout=timeout
        )

    def config(self, model: str) -> dict[str, Any]:
        with self._explained(model):
            config: dict[str, Any] = self._client.get_model_config(model)
            return config

    def infer(self, model: str, columns: Columns) -> dict[str, list[Any]]:
        with self._explained(model):
            result = self._client.infer(model, _inputs(tritonclient.http.InferInput, columns))
        return {output["name"]: _values(result, output["name"]) for output in result.get_response()["outputs"]}

    def close(self) -> None:
        self._client.close()

    @contextmanager
    def _explained(self, model: str) -> Iterator[None]:
        try:
            yield
        except InferenceServerException as error:
            if not str(error.status()).isdecimal():  # no status: the answer never came
                raise ServiceTimedOut(self._address, self._timeout) from error
            raise error_of_status(int(error.status()), error.message(), self._address, model) from error
        except TimeoutError as error:
            raise ServiceTimedOut(self._address, self._timeout) from error
        except (ConnectionRefusedError, socket.gaierror) as error:
            raise ServiceUnreachable(self._address) from error
        except (OSError, HTTPException) as error:
            raise ServiceBroken(self._address, "HTTP") from error


class GrpcTransport:
    """Tensors over gRPC."""

    def __init__(self, address: str, timeout: float) -> None:
        self._address, self._timeout = address, timeout
        self._client = tritonclient.grpc.InferenceServerClient(address)

    def config(self, model: str) -> dict[str, Any]:
        with self._explained(model):
            reply = self._client.get_model_config(model, as_json=True, client_timeout=self._timeout)
        config: dict[str, Any] = reply["config"]
        return config

    def infer(self, model: str, columns: Columns) -> dict[str, list[Any]]:
        inputs = _inputs(tritonclient.grpc.InferInput, columns)
        with self._explained(model):
            result = self._client.infer(model, inputs, client_timeout=self._timeout)
        return {output.name: _values(result, output.name) for output in result.get_response().outputs}

    def close(self) -> None:
        self._client.close()

    @contextmanager
    def _explained(self, model: str) -> Iterator[None]:
        try:
            yield
        except InferenceServerException as error:
            status = str(error.status()).removeprefix("StatusCode.")
            if status == "UNAVAILABLE":
                # gRPC does not tell a closed port from one that speaks something else.
                raise ServiceUnreachable(self._address, "no gRPC service") from error
            if status == "DEADLINE_EXCEEDED":
                raise ServiceTimedOut(self._address, self._timeout) from error
            http_status = {"INVALID_ARGUMENT": 400, "NOT_FOUND": 404}.get(status)
            if http_status is None:
                raise ServiceFailed(
                    f"the service at {self._address} failed with {status}: {error.message()}"
                ) from error
            raise error_of_status(http_status, error.message(), self._address, model) from error


def _inputs(kind: type, columns: Columns) -> list[Any]:
    inputs = []
    for name, values in columns.items():
        tensor = kind(name, (len(values), 1), np_to_triton_dtype(values.dtype))
        tensor.set_data_from_numpy(values.reshape(-1, 1))
        inputs.append(tensor)
    return inputs


def _values(result: Any, name: str) -> list[Any]:
    values = result.as_numpy(name).reshape(-1).tolist()
    return [value.decode() if isinstance(value, bytes) else value for value in values]
