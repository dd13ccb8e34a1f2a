"""Whatever goes wrong on the way, a caller reads what it was and what to do."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread

import pytest

from client.errors import (
    ClientError,
    HomeRefused,
    ServiceBroken,
    ServiceFailed,
    ServiceTimedOut,
    ServiceUnreachable,
    UnknownModel,
    WrongAddress,
    error_of_status,
)
from client.transports import open_transport
from client.valuation import ValuationClient

PROTOCOLS = ("generate", "http", "grpc")


@contextmanager
def answering(status: int, body: bytes) -> Iterator[str]:
    """Run an HTTP server that answers everything alike; yield its address."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args: object) -> None:
            """Log nothing: nobody reads it."""

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


@pytest.mark.parametrize(
    ("status", "kind", "exit_code"), [(400, HomeRefused, 1), (404, UnknownModel, 2), (500, ServiceFailed, 1)]
)
def test_a_status_becomes_its_error(status: int, kind: type[ClientError], exit_code: int) -> None:
    error = error_of_status(status, "the server's words", "localhost:8000", "house_price")
    assert type(error) is kind
    assert error.exit_code == exit_code


@pytest.mark.parametrize(
    "words",
    [
        "in ensemble 'house_price', Stub process 'preprocessing_0_0' is not healthy.",
        "in ensemble 'house_price', Request for unknown model: 'price_model' has no available versions",
    ],
)
def test_a_model_that_died_is_no_refusal_whatever_the_status(words: str) -> None:
    for status in (400, 500):
        error = error_of_status(status, words, "localhost:8000", "house_price")
        assert type(error) is ServiceFailed
        assert error.passing


def refused(message: str) -> HomeRefused:
    error = error_of_status(400, f"in ensemble 'house_price', {message}", "localhost:8000", "house_price")
    assert isinstance(error, HomeRefused)
    return error


def test_a_refusal_is_the_home_s_alone() -> None:
    error = refused('home refused: grade is 14. Known: all\n{"rows":{"0":{"grade":"is 14"}}}')
    assert str(error) == "home refused: grade is 14. Known: all"
    assert error.reason == "grade is 14"
    assert error.rows == {0: {"grade": "is 14"}}


@pytest.mark.parametrize(
    "message",
    [
        "unknown column 'grad'",
        "",
        "two\nlines",
        "a\n[]",
        "a\n7",
        'a\n{"rows":7}',
        'a\n{"rows":{"x":{}}}',
        'a\n{"rows":{"1":7}}',
    ],
)
def test_a_refusal_of_the_request_itself_names_no_home(message: str) -> None:
    error = refused(message)
    assert (str(error), error.reason, error.rows) == (message, message, {})


def test_a_refusal_of_rows_that_nobody_sent_is_not_believed() -> None:
    assert refused('x\n{"rows":{"2":{"grade":"is 14"}}}').by_row(2) == {}


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_closed_port(protocol: str) -> None:
    with socket.socket() as held:  # bound, so that nobody else can, but not listening
        held.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{held.getsockname()[1]}"
        with (
            ValuationClient(address, protocol) as client,
            pytest.raises(ServiceUnreachable, match=f"listens at {address}: start the service with `make up`"),
        ):
            client.value([{"bedrooms": 3}])


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_service_that_never_answers(protocol: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        address = f"127.0.0.1:{listener.getsockname()[1]}"
        with (
            ValuationClient(address, protocol, timeout=0.3) as client,
            pytest.raises(ServiceTimedOut, match=f"no answer from {address} within 0.3 seconds"),
        ):
            client.value([{"bedrooms": 3}])


@pytest.mark.parametrize("protocol", ["generate", "http"])
def test_a_port_that_speaks_something_else(protocol: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def greet() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.recv(1000)
                connection.sendall(b"220 mail.example ready\r\n")

        thread = Thread(target=greet)
        thread.start()
        address = f"127.0.0.1:{listener.getsockname()[1]}"
        with ValuationClient(address, protocol) as client, pytest.raises(ServiceBroken, match=address):
            client.value([{"bedrooms": 3}])
        thread.join()


@pytest.mark.parametrize("protocol", ["generate", "http"])
@pytest.mark.parametrize("body", [b"<html>503 Service Unavailable</html>", b'{"error": "not ready"}'])
def test_a_gateway_without_a_service(protocol: str, body: bytes) -> None:
    with (
        answering(503, body) as address,
        ValuationClient(address, protocol) as client,
        pytest.raises(ServiceFailed, match="503"),
    ):
        client.value([{"bedrooms": 3}])


@pytest.mark.parametrize("protocol", ["generate", "http"])
@pytest.mark.parametrize(
    "body",
    [
        b"",
        b'nv_inference_count{model="m"} 1\n',
        b"[]",
        b"null",
        b"{}",
        b'{"input": []}',
        b'{"input": 3}',
        b'{"input": ["a"]}',
    ],
)
def test_a_port_that_answers_everything_such_as_that_of_the_metrics(protocol: str, body: bytes) -> None:
    with (
        answering(200, body) as address,
        ValuationClient(address, protocol) as client,
        pytest.raises(ServiceBroken, match=f"{address} does not answer in HTTP"),
    ):
        client.value([{"bedrooms": 3}])


@pytest.mark.parametrize("protocol", ["generate", "http"])
def test_an_answer_that_holds_no_prices(protocol: str) -> None:
    """The configuration is the right one, and so is nothing that comes after it."""
    config = b'{"input": [{"name": "bedrooms", "data_type": "TYPE_FP32"}], "price": null, "price_low": 3}'
    with answering(200, config) as address, ValuationClient(address, protocol) as client, pytest.raises(ClientError):
        client.value([{"bedrooms": 3}, {"bedrooms": 4}])


@pytest.mark.parametrize(
    "url",
    [
        "localhost",
        "8000",
        "local host:8000",
        "localhost\n:8000",
        "localhost:http",
        "https://localhost",
        "host:8000/v2",
        ":1",
    ],
)
def test_an_address_is_host_and_port(url: str) -> None:
    with pytest.raises(WrongAddress, match="give host:port"):
        open_transport(url, "generate", 1.0)


@pytest.mark.parametrize("url", ["localhost:8000", "http://localhost:8000/", "https://localhost:8000"])
def test_a_pasted_address_is_understood(url: str) -> None:
    open_transport(url, "generate", 1.0).close()


def test_an_unknown_protocol() -> None:
    with pytest.raises(ClientError, match="'soap': use generate, http or grpc"):
        open_transport("localhost:8000", "soap", 1.0)
