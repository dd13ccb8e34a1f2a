"""The desk behind the gateway: on the same port as the service, with keys and without."""

from __future__ import annotations

import csv
import json
import os
import signal
import time
from base64 import b64encode
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection
from urllib.parse import urlencode

import pytest
import urllib3

from preprocessing.columns import EXAMPLE_HOME
from tests.stack.conftest import Stack, wait_until
from tests.stack.test_faults import find
from tests.stack.test_gateway import GENERATE, HOME, Gateway, ask, gateway

__all__ = ["gateway"]

ANSWER = f"/?{urlencode(EXAMPLE_HOME)}"
HOMES = 6_000
"""More than the 500,000 bytes that a request to the service may have."""


def password(key: str) -> dict[str, str]:
    """Return the header that a browser sends for a key."""
    return {"Authorization": f"Basic {b64encode(f'agent:{key}'.encode()).decode()}"}


@pytest.fixture(scope="module")
def desk(stack: Stack) -> str:
    """Wait until the gateway has found the desk; return its container."""
    container = stack.compose("ps", "--quiet", "desk").strip()
    stack.wait_healthy(container)
    wait_until(lambda: ask(stack.http, "GET", "/").status == 200, "the desk behind the gateway")
    return container


def test_pages_and_service_share_one_port_and_agree(desk: str, stack: Stack) -> None:
    price = json.loads(ask(stack.http, "POST", GENERATE, HOME).body)["price"]  # type: ignore[attr-defined]
    page = ask(stack.http, "GET", ANSWER)
    assert page.status == 200
    assert f"${price:,.0f}" in page.body.decode()  # type: ignore[attr-defined]
    assert "unsafe" not in page.headers["Content-Security-Policy"]


def test_what_the_desk_does_not_have_is_not_asked_of_it(desk: str, stack: Stack) -> None:
    assert ask(stack.http, "DELETE", "/").status == 405
    assert ask(stack.http, "GET", "/static/x/../../etc/passwd").status in (400, 404)


def test_a_browser_asks_for_a_key_and_sends_it_as_password(desk: str, gateway: Gateway) -> None:
    address = gateway(API_KEYS="first se:cond")
    refused = ask(address, "GET", "/")
    assert refused.status == 401
    assert refused.headers["WWW-Authenticate"].startswith("Basic ")
    statuses = {key: ask(address, "GET", "/", **password(key)).status for key in ("first", "se:cond", "third", "")}
    assert statuses == {"first": 200, "se:cond": 200, "third": 401, "": 401}
    # What the page itself asks of the service comes with the same password.
    assert ask(address, "POST", GENERATE, HOME, **password("first")).status == 200


def prices_of_file(address: str, homes: int, **headers: str) -> list[float]:
    """Bring a file of so many homes to the desk, wait until it is valued, and return the prices beside its rows."""
    lines = [",".join(EXAMPLE_HOME), *[",".join(map(str, EXAMPLE_HOME.values()))] * homes]
    file = ("homes.csv", "\n".join(lines), "text/csv")
    with urllib3.PoolManager(headers=headers, retries=False) as desk:
        brought = desk.request("POST", f"http://{address}/homes", fields={"file": file}, redirect=False)
        assert brought.status == 303, brought.data
        page = f"http://{address}{brought.headers['Location']}"
        wait_until(lambda: desk.request("GET", f"{page}/valued").status == 200, "the file to be valued")
        return [
            float(row["price"])
            for row in csv.DictReader(desk.request("GET", f"{page}/valued").data.decode().splitlines())
        ]


def test_a_file_larger_than_a_request_to_the_service_is_valued(desk: str, stack: Stack) -> None:
    price = json.loads(ask(stack.http, "POST", GENERATE, HOME).body)["price"]  # type: ignore[attr-defined]
    assert prices_of_file(stack.http, HOMES) == [price] * HOMES


def test_a_page_comes_that_is_asked_for_while_the_desk_ends_idle_connections(desk: str, stack: Stack) -> None:
    """It does so after five seconds; a gateway that gets no processor meanwhile learns of both at once."""
    callers = [HTTPConnection(stack.http) for _ in range(20)]

    def status(caller: HTTPConnection) -> int:
        response = caller.getresponse()
        response.read()
        return response.status

    def ask_for_a_page(caller: HTTPConnection) -> None:
        caller.request("GET", "/")

    gateway = find(stack, "gateway", "haproxy")
    with ThreadPoolExecutor(len(callers)) as threads:
        list(threads.map(ask_for_a_page, callers))
        assert set(threads.map(status, callers)) == {200}
        time.sleep(4)
        for process in gateway:
            os.kill(process, signal.SIGSTOP)
        try:
            time.sleep(2)
            list(threads.map(ask_for_a_page, callers))
        finally:
            for process in gateway:
                os.kill(process, signal.SIGCONT)
        assert set(threads.map(status, callers)) == {200}
    for caller in callers:
        caller.close()


@pytest.fixture
def keyed_desk(stack: Stack, gateway: Gateway) -> Iterator[str]:
    """Start a desk that asks a gateway with keys; yield its address."""
    port = gateway(API_KEYS="first").rpartition(":")[2]
    containers = stack.run("docker", "ps", "--quiet", "--filter", f"publish={port}").split()
    service = f"http://{stack.address(containers[0])}:8005"
    container = stack.compose("run", "--detach", "--no-deps", "--env", f"SERVICE_URL={service}", "desk").strip()
    stack.wait_healthy(container)
    yield f"{stack.address(container)}:8005"
    stack.run("docker", "rm", "--force", container)


def test_the_desk_asks_with_the_key_of_whoever_opened_the_page(keyed_desk: str) -> None:
    assert ask(keyed_desk, "GET", ANSWER, x_api_key="first").status == 200
    refused = ask(keyed_desk, "GET", ANSWER, x_api_key="second")
    assert refused.status == 403
    assert "does not accept this key" in refused.body.decode()  # type: ignore[attr-defined]


def test_a_file_is_valued_with_the_key_of_whoever_brought_it(keyed_desk: str) -> None:
    assert len(prices_of_file(keyed_desk, 2, **{"X-Api-Key": "first"})) == 2


def test_the_desk_away_is_said_in_a_page_and_the_service_goes_on(desk: str, stack: Stack) -> None:
    stack.run("docker", "pause", desk)
    try:
        wait_until(lambda: ask(stack.http, "GET", "/").status == 503, "the gateway to miss the desk")
        assert "The desk is away" in ask(stack.http, "GET", "/").body.decode()  # type: ignore[attr-defined]
        assert ask(stack.http, "POST", GENERATE, HOME).status == 200
    finally:
        stack.run("docker", "unpause", desk)
