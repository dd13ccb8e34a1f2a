"""The valuation service as the desk asks it: by the client, with the key of the person who asks."""

from __future__ import annotations

from functools import lru_cache

from starlette.requests import Request

from client.http_connection import KEY_HEADER, Access
from client.patience import Patience
from client.transports import open_transport
from client.valuation import ValuationClient

TIMEOUT_S = 20.0
PATIENCE = Patience(seconds=3.0)
"""A person waits: a service that is busy is asked again for as long as a page may take."""
MOST_CALLERS = 64
"""Keys whose connections are kept."""


class Service:
    """The service at one address. Threads may share it; each key has connections of its own."""

    def __init__(self, url: str) -> None:
        """Raise WrongAddress where ``url`` is none; nothing is asked yet."""
        self.url = url
        open_transport(url, "generate", TIMEOUT_S).close()
        self._clients = lru_cache(maxsize=MOST_CALLERS)(self._open)

    def client(self, model: str, request: Request) -> ValuationClient:
        """Return the client of a model that asks with the key which came with the request, if one did.

        Raises:
            NotAllowed: for a key that no header can carry.
        """
        return self._clients(model, key_of(request))

    def _open(self, model: str, key: str | None) -> ValuationClient:
        access = Access(api_key=key)
        return ValuationClient(self.url, model=model, timeout=TIMEOUT_S, access=access, patience=PATIENCE)


def key_of(request: Request) -> str | None:
    """Return the key that the gateway has found in the request, as a header or as a browser's password."""
    return request.headers.get(KEY_HEADER) or None
