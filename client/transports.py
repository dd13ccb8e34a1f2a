"""How a request reaches the service: one class per protocol, all alike to the caller."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, Protocol
from urllib.parse import quote

import numpy.typing as npt
import urllib3

from .errors import ClientError, ServiceBroken, ServiceTimedOut, ServiceUnreachable, WrongAddress, error_of_status

Columns = Mapping[str, npt.NDArray[Any]]
"""One array [N] per input, of the input's own dtype."""


class Transport(Protocol):
    def config(self, model: str) -> dict[str, Any]:
        """The model's configuration, as the server reports it."""

    def infer(self, model: str, columns: Columns) -> dict[str, list[Any]]:
        """The model's outputs for N homes, N values each."""

    def close(self) -> None:
        """Give the connection back."""


def open_transport(url: str, protocol: str, timeout: float) -> Transport:
    """A connection, not yet used, to ``host:port``, that waits so many seconds for each answer."""
    address = _host_and_port(url)
    if protocol == "generate":
        return GenerateTransport(address, timeout)
    # Here, since gevent and gRPC take half a second to import.
    from .kserve import GrpcTransport, HttpTransport

    others: dict[str, Callable[[str, float], Transport]] = {"http": HttpTransport, "grpc": GrpcTransport}
    if protocol not in others:
        raise ClientError(f"there is no protocol '{protocol}': use generate, http or grpc")
    return others[protocol](address, timeout)


class GenerateTransport:
    """Plain JSON over HTTP: Triton's ``/generate``.

    urllib3 rather than the standard library's http.client: it keeps the connection alive, notices
    one that the server has closed meanwhile, and may be shared by threads.
    """

    def __init__(self, address: str, timeout: float) -> None:
        host, _, port = address.rpartition(":")
        self._address, self._timeout = address, timeout
        self._pool = urllib3.HTTPConnectionPool(host, int(port), timeout=timeout, retries=False)

    def config(self, model: str) -> dict[str, Any]:
        return self._ask("GET", model, "config")

    def infer(self, model: str, columns: Columns) -> dict[str, list[Any]]:
        lists = {name: values.tolist() for name, values in columns.items()}
        one = all(len(values) == 1 for values in lists.values())
        reply = self._ask("POST", model, "generate", {n: v[0] for n, v in lists.items()} if one else lists)
        return {name: values if isinstance(values, list) else [values] for name, values in reply.items()}

    def close(self) -> None:
        self._pool.close()

    def _ask(self, method: str, model: str, what: str, body: object = None) -> dict[str, Any]:
        try:
            response = self._pool.request(method, f"/v2/models/{quote(model, safe='')}/{what}", json=body)
        except urllib3.exceptions.NewConnectionError as error:
            raise ServiceUnreachable(self._address) from error
        except urllib3.exceptions.TimeoutError as error:
            raise ServiceTimedOut(self._address, self._timeout) from error
        except urllib3.exceptions.HTTPError as error:
            raise ServiceBroken(self._address, "HTTP") from error
        reply = _json_object(response.data)
        if response.status != 200:
            message = str(reply.get("error") or response.data.decode(errors="replace").strip() or response.reason)
            raise error_of_status(response.status, message, self._address, model)
        return reply


def _json_object(body: bytes) -> dict[str, Any]:
    """Empty if the body is something else, such as a gateway's page."""
    try:
        reply = json.loads(body)
    except ValueError:
        return {}
    return reply if isinstance(reply, dict) else {}


def _host_and_port(url: str) -> str:
    """``host:port`` of an address that may begin with ``http://``."""
    address = url.strip().removeprefix("http://").rstrip("/")
    host, _, port = address.rpartition(":")
    if not host or "/" in address or not port.isdecimal() or not 0 < int(port) < 65_536:
        raise WrongAddress(url)
    return address
