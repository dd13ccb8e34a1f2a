"""One analysis over any of the three protocols, what holds for every one of them, and callers who keep asking."""

from __future__ import annotations

import json
import threading
import time
from collections import Counter
from datetime import date
from typing import Any

import numpy as np
import numpy.typing as npt
import tritonclient.grpc as grpc_client
import tritonclient.http as http_client
import urllib3
from pytest import approx
from tritonclient.utils import InferenceServerException

from market_analysis.confidence import confidence
from market_analysis.doubts import doubts
from market_analysis.reasons import GROUPS
from preprocessing.columns import EXAMPLE_HOME, HOME_COLUMN_NAMES, ZIPCODE
from publishing.repository import ANALYSIS
from tests.service.asking import PROTOCOLS
from tests.service.callers import DEADLINE_S

Columns = dict[str, list[float]]
Outputs = dict[str, npt.NDArray[Any]]

MOST = 64
OUTPUTS = {
    *("price", "price_low", "price_high", "price_model", "valued_for", "confidence", "fsd", "reference_price"),
    *("reason_group", "reason_dollars", "notice", "comparables_count", "comparables_price", "comparables_low"),
    *("comparables_high", "comparables_level", "comparable_id", "comparable_sale_date", "comparable_sale_price"),
    *("comparable_distance_miles", "comparable_similarity", "comparable_market_adjustment"),
    *("comparable_home_adjustment", "comparable_gross_adjustment", "comparable_adjusted_price"),
    *(f"comparable_{name}" for name in HOME_COLUMN_NAMES if name not in ("sqft_above", "sqft_living15", "sqft_lot15")),
}


class Analyst:
    """Ask for analyses in any protocol."""

    def __init__(self, http: str, grpc: str) -> None:
        self._address = http
        self._pool = urllib3.PoolManager(timeout=60, retries=False)
        self._clients = {
            "http": (http_client, http_client.InferenceServerClient(http)),
            "grpc": (grpc_client, grpc_client.InferenceServerClient(grpc)),
        }

    def close(self) -> None:
        self._pool.clear()
        for _, client in self._clients.values():
            client.close()

    def post(self, body: object, model: str = ANALYSIS) -> tuple[int, Any]:
        url = f"http://{self._address}/v2/models/{model}/generate"
        reply = self._pool.request("POST", url, body=json.dumps(body))
        return reply.status, json.loads(reply.data)

    def ask(self, columns: Columns, protocol: str = "grpc") -> Outputs:
        """Return the outputs [N,1], [N,5] and [N,7] for N homes, texts without blanks at their end."""
        count = len(columns[ZIPCODE])
        if count > MOST:
            halves = [self.ask({name: one[part] for name, one in columns.items()}, protocol) for part in _parts(count)]
            return {name: np.concatenate([half[name] for half in halves]) for name in OUTPUTS}
        if protocol == "generate":
            status, answer = self.post({name: one if count > 1 else one[0] for name, one in columns.items()})
            assert status == 200, answer
            found = {name: np.array(value).reshape(count, -1) for name, value in answer.items() if name in OUTPUTS}
        else:
            module, client = self._clients[protocol]
            inputs = []
            for name, values in columns.items():
                kind, dtype = ("INT64", np.int64) if name == ZIPCODE else ("FP32", np.float32)
                inputs.append(module.InferInput(name, [count, 1], kind))
                inputs[-1].set_data_from_numpy(np.array(values, dtype).reshape(-1, 1))
            # Over HTTP it gives up by itself.
            patience = {"client_timeout": DEADLINE_S} if protocol == "grpc" else {}
            try:
                result = client.infer(ANALYSIS, inputs, **patience)
            except InferenceServerException as error:
                raise AssertionError(str(error)) from error
            found = {name: result.as_numpy(name) for name in OUTPUTS}
        return {name: np.vectorize(_text)(one) if one.dtype.kind in "OSU" else one for name, one in found.items()}


def _parts(count: int) -> list[slice]:
    return [slice(start, start + MOST) for start in range(0, count, MOST)]


def _text(value: str | bytes) -> str:
    return (value.decode() if isinstance(value, bytes) else value).rstrip()


class Analysts:
    """Ask for analyses of a home all the time, one caller for each protocol, and keep what they see."""

    def __init__(self, http: str, grpc: str) -> None:
        self._addresses = http, grpc
        self.seen: list[Outputs] = []
        self.failures: list[str] = []
        self._answering: Counter[str] = Counter()
        self._done = threading.Event()

    def __enter__(self) -> Analysts:
        self._threads = [threading.Thread(target=self._call, args=(protocol,)) for protocol in PROTOCOLS]
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._done.set()
        for thread in self._threads:
            thread.join()

    def _call(self, protocol: str) -> None:
        home: Columns = {name: [value, value] for name, value in EXAMPLE_HOME.items()}
        analyst = Analyst(*self._addresses)
        while not self._done.wait(0.05):
            try:
                found = analyst.ask(home, protocol)
                self.seen.append(found)
                self._answering[str(found["price_model"][0, 0])] += 1
            except Exception as error:  # whatever a caller may see is what this is about
                self.failures.append(repr(error))
        analyst.close()

    def wait_for(self, name: str) -> None:
        """Wait until a model answers."""
        self._answering.clear()
        deadline = time.monotonic() + DEADLINE_S
        while self._answering[name] < len(PROTOCOLS):
            assert time.monotonic() < deadline, f"waiting for {name}, still answering: {self._answering}"
            time.sleep(0.1)

    def check(self, names: set[str]) -> None:
        """Check that nobody was left without, and that each answer came from one of these models alone."""
        assert self.failures == []
        prices: dict[str, set[tuple[float, ...]]] = {}
        for found in self.seen:
            assert len(set(found["price_model"][:, 0])) == 1
            if found["valued_for"][0, 0]:
                check(found)
            else:
                check_alone(found)
            prices.setdefault(str(found["price_model"][0, 0]), set()).add(tuple(found["price"][:, 0].tolist()))
        assert {name: len(one) for name, one in prices.items()} == dict.fromkeys(names, 1)


def check(found: Outputs) -> None:
    """Check what holds for every analysis."""
    price, reference, dollars = found["price"][:, 0], found["reference_price"][:, 0], found["reason_dollars"]
    assert (reference + dollars.sum(axis=1) == np.rint(price)).all()
    assert (dollars == np.rint(dollars)).all()
    assert (found["reason_group"] == list(GROUPS)).all()
    deviation = np.log(found["price_high"] / found["price_low"]) / 3.29
    assert found["fsd"] == approx(deviation, rel=1e-4)
    assert [confidence(one) for one in found["fsd"][:, 0]] == found["confidence"][:, 0].tolist()
    paid, market, home, adjusted, gross = (
        found[f"comparable_{name}"].astype(np.float64)
        for name in ("sale_price", "market_adjustment", "home_adjustment", "adjusted_price", "gross_adjustment")
    )
    assert (paid + market + home == adjusted).all()
    for row, count in enumerate(found["comparables_count"][:, 0]):
        real = slice(0, count)
        assert gross[row, real] == approx(100 * (abs(market) + abs(home))[row, real] / paid[row, real], rel=1e-4)
        assert len(set(found["comparable_id"][row, real])) == count, "two sales of one home"
        assert (found["comparable_id"][row, count:] == "").all()
        assert not adjusted[row, count:].any()
        assert (np.diff(found["comparable_similarity"][row, real]) <= 0).all()
        together = [f(adjusted[row, real]) if count else 0 for f in (np.mean, np.min, np.max)]
        names = ("comparables_price", "comparables_low", "comparables_high")
        assert [found[name][row, 0] for name in names] == approx(together, abs=1)
        assert bool(count) == (found["comparables_level"][row, 0] >= 0)
        assert count == 5 or found["notice"][row, 0]
        shown = found["comparables_level"][row, 0], adjusted[row, real], gross[row, real], found["price"][row, 0]
        assert ("Explain these comparables" in found["notice"][row, 0]) == bool(count and list(doubts(*shown)))
    for day in found["valued_for"][:, 0]:
        date.fromisoformat(day)
    assert all(np.isfinite(one).all() for one in found.values() if one.dtype.kind == "f")


def check_alone(found: Outputs) -> None:
    """Check a price that came without anything beside it: the sales behind the model were not at hand."""
    assert (found["valued_for"] == "").all()
    assert (found["price"] > 0).all()
    assert (found["reference_price"] == np.rint(found["price"])).all()
    assert not found["reason_dollars"].any()
    assert not found["comparables_count"].any()
    assert (found["comparables_level"] == -1).all()
    assert all("ask again" in notice for notice in found["notice"][:, 0])


def check_never_itself(found: Outputs, homes: npt.NDArray[np.int64]) -> None:
    """Check that no home, given by its id [N], is among its own comparables."""
    assert found["comparables_count"].any()
    for row, home in enumerate(homes):
        assert str(home) not in found["comparable_id"][row]
