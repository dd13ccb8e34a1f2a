"""A request that ends a replica, of a kind that nobody knows yet, ends no more than one other."""

from __future__ import annotations

import json
import logging
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
import urllib3

from preprocessing.columns import EXAMPLE_HOME
from tests.conftest import ROOT
from tests.stack.conftest import Stack, free_port, wait_until
from tests.stack.test_gateway import GENERATE, HOME

log = logging.getLogger(__name__)

REPLICAS = 4
KILLER = json.dumps({**EXAMPLE_HOME, "caller": "killer"})
REPLICA = """
import os, socket, threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

class Replica(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        if b"killer" in self.rfile.read(int(self.headers.get("content-length", 0))):
            os._exit(1)
        self.send_response(200)
        name = socket.gethostname().encode()
        self.send_header("content-length", str(len(name)))
        self.end_headers()
        self.wfile.write(name)

    do_POST = do_GET

threading.Thread(target=ThreadingHTTPServer(("", 8003), Replica).serve_forever).start()
ThreadingHTTPServer(("", 8000), Replica).serve_forever()
"""
"""Stands in for Triton and its supervisor: no request is known that passes the gateway and ends the real one."""


@dataclass(frozen=True)
class Gateway:
    """Hold the gateway's address, and its replicas' containers."""

    http: str
    replicas: list[str]

    def answers(self) -> str:
        """Return the name of the replica that answered; nothing if none did."""
        try:
            reply = urllib3.request("POST", f"http://{self.http}{GENERATE}", body=HOME, retries=False, timeout=5)
        except urllib3.exceptions.HTTPError:
            return ""
        return reply.data.decode() if reply.status == 200 else ""

    def all_answer(self) -> bool:
        """Tell whether each replica is asked, over a connection that waits for requests afterwards."""
        return len({self.answers() for _ in range(2 * REPLICAS)} - {""}) == REPLICAS


def docker(*arguments: str) -> str:
    return subprocess.run(["docker", *arguments], capture_output=True, text=True, check=True).stdout.strip()


@pytest.fixture
def gateway(stack: Stack) -> Iterator[Gateway]:
    """Run this project's gateway before replicas that are made up; ``stack`` has built the image."""
    network, port = f"{stack.environment['COMPOSE_PROJECT_NAME']}-retries", free_port()
    docker("network", "create", network)
    inside = ["run", "--detach", "--init", "--network", network]
    replicas = [
        docker(*inside, "--network-alias", "triton", "sound-realty/valuation", "python", "-c", REPLICA)
        for _ in range(REPLICAS)
    ]
    settings = [part for name in ("API_KEYS", "RATE_LIMIT", "TLS_CERTIFICATE") for part in ("--env", f"{name}=")]
    mount = f"{ROOT / 'deploy' / 'gateway'}:/usr/local/etc/haproxy:ro"
    image = stack.compose("config", "--images", "gateway").split()[0]
    running = docker(*inside, *settings, "--volume", mount, "--publish", f"127.0.0.1:{port}:8000", image)
    found = Gateway(f"127.0.0.1:{port}", replicas)
    try:
        wait_until(found.all_answer, "every replica")
        yield found
    finally:
        docker("rm", "--force", running, *replicas)
        docker("network", "rm", network)


def test_a_request_that_ends_a_replica_is_tried_on_one_more(gateway: Gateway) -> None:
    try:
        reply = urllib3.request("POST", f"http://{gateway.http}{GENERATE}", body=KILLER, retries=False, timeout=30)
        assert reply.status in (502, 503)
    except urllib3.exceptions.ProtocolError:
        log.info("the gateway hung up, as it does when a connection that waited for requests ends")
    running = docker("ps", "--no-trunc", "--quiet").split()
    assert len([replica for replica in gateway.replicas if replica in running]) >= REPLICAS - 2
    wait_until(gateway.answers, "the others, once the gateway has seen who is gone")
