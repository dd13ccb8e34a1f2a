"""What a gateway before the service asks for, and what its answers mean, over HTTP and over gRPC."""

from __future__ import annotations

import socket
import ssl
import subprocess
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import grpc
import pytest
import typer
from typer.testing import CliRunner

from client import send_examples, value_homes
from client.errors import (
    ClientError,
    HomeRefused,
    NotAllowed,
    ServiceBusy,
    ServiceFailed,
    ServiceUntrusted,
    TooLarge,
    UnknownModel,
    UnusableFile,
)
from client.http_connection import Access
from client.patience import Patience
from client.valuation import ValuationClient

OVER_HTTP = pytest.mark.parametrize("protocol", ["generate", "http"])
ID = "X-Request-ID a-1"
ANSWERS = [
    (401, NotAllowed, "wants a valid key .*give --api-key or set API_KEY"),
    (403, NotAllowed, "forbids this .*check the key and the model's name, 'house_price'"),
    (404, UnknownModel, "serves no model 'house_price'"),
    (413, TooLarge, "send fewer homes at once, with --batch"),
    (429, ServiceBusy, "status 429"),
    (502, ServiceFailed, "status 502"),
    (503, ServiceBusy, "status 503"),
]


@contextmanager
def gateway(
    status: int, headers: Mapping[str, str] | None = None, *, tls: ssl.SSLContext | None = None, then: int | None = None
) -> Iterator[tuple[str, list[dict[str, str]]]]:
    """Answer everything alike, or the first request so and later ones as ``then``; yield the port and what was sent."""
    asked: list[dict[str, str]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append({name.lower(): value for name, value in self.headers.items()})
            body = b'{"error": "the gateway\'s words"}'
            self.send_response(status if then is None or len(asked) == 1 else then)
            for name, value in {"Content-Length": str(len(body)), "X-Request-ID": "a-1", **(headers or {})}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args: object) -> None:
            """Log nothing: nobody reads it."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        if tls:
            server.socket = tls.wrap_socket(server.socket, server_side=True)
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"localhost:{server.server_port}", asked
        finally:
            server.shutdown()
            thread.join()


@contextmanager
def http2_gateway(status: int, headers: Mapping[str, str]) -> Iterator[str]:
    """Answer one request of gRPC with a bare status of HTTP, as HAProxy does; yield the address."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def answer() -> None:
            connection, _ = listener.accept()
            with connection, connection.makefile("rb") as incoming:
                incoming.read(len("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"))
                connection.sendall(_frame(0x4, 0, 0, b""))  # SETTINGS
                while header := incoming.read(9):
                    kind, stream = header[3], header[5:9]
                    incoming.read(int.from_bytes(header[:3], "big"))
                    if kind == 0x1:  # HEADERS: the request; answered by HEADERS that end it
                        fields = b"".join(map(_field, [":status", *headers], [str(status), *headers.values()]))
                        connection.sendall(_frame(0x1, 0x4 | 0x1, int.from_bytes(stream, "big"), fields))

        thread = Thread(target=answer)
        thread.start()
        yield f"127.0.0.1:{listener.getsockname()[1]}"
    thread.join()


def _frame(kind: int, flags: int, stream: int, payload: bytes) -> bytes:
    return len(payload).to_bytes(3, "big") + bytes([kind, flags]) + stream.to_bytes(4, "big") + payload


def _field(name: str, value: str) -> bytes:
    """Encode a header as an HPACK literal."""
    return b"\x00" + b"".join(bytes([len(text)]) + text.encode() for text in (name, value))


@contextmanager
def grpc_gateway(code: grpc.StatusCode, *credentials: grpc.ServerCredentials) -> Iterator[tuple[str, dict[str, Any]]]:
    """Run a gRPC server that fails every request so; yield its address and the last request's metadata."""
    sent: dict[str, Any] = {}

    def fail(request: bytes, context: grpc.ServicerContext) -> bytes:
        sent.update(context.invocation_metadata())
        context.set_trailing_metadata((("x-request-id", "a-1"), ("retry-after", "7")))
        context.abort(code, "the gateway's words")
        return b""

    class Failing(grpc.GenericRpcHandler):
        def service(self, details: grpc.HandlerCallDetails) -> Any:
            return grpc.unary_unary_rpc_method_handler(fail)

    server = grpc.server(ThreadPoolExecutor(1), handlers=(Failing(),))
    port = (
        server.add_secure_port("localhost:0", *credentials) if credentials else server.add_insecure_port("localhost:0")
    )
    server.start()
    try:
        yield f"localhost:{port}", sent
    finally:
        server.stop(None).wait()


def error_of(address: str, protocol: str, access: Access | None = None) -> ClientError:
    with (
        ValuationClient(address, protocol, access=access, patience=Patience(0)) as client,
        pytest.raises(ClientError) as caught,
    ):
        client.value([{"bedrooms": 3}])
    return caught.value


@OVER_HTTP
@pytest.mark.parametrize(("status", "kind", "words"), ANSWERS)
def test_an_answer_over_http(protocol: str, status: int, kind: type[ClientError], words: str) -> None:
    with gateway(status) as (address, _):
        error = error_of(address, protocol)
    assert type(error) is kind
    assert error.passing == (status in (404, 429, 502, 503))
    with pytest.raises(kind, match=f"{words}.*{ID}"):
        raise error


@pytest.mark.parametrize(("status", "kind", "words"), ANSWERS)
def test_an_answer_over_grpc(status: int, kind: type[ClientError], words: str) -> None:
    """Its other headers are hidden by gRPC: the id is the one that was sent; a busy gateway is asked again anyway."""
    with http2_gateway(status, {"retry-after": "5"}) as address:
        error = error_of(address, "grpc")
    assert type(error) is kind
    assert error.retry_after == (2.0 if kind is ServiceBusy else None)
    with pytest.raises(kind, match=f"{words}.*X-Request-ID [0-9a-f-]{{36}}"):
        raise error


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (grpc.StatusCode.INVALID_ARGUMENT, HomeRefused),
        (grpc.StatusCode.UNAUTHENTICATED, NotAllowed),
        (grpc.StatusCode.PERMISSION_DENIED, NotAllowed),
        (grpc.StatusCode.NOT_FOUND, UnknownModel),
        (grpc.StatusCode.RESOURCE_EXHAUSTED, ServiceBusy),
        (grpc.StatusCode.INTERNAL, ServiceFailed),
    ],
)
def test_a_code_of_grpc(code: grpc.StatusCode, kind: type[ClientError]) -> None:
    with grpc_gateway(code) as (address, sent):
        error = error_of(address, "grpc", Access("secret"))
    assert type(error) is kind
    assert sent["x-api-key"] == "secret"
    assert str(error).endswith(f"({ID})")
    assert error.retry_after == (7.0 if kind is ServiceBusy else None)


@OVER_HTTP
def test_the_key_is_sent_if_there_is_one(protocol: str) -> None:
    with gateway(401) as (address, asked):
        error_of(address, protocol)
        error_of(address, protocol, Access("secret"))
    assert [request.get("x-api-key") for request in asked] == [None, "secret"]


@pytest.mark.parametrize("command", [send_examples.main, value_homes.main])
@pytest.mark.parametrize("how", ["option", "environment"])
def test_both_commands_send_the_key(command: Any, how: str, tmp_path: Path) -> None:
    homes = tmp_path / "homes.csv"
    homes.write_text("bedrooms\n3\n")
    app = typer.Typer()
    app.command()(command)
    bulk = command is value_homes.main
    files = [str(homes), "--output", str(tmp_path / "v.csv")] if bulk else ["--file", str(homes)]
    key = ["--api-key", "secret"] if how == "option" else []
    with gateway(401) as (address, asked):
        done = CliRunner().invoke(app, [*files, "--url", address, *key], env={} if key else {"API_KEY": "secret"})
    assert done.exit_code == 2
    assert [request["x-api-key"] for request in asked] == ["secret"]
    assert not (tmp_path / "v.csv").exists()


@OVER_HTTP
@pytest.mark.parametrize("status", [429, 503])
def test_a_busy_service_is_asked_again_when_it_says(protocol: str, status: int) -> None:
    with gateway(status, {"Retry-After": "0"}, then=404) as (address, asked):
        with ValuationClient(address, protocol, patience=Patience(5)) as client, pytest.raises(UnknownModel):
            client.value([{"bedrooms": 3}])
        assert len(asked) == 2


def test_a_date_is_no_time_to_come_back_at() -> None:
    with gateway(503, {"Retry-After": "Fri, 31 Dec 1999 23:59:59 GMT"}) as (address, _):
        assert error_of(address, "generate").retry_after is None


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Create a key and a self-signed certificate for localhost."""
    folder = tmp_path_factory.mktemp("tls")
    key, pem = folder / "key.pem", folder / "certificate.pem"
    subject = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"]
    command = [
        "openssl",
        "req",
        "-x509",
        "-newkey",
        "rsa:2048",
        "-nodes",
        *subject,
        "-keyout",
        str(key),
        "-out",
        str(pem),
    ]
    subprocess.run(command, check=True, capture_output=True)
    return key, pem


@OVER_HTTP
def test_tls_over_http(protocol: str, certificate: tuple[Path, Path]) -> None:
    key, pem = certificate
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem, key)
    with gateway(404, tls=context) as (address, asked):
        assert isinstance(error_of(f"https://{address}", protocol, Access(ca=pem)), UnknownModel)
        assert isinstance(error_of(address, protocol, Access(tls=True, ca=pem)), UnknownModel)
        assert len(asked) == 2
        assert "with --ca" in str(error_of(f"https://{address}", protocol))
        assert isinstance(error_of(f"https://{address}", protocol), ServiceUntrusted)


def test_tls_over_grpc(certificate: tuple[Path, Path]) -> None:
    key, pem = certificate
    credentials = grpc.ssl_server_credentials([(key.read_bytes(), pem.read_bytes())])
    with grpc_gateway(grpc.StatusCode.NOT_FOUND, credentials) as (address, _):
        assert isinstance(error_of(f"https://{address}", "grpc", Access(ca=pem)), UnknownModel)
        assert isinstance(error_of(f"https://{address}", "grpc"), ServiceUntrusted)


@pytest.mark.parametrize("key", ["secret\n", "sec\rret", "s\u00e9cret", "sec\0ret"])
def test_a_key_that_no_header_can_carry(key: str, tmp_path: Path) -> None:
    with pytest.raises(NotAllowed, match="holds a line break or another character") as error:
        Access(key)
    assert "ret" not in str(error.value), "the key itself is not printed"
    homes = tmp_path / "homes.csv"
    homes.write_text("bedrooms\n3\n")
    for command, arguments in ((value_homes.main, [str(homes)]), (send_examples.main, ["--file", str(homes)])):
        app = typer.Typer()
        app.command()(command)
        done = CliRunner().invoke(app, [*arguments, "--api-key", key])
        assert (done.exit_code, done.exception.__class__) == (2, SystemExit)


def test_a_certificate_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(UnusableFile, match=r"no certificate in .*ca\.pem"):
        ValuationClient("https://localhost:8000", access=Access(ca=tmp_path / "ca.pem"))
