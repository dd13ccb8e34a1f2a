"""How a request reaches the service: one class per protocol, all with the same methods."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Protocol

import numpy.typing as npt

from .errors import ClientError, UnusableFile, WrongAddress
from .http_connection import Access, HttpConnection, json_object

Tensors = Mapping[str, npt.NDArray[Any]]
"""One array [N] per input, of the input's own dtype."""


ONE_HOME = "house_price_single"
"""The ensemble for one home as plain JSON: the same answers as those for many, at half the cost."""
_FOR_MANY = ("house_price", "house_price_minimal")

_HOST = re.compile(r"[^\s/@?#]+")


class Transport(Protocol):
    """A way to ask the service, which threads may share."""

    def config(self, model: str) -> dict[str, Any]:
        """Return the model's configuration, as the server reports it."""

    def infer(self, model: str, columns: Tensors) -> dict[str, list[Any]]:
        """Return the model's outputs for N homes, N values each."""

    def close(self) -> None:
        """Give the connection back."""


def open_transport(url: str, protocol: str, timeout: float, access: Access | None = None) -> Transport:
    """Return a connection, not yet used, to ``host:port``, which waits ``timeout`` seconds for each answer.

    ``https://host:port`` means TLS, as ``access`` may. Raises WrongAddress, UnusableFile for a missing
    certificate, and ClientError for an unknown protocol.
    """
    access = access or Access()
    address = _host_and_port(url)
    if url.strip().startswith("https://"):
        access = replace(access, tls=True)
    if access.ca is not None and not access.ca.is_file():
        raise UnusableFile(f"there is no certificate in {access.ca}: name the authority's PEM file with --ca")
    if protocol == "generate":
        return GenerateTransport(address, timeout, access)
    # Imported here, since tritonclient takes half a second.
    from .kserve import GrpcTransport, HttpTransport

    others: dict[str, Callable[[str, float, Access], Transport]] = {"http": HttpTransport, "grpc": GrpcTransport}
    if protocol not in others:
        raise ClientError(f"there is no protocol '{protocol}': use generate, http or grpc")
    return others[protocol](address, timeout, access)


class GenerateTransport:
    """Sends plain JSON over HTTP, to Triton's ``/generate``."""

    def __init__(self, address: str, timeout: float, access: Access) -> None:
        self._connection = HttpConnection(address, timeout, access)
        self.config = self._connection.config
        self.close = self._connection.close

    def infer(self, model: str, columns: Tensors) -> dict[str, list[Any]]:
        """Return the model's outputs for N homes, N values each."""
        lists = {name: values.tolist() for name, values in columns.items()}
        one = all(len(values) == 1 for values in lists.values())
        body = json.dumps({name: values[0] for name, values in lists.items()} if one else lists).encode()
        if one and model in _FOR_MANY:
            model = ONE_HOME
        response = self._connection.ask("POST", model, "generate", body, {"Content-Type": "application/json"})
        return {
            name: values if isinstance(values, list) else [values]
            for name, values in json_object(response.data).items()
        }


def _host_and_port(url: str) -> str:
    """Return ``host:port`` of an address that may begin with ``http://`` or ``https://``."""
    address = url.strip().removeprefix("http://").removeprefix("https://").rstrip("/")
    host, _, port = address.rpartition(":")
    if not _HOST.fullmatch(host) or not port.isdecimal() or not 0 < int(port) < 65_536:
        raise WrongAddress(url)
    return address
