"""Triton polls a bucket: versions come, break off and go in it while callers keep asking."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import urllib3

from publishing.bucket import Bucket, push, roll_back
from publishing.card import Card
from publishing.contract import MODEL_FILE
from publishing.repository import PREPROCESSING, PRICE_MODEL, add, served, staged
from serving.embedded import EmbeddedServer
from serving.replica import MOST_DIFFERENCE, PROOF_LOOKS, Replica
from tests.conftest import remove_newest
from tests.service.callers import DEADLINE_S, MODELS, Callers
from tests.service.conftest import serve

pytest.importorskip("moto.server", reason="needs boto3 and moto[server]")

pytestmark = pytest.mark.once

S3 = """
import sys
from moto.server import ThreadedMotoServer
server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
server.start()
print(server.get_host_and_port()[1], flush=True)
sys.stdin.read()
"""


@dataclass(frozen=True)
class Store:
    """Hold an S3 service in a process of its own, because Triton asks it hundreds of times a second."""

    address: str
    log: Path
    """A line for each request."""

    def wait_for_poll(self, bucket: Bucket) -> None:
        """Wait until Triton has looked at what is there now; each poll begins with a list of the whole bucket."""
        begins = f"GET /{bucket.name}?list-type=2&prefix={bucket.prefix} "
        deadline, seen = time.monotonic() + DEADLINE_S, ""
        with self.log.open() as requests:
            requests.seek(0, os.SEEK_END)
            # The next poll looks at the models after this, and is done when the one after it begins.
            while seen.count(begins) < 2:
                assert time.monotonic() < deadline, "the bucket is not polled"
                time.sleep(0.2)
                seen += requests.read()


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    log = tmp_path_factory.mktemp("store") / "requests.log"
    with (
        log.open("wb") as requests,
        subprocess.Popen(
            [sys.executable, "-c", S3], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=requests, text=True
        ) as process,
    ):
        assert process.stdout is not None
        yield Store(f"http://127.0.0.1:{int(process.stdout.readline())}", log)
        process.terminate()


@pytest.fixture
def bucket(store: Store, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Bucket:
    """Create an empty bucket."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    bucket = Bucket.open(f"s3://{store.address}/{request.node.name.replace('_', '-')[:50]}/valuation")
    bucket.client.create_bucket(Bucket=bucket.name)
    return bucket


@pytest.fixture
def url(store: Store, bucket: Bucket) -> str:
    return f"s3://{store.address}/{bucket.name}/valuation"


@pytest.fixture
def repository(repository: Path) -> Path:
    """Return what a push takes: the served repository."""
    return served(repository)


@pytest.fixture
def server(repository: Path, url: str, tmp_path: Path) -> Iterator[EmbeddedServer]:
    """Serve the bucket, into which the repository's first version was pushed."""
    push(repository, url)
    with serve(url, tmp_path) as server:
        yield server


@pytest.fixture
def first(published: tuple[Path, Card]) -> str:
    return published[1].price_model


def publish(repository: Path, name: str) -> str:
    """Publish the first version again, under another name of the same length."""
    with staged(repository) as area:
        folder = Path(shutil.copytree(repository / PRICE_MODEL / "1", area / "version"))
        card = json.loads((folder / "card.json").read_text())
        known: str = card["price_model"]
        renamed = known.replace("basic", name)
        graph = (folder / MODEL_FILE).read_bytes()
        (folder / MODEL_FILE).write_bytes(graph.replace(known.encode(), renamed.encode()))
        (folder / "card.json").write_text(json.dumps({**card, "price_model": renamed}))
        add(folder, repository / PRICE_MODEL)
    return renamed


def test_versions_go_live_and_back_without_a_failed_request(
    server: EmbeddedServer, repository: Path, url: str, first: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with Callers(server.http_address, server.grpc_address) as callers:
        callers.wait_for(first)

        second = publish(repository, "other")
        assert push(repository, url)[PRICE_MODEL] == [1, 2]
        callers.wait_for(second)

        # Rolled back here, then there.
        remove_newest(repository / PRICE_MODEL)
        push(repository, url)
        callers.wait_for(first)

        # The same number again, another version.
        third = publish(repository, "third")
        push(repository, url)
        callers.wait_for(third)

        # In a hurry, without the repository.
        assert roll_back(url) == (2, 1)
        callers.wait_for(first)

        # Python code, of many objects.
        with staged(repository) as area:
            folder = Path(shutil.copytree(repository / PREPROCESSING / "1", area / "version"))
            (folder / "model.py").write_text((folder / "model.py").read_text() + "\n# the next version\n")
            add(folder, repository / PREPROCESSING)
        remove_newest(repository / PRICE_MODEL)
        assert push(repository, url)[PREPROCESSING] == [2]
        deadline = time.monotonic() + DEADLINE_S
        while _versions(server, PREPROCESSING) != ["2"]:
            assert time.monotonic() < deadline, "preprocessing is not taken up"
            time.sleep(0.2)
        callers.wait_for(first)
    assert callers.failures == []
    with capsys.disabled():
        slowest_ms = callers.slowest_s * 1000
        sys.stdout.write(
            f"\n  {callers.asked:,} requests, {len(callers.failures)} failed, slowest {slowest_ms:.0f} ms\n"
        )


def _versions(server: EmbeddedServer, model: str) -> list[str]:
    reply = urllib3.request("GET", f"http://{server.http_address}/v2/models/{model}")
    return list(reply.json().get("versions", []))


def test_a_push_that_broke_off_disturbs_neither_who_serves_nor_who_starts(
    server: EmbeddedServer, repository: Path, store: Store, bucket: Bucket, url: str, first: str, tmp_path: Path
) -> None:
    second = publish(repository, "other")
    version = repository / PRICE_MODEL / "2"
    whole = (version / MODEL_FILE).read_bytes()
    with Callers(server.http_address, server.grpc_address) as callers:
        # Worse than a push that is cut off: half a model.
        bucket.write(f"{PRICE_MODEL}/2/card.json", (version / "card.json").read_bytes())
        bucket.write(f"{PRICE_MODEL}/2/{MODEL_FILE}", whole[: len(whole) // 2])
        store.wait_for_poll(bucket)
        callers.wait_for(first)
        with EmbeddedServer(url, log_path=tmp_path / "newcomer.log") as newcomer:
            newcomer.wait_ready(MODELS)

        push(repository, url)
        callers.wait_for(second)
    assert callers.failures == []


def test_a_version_is_compared_with_its_card_in_tritons_copy_of_the_bucket(
    server: EmbeddedServer, repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    replica = Replica(server.ports.http)

    def difference() -> float:
        for _ in range(PROOF_LOOKS):
            replica.look()
        return replica.differences["1"]

    assert difference() <= MOST_DIFFERENCE
    card = json.loads((repository / PRICE_MODEL / "1" / "card.json").read_text())
    for home in card["examples"]:
        home["price"] *= 1.01
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    (tmp_path / "folderAbCdEf" / "1").mkdir(parents=True)
    (tmp_path / "folderAbCdEf" / "1" / "card.json").write_text(json.dumps(card))
    assert difference() == pytest.approx(0.01, rel=0.1)


def test_triton_does_not_notice_that_a_version_was_deleted(
    server: EmbeddedServer, repository: Path, store: Store, bucket: Bucket, url: str, first: str
) -> None:
    """This is why a rollback is a new configuration."""
    second = publish(repository, "other")
    push(repository, url)
    with Callers(server.http_address, server.grpc_address) as callers:
        callers.wait_for(second)
        # A poll that fell into the push took the new configuration with the times before it, and loads once more.
        store.wait_for_poll(bucket)
        for key in bucket.times(f"{PRICE_MODEL}/2"):
            bucket.delete(key)
        store.wait_for_poll(bucket)
        callers.wait_for(second)
        roll_back(url)
        callers.wait_for(first)
    assert callers.failures == []


def test_denied_its_bucket_triton_stops_serving_and_allowed_it_starts_again(
    server: EmbeddedServer, store: Store, first: str
) -> None:
    """This is a limit to know: Triton takes a repository that it cannot list for an empty one."""
    with Callers(server.http_address, server.grpc_address) as callers:
        _allow(store, requests=0)
        try:
            deadline = time.monotonic() + DEADLINE_S
            while not any("unknown model" in failure for failure in callers.failures):
                assert time.monotonic() < deadline, "still serving"
                time.sleep(0.5)
        finally:
            _allow(store, requests="inf")
    server.wait_ready(MODELS)
    with Callers(server.http_address, server.grpc_address) as callers:
        callers.wait_for(first)
    assert callers.failures == []


def _allow(store: Store, *, requests: int | str) -> None:
    """Set how many more requests the S3 service answers before it asks for keys that nobody has."""
    reply = urllib3.request("POST", f"{store.address}/moto-api/reset-auth", body=str(requests))
    assert reply.status == 200, reply.data
