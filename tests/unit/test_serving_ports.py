"""Ports are checked before a server starts."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from serving.bundle import ServerUnavailable
from serving.ports import LOOPBACK, Ports, asked_for, free, free_ports


@pytest.fixture
def taken() -> Iterator[int]:
    with socket.socket() as listener:
        listener.bind((LOOPBACK, 0))
        listener.listen()
        yield listener.getsockname()[1]


@pytest.mark.parametrize(
    ("field", "variable"), [("http", "HTTP_PORT"), ("grpc", "GRPC_PORT"), ("metrics", "METRICS_PORT")]
)
def test_a_taken_port_is_one_line_with_the_variable_to_set(taken: int, field: str, variable: str) -> None:
    ports = {"http": 0, "grpc": 0, "metrics": 0, field: taken}
    with pytest.raises(ServerUnavailable, match=rf"^Port {taken} is not free .*set {variable} [^\n]*$"):
        free(Ports(**ports))


def test_zeros_become_three_different_free_ports() -> None:
    ports = free(Ports(0, 0, 0))
    assert len({ports.http, ports.grpc, ports.metrics}) == 3
    assert free(ports) == ports


def test_a_port_named_twice_is_refused(taken: int) -> None:
    spare = free(Ports(0, 0, 0)).http
    with pytest.raises(ServerUnavailable, match="set GRPC_PORT"):
        free(Ports(spare, spare, 0))


def test_the_desk_may_not_have_a_port_of_the_server(taken: int) -> None:
    spare = free(Ports(0, 0, 0)).http
    with pytest.raises(ServerUnavailable, match="set DESK_PORT"):
        free_ports({"HTTP_PORT": spare, "DESK_PORT": spare})


def test_what_is_no_port_is_refused() -> None:
    with pytest.raises(ServerUnavailable, match=r"HTTP_PORT is 70000.* 1 to 65535"):
        free(Ports(70000, 0, 0))


def test_ports_come_from_the_environment_where_it_names_them() -> None:
    assert list(asked_for({"GRPC_PORT": "9001", "METRICS_PORT": ""}).values()) == [8000, 9001, 8002, 8005]
    with pytest.raises(ServerUnavailable, match=r"METRICS_PORT is 'many'.* 1 to 65535"):
        asked_for({"METRICS_PORT": "many"})
