"""Asks a running server which of its models serve, and why others do not."""

from __future__ import annotations

import http.client
import json
from dataclasses import dataclass

ADMIN_HEADER = "admin-key"
TIMEOUT_SECONDS = 5.0


@dataclass(frozen=True)
class ModelState:
    """Hold what the server's repository index says of one version of one model."""

    name: str
    version: str
    state: str
    """READY, LOADING, UNLOADING, UNAVAILABLE, or empty while the server has not tried to load it."""
    reason: str


class Unreachable(ConnectionError):
    """The server does not answer: it has not opened its ports yet, or it is gone."""


def model_is_ready(address: str, model: str) -> bool:
    """Return whether a version of ``model`` serves; raises Unreachable."""
    return _ask(address, "GET", f"/v2/models/{model}/ready")[0] == 200


def repository_index(address: str, admin_key: str) -> list[ModelState]:
    """Return every model and version that the server has seen in its repository.

    Raises:
        Unreachable: if the server does not answer.
        PermissionError: if ``admin_key`` is not the server's.
    """
    status, body = _ask(address, "POST", "/v2/repository/index", {ADMIN_HEADER: admin_key})
    if status != 200:
        raise PermissionError(f"The server answered {status} to a question about its models: {body.decode()}")
    return [
        ModelState(entry["name"], entry.get("version", ""), entry.get("state", ""), entry.get("reason", ""))
        for entry in json.loads(body)
    ]


def _ask(address: str, method: str, path: str, headers: dict[str, str] | None = None) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection(address, timeout=TIMEOUT_SECONDS)
    try:
        connection.request(method, path, headers=headers or {})
        response = connection.getresponse()
        return response.status, response.read()
    except (OSError, http.client.HTTPException) as error:
        raise Unreachable(f"{address} does not answer: {error}") from error
    finally:
        connection.close()
