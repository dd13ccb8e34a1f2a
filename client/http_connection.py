"""Kept-alive connections over HTTP or HTTPS, with what a gateway asks of its callers."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import urllib3

from .errors import NotAllowed, ServiceBroken, ServiceTimedOut, ServiceUnreachable, ServiceUntrusted, error_of_status

KEY_HEADER = "x-api-key"
MOST_CONNECTIONS = 64


@dataclass(frozen=True)
class Access:
    """Hold what a gateway asks of its callers; nothing where there is no gateway."""

    api_key: str | None = None
    tls: bool = False
    ca: Path | None = None
    """PEM file of the authority that signed the gateway's certificate; None for those that the system trusts."""

    def __post_init__(self) -> None:
        """Refuse a key that no header can carry: a file's line break often comes along. Raises NotAllowed."""
        if self.api_key and not (self.api_key.isascii() and self.api_key.isprintable()):
            raise NotAllowed(
                "the key holds a line break or another character that no header can carry: "
                "give it without, by --api-key or API_KEY"
            )

    @property
    def headers(self) -> dict[str, str]:
        """Return the headers that carry the key."""
        return {KEY_HEADER: self.api_key} if self.api_key else {}


class HttpConnection:
    """Connections to one address, kept alive, which threads may share.

    Over urllib3, because it notices a connection that the server has closed meanwhile and shows an
    answer's headers: the standard library's http.client lacks the one, tritonclient's gevent the other.
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
        """Return the model's answer with status 200; raises the error of ``client.errors`` that any other means."""
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
        """Return the model's configuration; raises what ``ask`` raises."""
        return json_object(self.ask("GET", model, "config").data)

    def close(self) -> None:
        """Give the connections back."""
        self._pool.close()


def json_object(body: bytes) -> dict[str, Any]:
    """Return the JSON object in a body: an empty one if it holds something else, such as a gateway's page."""
    try:
        reply = json.loads(body)
    except ValueError:
        return {}
    return reply if isinstance(reply, dict) else {}
