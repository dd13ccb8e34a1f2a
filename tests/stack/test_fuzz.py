"""Requests that nobody thought of, through the gateway: each is valued to the bit or refused, never by a 5xx."""

from __future__ import annotations

import json
import sys
from collections import Counter

import pytest
import urllib3
from hypothesis import given, settings
from hypothesis import strategies as st

from preprocessing.demographics import Demographics
from publishing.repository import PRICE_MODEL
from tests.fuzzing import CASES, Oracle, broken, cases, checker
from tests.service.asking import Asker
from tests.stack.conftest import Stack
from tests.stack.test_gateway import GENERATE, HOME
from tests.stack.test_gateway_bodies import INFER, kserve


def started(stack: Stack) -> dict[str, tuple[str, int]]:
    found = {replica: stack.inspect(replica) for replica in stack.replicas()}
    return {name: (facts["State"]["StartedAt"], facts["RestartCount"]) for name, facts in found.items()}


def test_fuzzed_homes_are_valued_to_the_bit_or_refused(
    stack: Stack, stack_asker: Asker, demographics: Demographics, capsys: pytest.CaptureFixture[str]
) -> None:
    counts: Counter[str] = Counter()
    oracle = Oracle(stack.folder / "model_repository" / PRICE_MODEL / "1", demographics)
    check, before = checker(stack_asker, oracle, counts), started(stack)

    @given(case=cases(demographics.zipcodes))
    @settings(max_examples=CASES)
    def ask(case: object) -> None:
        check(case)  # type: ignore[arg-type]

    ask()
    assert started(stack) == before
    with capsys.disabled():
        sys.stdout.write(f"\n  fuzzed homes, through the gateway: {dict(counts)}\n")


def test_fuzzed_texts_get_an_answer_and_no_5xx(stack: Stack, capsys: pytest.CaptureFixture[str]) -> None:
    pool, before = urllib3.PoolManager(timeout=60, retries=False), started(stack)
    statuses: Counter[int] = Counter()

    @given(
        path=st.sampled_from([GENERATE, INFER]),
        body=broken(HOME) | broken(json.dumps(kserve())) | st.binary(max_size=200),
    )
    @settings(max_examples=CASES)
    def ask(path: str, body: bytes) -> None:
        statuses[pool.request("POST", f"http://{stack.http}{path}", body=body).status] += 1

    ask()
    assert set(statuses) <= {200, 400, 413}
    assert started(stack) == before
    with capsys.disabled():
        sys.stdout.write(f"\n  fuzzed texts, through the gateway, by status: {dict(statuses)}\n")
