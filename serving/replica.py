"""Runs one Triton and answers for it.

Its arguments are Triton's command: ``python3 replica.py tritonserver --model-repository=...``.

Triton says that it is ready while a Python model behind it is dead, and it stops answering the moment it
is told to stop. So this supervisor asks it for a real price again and again. When Triton must stop, the
supervisor first tells the gateway and waits until it sends no more requests. It imports the standard library
only, because it is mounted into NVIDIA's image as it stands.

It also asks each loaded version of the price model, all the time, for the homes whose prices stand on the version's
card: a file that rots, or another runtime, shows within a minute. An analysis that fails keeps no price
away: it is reported, and its model loaded again once.

``GET /ready``    200 if the last valuation worked; 404 if it did not, or if the replica is about to stop
``GET /live``     200 while Triton is starting, or values homes; 503 once it fails for good
``GET /metrics``  for Prometheus
"""

from __future__ import annotations

import http.client
import json
import logging
import math
import os
import queue
import secrets
import signal
import subprocess
import sys
import tempfile
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, cast

DRAIN_SECONDS = float(os.environ.get("DRAIN_SECONDS", "5"))
"""How long the gateway has to notice that the replica stops. It looks twice a second; where a look is lost because the
machine is busy, it waits two seconds for it, and gives up on the replica after the second one."""
PROBE_SECONDS = float(os.environ.get("PROBE_SECONDS", "1"))
STATUS_PORT = int(os.environ.get("STATUS_PORT", "8003"))
TRITON_PORT = int(os.environ.get("TRITON_PORT", "8000"))
PROBE_TIMEOUT_SECONDS = 5.0
FATAL_FAILURES = 5
"""Failures in a row, after the first success, that end the replica; the restart policy starts a new one."""
PROOF_LOOKS = 10
"""A version is compared with its card at every tenth look: of two, each once in twenty seconds. So is the analysis
asked for."""
MOST_DIFFERENCE = 1e-4
"""Relative: processors add up in another order. ``publishing.contract`` allows as much, and a test compares."""
RANDOM_KEY = "RANDOM_KEY"
"""Stands in an argument for a key that is made up at this start and told to nobody: it closes APIs to everybody."""

ENSEMBLE = "house_price_minimal"
COMPOSING = ("preprocessing", "price_model")
ANALYSIS = "market_analysis"
PANEL_HOME = {
    "bedrooms": 3,
    "bathrooms": 2.25,
    "sqft_living": 1900,
    "sqft_lot": 6000,
    "floors": 1.5,
    "sqft_above": 1400,
    "sqft_basement": 500,
}
"""The house of the panel, which is made up: the same in every area, so that its prices change only with the model."""
PROBE = {"id": "probe"}
"""The id of a request whose home is not counted; ``preprocessing.metrics`` has it too, and a test compares."""
PANEL_AREAS = {
    "Seattle south": 98118,
    "Seattle north": 98103,
    "Bellevue": 98004,
    "Redmond": 98052,
    "Kent": 98030,
    "Enumclaw": 98022,
}

log = logging.getLogger("replica")


class Stop:
    """An event that a signal's handler may set.

    A handler runs between two steps of the main thread. Where these are steps of ``threading.Event.wait``, the lock
    that ``Event.set`` needs is taken, and both wait for ever.
    """

    def __init__(self) -> None:
        self._told: queue.SimpleQueue[None] = queue.SimpleQueue()

    def set(self) -> None:
        """Make it hold from now on."""
        self._told.put(None)

    def is_set(self) -> bool:
        """Return whether it holds."""
        return not self._told.empty()

    def wait(self, timeout: float) -> bool:
        """Return whether it holds, after so many seconds at the latest; one thread may wait."""
        try:
            self._told.get(timeout=timeout)
        except queue.Empty:
            return False
        self.set()
        return True


class Replica:
    """Hold what is known of the server at a port: its prices for the panel, and whether it works.

    ``models`` is the repository that it serves; None where that is a bucket.
    """

    def __init__(self, port: int, models: Path | None = None) -> None:
        self.port = port
        self.models = models
        self.problem = ""
        self.draining = False
        self.served = False
        self.failures = 0
        self.seconds = 0.0
        self.prices: dict[str, float] = {}
        self.price_model = ""
        self.loaded: list[tuple[str, str]] = []
        self.differences: dict[str, float] = {}
        """Of each version of the price model: the largest difference from its card's prices, relative."""
        self.analyses: bool | None = None
        """Whether the last analysis worked; None where no version of it is loaded."""
        self._loaded_again = False
        self._looks = 0
        self._areas = dict(PANEL_AREAS)

    @property
    def ready(self) -> bool:
        """Return whether it values homes and is not about to stop."""
        return self.served and not self.failures and not self.draining

    @property
    def broken(self) -> bool:
        """Return whether it once worked and has now failed for good."""
        return self.served and self.failures >= FATAL_FAILURES

    def look(self) -> None:
        """Value the panel's house in the next area, and see which versions are loaded."""
        area, zipcode = next(iter(self._areas.items()))
        begin = time.monotonic()
        try:
            status, answer = self._ask(
                "POST", f"/v2/models/{ENSEMBLE}/generate", {**PANEL_HOME, "zipcode": zipcode, **PROBE}
            )
            loaded = [(model, version) for model in COMPOSING for version in self._versions(model)]
        except (OSError, http.client.HTTPException, ValueError) as error:
            self._failed(f"{type(error).__name__}: {error}")
            return
        self.seconds = time.monotonic() - begin
        if status == 200:
            self.served, self.failures = True, 0
            self.prices[area] = float(str(answer["price"]))
            self.price_model = str(answer["price_model"]).rstrip()
            self.loaded = loaded
            self._areas[area] = self._areas.pop(area)  # to the end
            self._looks += 1
            self._prove()
            self._analyse(zipcode)
        elif status == 400 and "zipcode" in str(answer.get("error")) and len(self._areas) > 1:
            # Not any 400: without jemalloc Triton answers so when preprocessing has died, too.
            log.warning("%s is not among the areas of this market: %s", area, answer.get("error"))
            del self._areas[area]
        else:
            self._failed(f"status {status}: {answer.get('error')}")

    def _prove(self) -> None:
        """Compare one of the loaded versions of the price model with its card, now and then."""
        versions = [version for model, version in self.loaded if model == COMPOSING[-1]]
        self.differences = {version: self.differences[version] for version in versions if version in self.differences}
        if not versions or self._looks % PROOF_LOOKS:
            return
        version = versions[self._looks // PROOF_LOOKS % len(versions)]
        try:
            found = min((self._difference(version, card) for card in self._cards(version)), key=_nan_last)
        except FileNotFoundError:  # it was just taken away
            return
        except (OSError, http.client.HTTPException, ValueError, TypeError, LookupError, ArithmeticError) as error:
            # A card that rotted may hold anything, and must not end the supervisor.
            log.warning("version %s cannot be compared with its card: %s: %s", version, type(error).__name__, error)
            found = math.nan
        if not found <= MOST_DIFFERENCE and self.differences.get(version, 0.0) <= MOST_DIFFERENCE:
            log.error("version %s does not answer the prices on its card: they differ by %.2g", version, found)
        self.differences[version] = found

    def _cards(self, version: str) -> list[Path]:
        """Return the card of a version; of a bucket's version all those of its number in Triton's copies of the bucket.

        There, other servers may have copies, too: a version is right if it answers the prices of one of them.
        """
        if self.models is not None:
            return [self.models / COMPOSING[-1] / version / "card.json"]
        copies = list(Path(tempfile.gettempdir()).glob(f"folder*/{version}/card.json"))
        if not copies:
            raise FileNotFoundError(f"no copy of version {version}")
        return copies

    def _difference(self, version: str, path: Path) -> float:
        """Return how far the answers of a loaded version are from the prices on a card, at the most; NaN for none."""
        homes = json.loads(path.read_text())["examples"]
        values = [math.nan if value is None else value for home in homes for value in home["features"]]
        features = {"name": "features", "datatype": "FP32", "shape": [len(homes), len(values) // len(homes)]}
        # NaN is no JSON, though Triton takes it.
        status, answer = self._ask(
            "POST", f"/v2/models/{COMPOSING[-1]}/versions/{version}/infer", {"inputs": [{**features, "data": values}]}
        )
        if status != 200:
            raise ValueError(f"status {status}: {answer.get('error')}")
        answered = {output["name"]: output["data"] for output in cast("list[dict[str, Any]]", answer["outputs"])}
        differences = [
            abs(value / home[name] - 1)
            for name in ("price", "price_low", "price_high")
            for home, value in zip(homes, answered[name], strict=True)
        ]
        return float(max(differences, key=_nan_last))

    def _analyse(self, zipcode: int) -> None:
        """Ask for an analysis of the panel's house, now and then. Where it fails, prices go on."""
        if self._looks % PROOF_LOOKS != PROOF_LOOKS // 2:
            return
        home, status, problem = {**PANEL_HOME, "zipcode": zipcode, **PROBE}, 0, ""
        try:
            versions = self._versions(ANALYSIS)
            if not versions:
                self.analyses = None
                return
            status, answer = self._ask("POST", f"/v2/models/{ANALYSIS}/generate", home)
            problem = "" if status == 200 else f"status {status}: {answer.get('error')}"
        except (OSError, http.client.HTTPException, ValueError) as error:
            problem = f"{type(error).__name__}: {error}"
        if problem and self.analyses is not False:
            log.error("no analysis from Triton, prices go on: %s", problem)
        # No answer at all may be a busy machine; one that fails is a dead process, whatever was found before it.
        if problem and status and self.models is not None and not self._loaded_again:
            self._loaded_again = True
            self._load_again(self.models / ANALYSIS / max(versions, key=int) / "model.py")
        if not problem:
            self._loaded_again = False
        self.analyses = not problem

    def _load_again(self, code: Path) -> None:
        """Make Triton load a model again, with a new process: it does so when one of its files becomes newer."""
        try:
            os.utime(code)
        except OSError as error:  # containers mount what Triton polls read-only
            log.warning("%s cannot be loaded again from here: %s", ANALYSIS, error)

    def _failed(self, why: str) -> None:
        self.failures += 1
        self.problem = why
        if self.served and self.failures == 1:
            log.warning("no price from Triton: %s", why)

    def _ask(self, method: str, path: str, body: object = None) -> tuple[int, dict[str, object]]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PROBE_TIMEOUT_SECONDS)
        try:
            connection.request(method, path, None if body is None else json.dumps(body))
            response = connection.getresponse()
            return response.status, json.loads(response.read() or b"{}")
        finally:
            connection.close()

    def _versions(self, model: str) -> list[str]:
        versions = self._ask("GET", f"/v2/models/{model}")[1].get("versions", [])
        return list(versions) if isinstance(versions, list) else []

    def metrics(self) -> str:
        """Return the metrics in Prometheus' text format."""
        families: dict[str, tuple[str, dict[str, float]]] = {
            "probe_success": (
                "Whether the last valuation of the panel worked",
                {"": float(self.served and not self.failures)},
            ),
            "probe_seconds": ("How long the last valuation of the panel took", {"": self.seconds}),
            "draining": ("Whether the replica is about to stop", {"": float(self.draining)}),
            "panel_price_dollars": (
                "Price of the same made-up house in several areas",
                {_labels(area=area, zipcode=str(PANEL_AREAS[area])): price for area, price in self.prices.items()},
            ),
            "price_model_info": (
                "The trained model that answers",
                {_labels(price_model=self.price_model): 1.0} if self.price_model else {},
            ),
            "version_difference": (
                "How far a version's answers are from the prices on its card at the most, relative",
                {_labels(version=version): found for version, found in self.differences.items()},
            ),
            "analysis_success": (
                "Whether the last analysis of the panel's house worked",
                {} if self.analyses is None else {"": float(self.analyses)},
            ),
            "version_loaded": (
                "A version that is loaded",
                {_labels(model=model, version=version): 1.0 for model, version in self.loaded},
            ),
        }
        lines = []
        for name, (description, series) in families.items():
            lines += [f"# HELP valuation_{name} {description}.", f"# TYPE valuation_{name} gauge"]
            lines += [f"valuation_{name}{labels} {value:.10g}" for labels, value in sorted(series.items())]
        return "\n".join(lines) + "\n"


def _nan_last(number: float) -> tuple[bool, float]:
    return math.isnan(number), number


def _labels(**labels: str) -> str:
    return "{" + ",".join(f'{name}="{value}"' for name, value in labels.items()) + "}"


class Status(BaseHTTPRequestHandler):
    """Answers the gateway, the container engine and Prometheus."""

    replica: Replica

    def do_GET(self) -> None:
        """Answer one of the three paths."""
        if self.path == "/ready":
            self._answer(*((200, "ready") if self.replica.ready else (404, "not ready")))
        elif self.path == "/live":
            self._answer(*((503, "broken") if self.replica.broken else (200, "live")))
        elif self.path == "/metrics":
            self._answer(200, self.replica.metrics())
        else:
            self._answer(400, "one of /ready, /live and /metrics")

    def _answer(self, status: int, text: str) -> None:
        body = text.encode()
        self.send_response(status)
        self.send_header("Content-Type", "text/plain; version=0.0.4")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Write nothing: a line for each check, twice a second, would hide the others."""


class StatusServer(ThreadingHTTPServer):
    """Serves the three paths; a caller that hangs up before the answer, as the gateway's checks may, is no error."""

    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        """Note in the debug log that a caller hung up."""
        log.debug("%s hung up", client_address, exc_info=True)


def _models(command: list[str]) -> Path | None:
    """Return the folder of the repository that Triton's command line names; None where it is a bucket."""
    named = next((part.partition("=")[2] for part in command if part.startswith("--model-repository=")), "")
    return Path(named) if named and "://" not in named else None


def run(command: list[str]) -> int:
    """Run Triton until it ends, fails for good, or SIGTERM comes; return the exit code."""
    replica, stopping = Replica(TRITON_PORT, _models(command)), Stop()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())
    key = secrets.token_urlsafe(24)
    triton = subprocess.Popen([part.replace(RANDOM_KEY, key) for part in command])
    Status.replica = replica
    server = StatusServer(("", STATUS_PORT), Status)
    threading.Thread(target=server.serve_forever, daemon=True).start()

    while not stopping.wait(PROBE_SECONDS if replica.served else 0.2):
        if triton.poll() is not None:
            log.error("Triton ended with exit code %d", triton.returncode)
            return triton.returncode or 1
        replica.look()
        if replica.broken:
            log.error("Triton runs but values no home any more; giving up on it")
            triton.kill()
            return 1

    replica.draining = True
    log.info("stopping in %g s, so that the gateway sends no more requests", DRAIN_SECONDS)
    time.sleep(DRAIN_SECONDS)
    triton.terminate()
    return triton.wait()


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(name)s: %(message)s")
    if sys.argv[1:] == ["--check"]:  # the container's own health check
        with_status = http.client.HTTPConnection("127.0.0.1", STATUS_PORT, timeout=PROBE_TIMEOUT_SECONDS)
        with_status.request("GET", "/ready")
        sys.exit(0 if with_status.getresponse().status == 200 else 1)
    sys.exit(run(sys.argv[1:]))
