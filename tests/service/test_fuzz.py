"""Requests that nobody thought of, straight to Triton: each is valued to the bit or refused; nothing is left behind."""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
import urllib3
from hypothesis import given, settings
from hypothesis import strategies as st

from preprocessing.columns import EXAMPLE_HOME
from preprocessing.demographics import Demographics
from publishing.card import Card
from publishing.repository import PRICE_MODEL
from serving.embedded import EmbeddedServer
from serving.workspace import segments
from tests.fuzzing import CASES, Oracle, broken, cases, checker
from tests.service.asking import Asker
from tests.service.callers import HOME

pytestmark = pytest.mark.once

MOST_GROWTH = 64 << 20
"""Bytes that the server and its stubs may grow by; a leak of a kilobyte a request shows in the long run."""


@pytest.fixture(scope="module")
def fuzzed(shared_server: EmbeddedServer) -> Iterator[Counter[str]]:
    """Count what was asked of the server; at the end it is the same process, as large as before."""
    counts: Counter[str] = Counter()
    asker = Asker(shared_server.http_address, shared_server.grpc_address)
    for _ in range(50):
        asker.ask("generate", "house_price", HOME)
    process, before, shared = shared_server.pid, _memory(shared_server), _shared(shared_server)
    yield counts
    assert shared_server.pid == process and shared_server.is_alive
    assert asker.ask("grpc", "house_price", HOME).outputs
    assert _shared(shared_server) == shared
    assert _memory(shared_server) - before < MOST_GROWTH
    asker.close()


def _memory(server: EmbeddedServer) -> int:
    root = psutil.Process(server.pid)
    return sum(one.memory_info().rss for one in (root, *root.children(recursive=True)))


def _shared(server: EmbeddedServer) -> int:
    assert server.shared_memory_prefix is not None
    return sum(path.stat().st_size for path in segments(server.shared_memory_prefix))


def test_fuzzed_homes_are_valued_to_the_bit_or_refused(
    shared_server: EmbeddedServer,
    shared_repository: Path,
    published: tuple[Path, Card],
    demographics: Demographics,
    fuzzed: Counter[str],
    capsys: pytest.CaptureFixture[str],
) -> None:
    oracle = Oracle(shared_repository / PRICE_MODEL / "1", demographics)
    asker = Asker(shared_server.http_address, shared_server.grpc_address)
    check = checker(asker, oracle, fuzzed)

    @given(case=cases(demographics.zipcodes))
    @settings(max_examples=CASES)
    def ask(case: object) -> None:
        check(case)  # type: ignore[arg-type]

    ask()
    asker.close()
    with capsys.disabled():
        sys.stdout.write(f"\n  fuzzed homes, straight to Triton: {dict(fuzzed)}\n")


def test_fuzzed_texts_get_an_answer(
    shared_server: EmbeddedServer, fuzzed: Counter[str], capsys: pytest.CaptureFixture[str]
) -> None:
    """Triton itself says 500 to text that is not JSON; the gateway says 400."""
    pool = urllib3.PoolManager(timeout=60, retries=False)
    url = f"http://{shared_server.http_address}/v2/models/house_price/generate"
    statuses: Counter[int] = Counter()

    @given(body=broken(json.dumps(EXAMPLE_HOME)) | st.binary(max_size=200))
    @settings(max_examples=CASES)
    def ask(body: bytes) -> None:
        statuses[pool.request("POST", url, body=body).status] += 1

    ask()
    assert set(statuses) <= {200, 400, 500}
    with capsys.disabled():
        sys.stdout.write(f"\n  fuzzed texts, straight to Triton, by status: {dict(statuses)}\n")
