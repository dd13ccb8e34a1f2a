"""Callers who keep asking a service while something happens to it, and count what they get."""

from __future__ import annotations

import http.client
import threading
import time
from collections import Counter
from dataclasses import dataclass, field

from preprocessing.columns import EXAMPLE_HOME, REQUIRED_COLUMN_NAMES
from tests.service.asking import PROTOCOLS, SINGLE, Asker

DEADLINE_S = 300
"""For what takes seconds on an idle machine: that it happens is asserted, not how fast."""
PAUSE_S = 0.04
"""Between two questions of one caller: leaves the processors to what the tests wait for, a poll or a start."""
HEARD = 10
"""Answers that each caller gets before it is said who answers."""

HOME = {name: [value] for name, value in EXAMPLE_HOME.items()}
HEALTH = ("/v2/health/ready", *(f"/v2/models/{model}/ready" for model in ("house_price", "house_price_minimal")))
"""What a load balancer asks: prices are given all the time, so the answer is yes all the time."""
MODELS = {"house_price": HOME, "house_price_minimal": {name: HOME[name] for name in REQUIRED_COLUMN_NAMES}}


@dataclass
class Callers:
    """Run two callers for each protocol, with connections of their own, who ask all the time and count the answers.

    Another one asks for the health.
    """

    http: str
    grpc: str
    pause_s: float = PAUSE_S
    asked: int = 0
    answered: Counter[str] = field(default_factory=Counter)
    """Since the last look at who answers."""
    failures: list[str] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    """How long each answer took, since they were last taken."""
    slowest_s: float = 0.0
    _look: int = 0
    _heard: Counter[threading.Thread] = field(default_factory=Counter)
    """Answers of each caller to what it asked since the last look."""
    _done: threading.Event = field(default_factory=threading.Event)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __enter__(self) -> Callers:
        self._threads = [
            threading.Thread(target=self._call, args=(protocol, model))
            for protocol in (*PROTOCOLS, SINGLE)
            for model in MODELS
        ]
        self._watcher = threading.Thread(target=self._watch_health)
        for thread in (*self._threads, self._watcher):
            thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._done.set()
        for thread in (*self._threads, self._watcher):
            thread.join()

    def _call(self, protocol: str, model: str) -> None:
        asker = Asker(self.http, self.grpc)
        while not self._done.wait(self.pause_s):
            begin, look = time.monotonic(), self._look
            try:
                answer = asker.ask(protocol, model, MODELS[model])
                name = answer.outputs["price_model"][0] if answer.outputs else f"refused: {answer.refusal}"
            except Exception as error:  # whatever a caller may see is what this test is about
                name = f"failed: {error!r}"
            with self._lock:
                self.asked += 1
                if look == self._look:
                    self.answered[name] += 1
                    self._heard[threading.current_thread()] += 1
                self.seconds.append(time.monotonic() - begin)
                self.slowest_s = max(self.slowest_s, self.seconds[-1])
                if name.startswith(("refused", "failed")):
                    self.failures.append(f"{protocol} {model} {name}")
        asker.close()

    def _watch_health(self) -> None:
        connection = http.client.HTTPConnection(self.http, timeout=DEADLINE_S)
        while not self._done.wait(5 * self.pause_s):
            for path in HEALTH:
                try:
                    connection.request("GET", path)
                    response = connection.getresponse()
                    response.read()
                    problem = "" if response.status == 200 else f"refused: status {response.status}"
                except (OSError, http.client.HTTPException) as error:
                    connection.close()
                    problem = f"failed: {error!r}"
                if problem:
                    with self._lock:
                        self.failures.append(f"health {path} {problem}")
        connection.close()

    def take_seconds(self) -> list[float]:
        """Return how long each answer took since the last call."""
        with self._lock:
            taken, self.seconds = self.seconds, []
            return taken

    def answering(self) -> set[str]:
        """Return the models that answer what is asked from now on; every caller is heard."""
        with self._lock:
            self._look += 1
            self.answered.clear()
            self._heard.clear()
        deadline = time.monotonic() + DEADLINE_S
        while min(self._heard[thread] for thread in self._threads) < HEARD:
            assert time.monotonic() < deadline, f"a caller waits for its answer: {self._heard}"
            time.sleep(0.05)
        with self._lock:
            return set(self.answered)

    def wait_for(self, name: str) -> None:
        """Wait until a single model answers everybody."""
        deadline = time.monotonic() + DEADLINE_S
        while (found := self.answering()) != {name}:
            assert not self.failures, self.failures[:3]
            assert time.monotonic() < deadline, f"waiting for {name}, still answering: {found}"
