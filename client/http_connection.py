"""Kept-alive connections over HTTP or HTTPS, with what a gateway asks of its callers."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import urllib3

from .errors import ServiceBroken, ServiceTimedOut, ServiceUnreachable, ServiceUntrusted, error_of_status

KEY_HEADER = "x-api-key"
MOST_CONNECTIONS = 64


@dataclass(frozen=True)
class Access:
    """What a gateway asks for. Without one, nothing."""

    api_key: str | None = None
    tls: bool = False
    ca: Path | None = None
    """PEM file of the authority that vouches for the gateway's certificate; None for those that the system trusts."""

    @property
    def headers(self) -> dict[str, str]:
        return {KEY_HEADER: self.api_key} if self.api_key else {}


class HttpConnection:
    """urllib3 rather than the standard library's http.client or tritonclient's gevent.

    It keeps connections alive, notices one that the server has closed meanwhile, may be shared by
    threads, and shows an answer's headers.
    """

    def __init__(self, address: str, timeout: float, access: Access) -> None:
        host, _, port = address.rpartition(":")
        self._address, self._timeout, self._headers = address, timeout, access.headers
        common: dict[str, Any] = {"timeout": timeout, "retries": False, "maxsize": MOST_CONNECTIONS}
        ca = str(access.ca) if access.ca else None
        self._pool: urllib3.HTTPConnectionPool = (
            urllib3.HTTPSConnectionPool(host, int(port), ca_certs=ca, **common)
            if access.tls
            else urllib3.HTTPConnectionPool(host, int(port), **common)
        )

    def ask(
        self, method: str, model: str, what: str, body: bytes | None = None, headers: Mapping[str, str] | None = None
    ) -> urllib3.BaseHTTPResponse:
        """The model's answer, whose status is 200, or the error that any other means."""
        try:
            response = self._pool.request(
                method,
                f"/v2/models/{quote(model, safe='')}/{what}",
                body=body,
                headers={**self._headers, **(headers or {})},
            )
        except urllib3.exceptions.NewConnectionError as error:
            raise ServiceUnreachable(self._address) from error
        except urllib3.exceptions.TimeoutError as error:
            raise ServiceTimedOut(self._address, self._timeout) from error
        except urllib3.exceptions.SSLError as error:
            raise ServiceUntrusted(self._address, error) from error
        except urllib3.exceptions.HTTPError as error:
            raise ServiceBroken(self._address, "HTTP") from error
        if response.status != 200:
            reply = json_object(response.data)
            message = str(reply.get("error") or response.data.decode(errors="replace").strip() or response.reason)
            raise error_of_status(response.status, message, self._address, model, response.headers)
        return response

    def config(self, model: str) -> dict[str, Any]:
        return json_object(self.ask("GET", model, "config").data)

    def close(self) -> None:
        self._pool.close()


def json_object(body: bytes) -> dict[str, Any]:
    """Empty if the body is something else, such as a gateway's page."""
    try:
        reply = json.loads(body)
    except ValueError:
        return {}
    return reply if isinstance(reply, dict) else {}
