"""How long a new version takes to go live, by the size of the model."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import urllib3

from benchmarks.growth.findings import Swap
from benchmarks.growth.measures import running
from benchmarks.places import BUILD
from benchmarks.requests import ValuedHomes, plain_json
from benchmarks.trained import QUICK_SALES, Trained, fit, write_model
from benchmarks.triton_server import TritonServer
from publishing.card import Card
from publishing.contract import MODEL_FILE, check_version
from publishing.publish import TRIED_ON
from publishing.repository import PRICE_MODEL, add, staged

SECONDS = 60.0
Step = Callable[[str], None]


class NotSwapped(RuntimeError):
    """A published version did not answer."""


def swaps(model: Trained, service: TritonServer, homes: ValuedHomes, rounds: Sequence[int], step: Step) -> list[Swap]:
    """Publish models of more and more trees, trained on the same few sales, into a running service.

    The gate's comparison with the serving version is left out: it depends on how good the models
    are, and these are made for their size. Raises NotSwapped.
    """
    found = []
    with running(service):
        for count in rounds:
            step(f"training {2 * count} trees")
            version = BUILD / "growth" / str(2 * count)
            shutil.rmtree(version, ignore_errors=True)
            version.mkdir(parents=True)
            write_model(fit(model.sales, count, QUICK_SALES), model.sales, version)
            step(f"publishing {2 * count} trees")
            begin = time.perf_counter()
            _publish(version, service.repository, model)
            published = time.perf_counter()
            _wait_for(Card.read(version).price_model, service, homes)
            swapped = time.perf_counter()
            size_mb = (version / MODEL_FILE).stat().st_size / 1e6
            found.append(Swap(2 * count, size_mb, published - begin, swapped - published))
    return found


def _publish(version: Path, repository: Path, model: Trained) -> None:
    with staged(repository) as area:
        folder = area / "version"
        shutil.copytree(version, folder)
        check_version(folder, model.table[:TRIED_ON])
        add(folder, repository / PRICE_MODEL)


def _wait_for(name: str, service: TritonServer, homes: ValuedHomes) -> None:
    url = f"http://{service.server.http_address}/v2/models/{service.ensemble}/generate"
    body, deadline = plain_json(homes.some(0, 1)), time.monotonic() + SECONDS
    while True:
        answer = json.loads(urllib3.request("POST", url, body=body).data)
        if answer.get("price_model") == name:
            return
        if time.monotonic() > deadline:
            raise NotSwapped(f"{name} did not answer within {SECONDS:.0f} s of its publishing, but {answer}")
        time.sleep(0.01)
