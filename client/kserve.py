"""The KServe v2 protocols, HTTP and gRPC, with the tensors as NVIDIA's own client packs them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from uuid import uuid4

import numpy.typing as npt
import tritonclient.grpc
import tritonclient.http
from tritonclient.utils import InferenceServerException, np_to_triton_dtype

from .errors import ServiceBroken, ServiceTimedOut, ServiceUnreachable, ServiceUntrusted, error_of_status
from .http_connection import Access, HttpConnection

_LENGTH = "Inference-Header-Content-Length"
_STATUS = {
    "INVALID_ARGUMENT": 400,
    "UNAUTHENTICATED": 401,
    "PERMISSION_DENIED": 403,
    "NOT_FOUND": 404,
    "RESOURCE_EXHAUSTED": 429,
}
# A gateway that knows no gRPC errors answers with a status of HTTP, and gRPC hides the other headers.
_BUSY_S = "2"
"""Seconds to wait before asking again; gRPC hides Retry-After."""
_ID = "x-request-id"
_GATEWAY_STATUS = re.compile(r"http2 header with status: (\d{3})")
_CHANNEL = [
    ("grpc.max_send_message_length", -1),
    ("grpc.max_receive_message_length", -1),
    # By default a channel waits longer and longer, up to two minutes, before it tries to connect again.
    ("grpc.max_reconnect_backoff_ms", 1_000),
]


class HttpTransport:
    """Sends tensors in binary over HTTP."""

    def __init__(self, address: str, timeout: float, access: Access) -> None:
        self._address = address
        self._connection = HttpConnection(address, timeout, access)
        self.config = self._connection.config
        self.close = self._connection.close

    def infer(self, model: str, columns: Mapping[str, npt.NDArray[Any]]) -> dict[str, list[Any]]:
        """Return the model's outputs for N homes, N values each."""
        inputs = _inputs(tritonclient.http.InferInput, columns)
        body, length = tritonclient.http.InferenceServerClient.generate_request_body(inputs)
        response = self._connection.ask("POST", model, "infer", body, {_LENGTH: str(length)})
        try:
            result = tritonclient.http.InferenceServerClient.parse_response_body(
                response.data, header_length=int(response.headers[_LENGTH])
            )
            return {output["name"]: _values(result, output["name"]) for output in result.get_response()["outputs"]}
        except (KeyError, TypeError, ValueError, AttributeError, InferenceServerException) as error:
            raise ServiceBroken(self._address, "HTTP") from error


class GrpcTransport:
    """Sends tensors over gRPC."""

    def __init__(self, address: str, timeout: float, access: Access) -> None:
        self._address, self._timeout, self._headers = address, timeout, access.headers
        self._client = tritonclient.grpc.InferenceServerClient(
            address,
            ssl=access.tls,
            root_certificates=str(access.ca) if access.ca else None,
            channel_args=_CHANNEL,
        )

    def config(self, model: str) -> dict[str, Any]:
        """Return the model's configuration."""
        with self._explained(model) as headers:
            reply = self._client.get_model_config(model, headers=headers, as_json=True, client_timeout=self._timeout)
        config: dict[str, Any] = reply["config"]
        return config

    def infer(self, model: str, columns: Mapping[str, npt.NDArray[Any]]) -> dict[str, list[Any]]:
        """Return the model's outputs for N homes, N values each."""
        inputs = _inputs(tritonclient.grpc.InferInput, columns)
        with self._explained(model) as headers:
            result = self._client.infer(model, inputs, headers=headers, client_timeout=self._timeout)
        return {output.name: _values(result, output.name) for output in result.get_response().outputs}

    def close(self) -> None:
        """Give the connection back."""
        self._client.close()

    @contextmanager
    def _explained(self, model: str) -> Iterator[dict[str, str]]:
        """Yield headers for one request, with an id for a gateway's log, and raise its failure as a ClientError."""
        sent = {**self._headers, _ID: str(uuid4())}
        try:
            yield sent
        except InferenceServerException as error:
            code, message = str(error.status()).removeprefix("StatusCode."), str(error.message())
            if code == "DEADLINE_EXCEEDED":
                raise ServiceTimedOut(self._address, self._timeout) from error
            if "CERTIFICATE_VERIFY_FAILED" in message:
                raise ServiceUntrusted(self._address, "its certificate is not trusted") from error
            received = _metadata(error)
            if said := _GATEWAY_STATUS.search(message):
                status, received = int(said[1]), {_ID: sent[_ID], "retry-after": _BUSY_S}
            elif code == "UNAVAILABLE":
                # gRPC does not tell a closed port from one that speaks another protocol.
                raise ServiceUnreachable(self._address, "no gRPC service") from error
            else:
                status = _STATUS.get(code, 500)
                message = message if code in _STATUS else f"{code}: {message}"
            raise error_of_status(status, message, self._address, model, received) from error


def _metadata(error: InferenceServerException) -> dict[str, str]:
    """Return the headers of the answer that became this error; gRPC's own error, which tritonclient hides, has them."""
    call: Any = error.__context__
    if not hasattr(call, "trailing_metadata"):
        return {}
    pairs = [*(call.initial_metadata() or ()), *(call.trailing_metadata() or ())]
    return {name: value for name, value in pairs if isinstance(value, str)}


def _inputs(kind: type, columns: Mapping[str, npt.NDArray[Any]]) -> list[Any]:
    inputs = []
    for name, values in columns.items():
        tensor = kind(name, (len(values), 1), np_to_triton_dtype(values.dtype))
        tensor.set_data_from_numpy(values.reshape(-1, 1))
        inputs.append(tensor)
    return inputs


def _values(result: Any, name: str) -> list[Any]:
    values = result.as_numpy(name).reshape(-1).tolist()
    return [value.decode() if isinstance(value, bytes) else value for value in values]
