"""Options that the commands share: where the service is, and what a gateway before it asks for."""

from __future__ import annotations

import os
from enum import Enum
from pathlib import Path
from typing import Annotated

import typer

from .http_connection import Access


class Protocol(str, Enum):
    """Name the ways in which the service can be asked."""

    generate = "generate"
    http = "http"
    grpc = "grpc"


Url = Annotated[
    str | None,
    typer.Option(help="host:port, or https://host:port; default: localhost and HTTP_PORT or 8000, GRPC_PORT or 8001."),
]
ApiKey = Annotated[str | None, typer.Option(envvar="API_KEY", help="Key for a gateway, sent as x-api-key.")]
Tls = Annotated[bool, typer.Option("--tls", help="Speak TLS, as with https:// in the address.")]
Ca = Annotated[Path | None, typer.Option(help="PEM file of the authority behind the certificate, if not a public one.")]
Timeout = Annotated[float, typer.Option(min=0.1, help="Seconds to wait for an answer.")]


def default_url(protocol: Protocol) -> str:
    """Return the address of a service on this machine, by HTTP_PORT and GRPC_PORT."""
    variable, port = ("GRPC_PORT", "8001") if protocol is Protocol.grpc else ("HTTP_PORT", "8000")
    return f"localhost:{os.environ.get(variable) or port}"


def access_of(api_key: str | None, tls: bool, ca: Path | None) -> Access:
    """Return what a gateway is to be given; the file of an authority means TLS."""
    return Access(api_key, tls or ca is not None, ca)
