"""The door between what people put into ``model_repository/`` and what Triton polls.

It looks at the folders there once a second. What is new and complete it examines, and admits or refuses; what people
removed it takes away from Triton. Its end stops deployments and nothing else: what serves goes on serving, and the next
door takes up what waits.
"""

from __future__ import annotations

import fcntl
import json
import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from math import inf
from pathlib import Path
from typing import Literal, NoReturn

from pydantic import TypeAdapter, ValidationError

from conversion import Refused
from data.files import DataError
from publishing.admission import Market, Unjudged, admit, is_as_admitted, withdraw
from publishing.confinement import Limits
from publishing.examination import LIMITS
from publishing.intake import Incomplete, named, signature
from publishing.repository import MOST_DIGITS, PRICE_MODEL, misnamed, served, served_folder, versions

LOOK_S = 1.0
SETTLED_S = 30.0
"""A folder that is incomplete and has not changed for so long is no copy under way."""
RETRY_S = 10.0
"""Until a version that could not be judged, as for want of data or room on the disk, is looked at again."""

_CHANGED = (
    "it was changed after it was admitted, and versions never change: what was admitted goes on serving; put it back, "
    "or drop what changed under the next number"
)

State = Literal["admitted", "refused", "incomplete", "unjudged"]
"""The last two wait: one may be half a copy, the other cannot be judged for now."""

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Verdict:
    """Hold what was found about one version's folder, and what the folder looked like then."""

    state: State
    reason: str
    price_model: str
    signature: str
    since: float
    """Seconds since 1970."""


@dataclass
class Record:
    """Hold what is known at the door, by version; kept in a file, so that the next door knows it too."""

    verdicts: dict[int, Verdict] = field(default_factory=dict)
    service: str = ""
    """host:port of the service that follows."""


_RECORD = TypeAdapter(Record)


def read_record(repository: Path) -> Record:
    """Read what is known at the door of a repository; nothing, when it has never opened."""
    try:
        return _RECORD.validate_json((served_folder(repository) / "door.json").read_bytes())
    except (OSError, ValidationError):
        return Record()


def is_open(repository: Path) -> bool:
    """Return whether a door looks after a repository at this moment."""
    try:
        with (served_folder(repository) / "door.lock").open("rb") as lock:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except BlockingIOError:
        return True
    return False


@contextmanager
def only_door(repository: Path) -> Iterator[None]:
    """Wait until no other door looks after a repository, then keep others waiting."""
    served_folder(repository).mkdir(parents=True, exist_ok=True)
    with (served_folder(repository) / "door.lock").open("wb") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            log.info("another door looks after %s; this one waits for its end", repository)
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


class Door:
    """Look after one repository.

    Args:
        repository: Where people put versions.
        market: Returns the data that a version is judged by.
        service: host:port of the service that follows, for the commands that wait for it.
        limits: What an examination may take.
        prepare: Is called after a version was admitted, and brings the rest of the repository up to date.
        settled_s: Seconds after which an incomplete folder that does not change is refused.
    """

    def __init__(
        self,
        repository: Path,
        market: Market,
        *,
        service: str = "",
        limits: Limits = LIMITS,
        prepare: Callable[[], object] = lambda: None,
        settled_s: float = SETTLED_S,
    ) -> None:
        self._repository, self._market, self._limits, self._prepare = repository, market, limits, prepare
        self._looks_again_after = {"admitted": inf, "refused": inf, "incomplete": settled_s, "unjudged": RETRY_S}
        self._service = service
        self._record = read_record(repository)
        self._told: set[str] = set()
        self._looked = time.time()

    def look(self) -> None:
        """Look at every folder once: admit, refuse, and take away what people removed."""
        dropped = self._repository / PRICE_MODEL
        for name in misnamed(dropped):
            self._tell_once(
                f"{PRICE_MODEL}/{name} is no version: that is a folder whose name is a number of one to {MOST_DIGITS} "
                "digits without leading zeros"
            )
        self._withdraw()
        present = versions(dropped)
        for number in present:
            self._consider(number)
        for number in self._record.verdicts.keys() - set(present):
            del self._record.verdicts[number]
            self._write()
        self._looked = time.time()

    def watch(self) -> NoReturn:
        """Look once a second for ever, as the only door."""
        with only_door(self._repository):
            self._record = Record(read_record(self._repository).verdicts, self._service)  # as the door before left it
            self._write()
            while True:
                try:
                    self.look()
                except OSError as error:  # a disk that is full or away is no reason to end
                    self._tell_once(str(error))
                time.sleep(LOOK_S)

    def metrics(self) -> str:
        """Return the metrics in Prometheus' text format."""
        lines = [
            "# HELP valuation_door_version What became of a version that lies in the repository.",
            "# TYPE valuation_door_version gauge",
            *(
                f'valuation_door_version{{version="{number}",state="{verdict.state}"}} 1'
                for number, verdict in sorted(dict(self._record.verdicts).items())
            ),
            "# HELP valuation_door_looked_seconds When the door last looked at all folders, in seconds since 1970.",
            "# TYPE valuation_door_looked_seconds gauge",
            f"valuation_door_looked_seconds {self._looked:.3f}",
        ]
        return "\n".join(lines) + "\n"

    def _consider(self, number: int) -> None:
        folder = self._repository / PRICE_MODEL / str(number)
        known, unreadable = self._record.verdicts.get(number), ""
        try:
            seen = signature(folder)
        except OSError as error:
            seen, unreadable = "", f"it cannot be read: {error.strerror}"
        same = known is not None and known.signature == seen
        if known is not None and same and time.time() - known.since < self._looks_again_after[known.state]:
            return
        if unreadable:
            self._keep(number, "unjudged", unreadable, seen)
        elif number not in versions(served(self._repository) / PRICE_MODEL):
            self._keep(number, *self._judge(folder, number, settled=same), seen)
        elif is_as_admitted(folder, self._repository):
            self._keep(number, "admitted", "", seen)
        else:
            self._keep(number, "refused", _CHANGED, seen)

    def _judge(self, folder: Path, number: int, settled: bool) -> tuple[State, str]:
        """Admit a version if it may serve; return what became of it, and why. ``settled``: it has not changed."""
        try:
            admit(
                folder,
                self._repository,
                self._market,
                number=number,
                limits=self._limits,
                meanwhile=self._withdraw,
            )
        except Incomplete as error:
            return "refused" if settled else "incomplete", f"incomplete: {error}"
        except (Unjudged, DataError, OSError) as error:
            return "unjudged", str(error)
        except Refused as error:
            return "refused", str(error)
        log.info("%s version %d (%s) is admitted", PRICE_MODEL, number, named(folder))
        try:
            self._prepare()
        except (Refused, DataError) as error:
            log.warning("%s version %d serves, but the rest was not brought up to date: %s", PRICE_MODEL, number, error)
        return "admitted", ""

    def _withdraw(self) -> None:
        for number in withdraw(self._repository):
            log.info("%s version %d was removed, and serves no more", PRICE_MODEL, number)

    def _keep(self, number: int, state: State, reason: str, seen: str) -> None:
        """Keep a verdict, and say it unless it is the one that is known."""
        known = self._record.verdicts.get(number)
        price_model = named(self._repository / PRICE_MODEL / str(number))
        self._record.verdicts[number] = Verdict(state, reason, price_model, seen, time.time())
        self._write()
        if known is not None and (known.state, known.reason) == (state, reason):
            return
        said = f"{PRICE_MODEL} version {number}{f' ({price_model})' if price_model else ''}"
        if state == "refused":
            log.warning("%s was refused: %s", said, reason)
        elif state == "unjudged":  # half a copy is no news until it stays one
            log.warning("%s waits: %s", said, reason)

    def _tell_once(self, text: str) -> None:
        if text not in self._told:
            self._told.add(text)
            log.warning("%s", text)

    def _write(self) -> None:
        """Write what is known, whole or not at all."""
        path = served_folder(self._repository) / "door.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = path.with_suffix(".draft")
        draft.write_text(json.dumps(asdict(self._record), indent=1) + "\n")
        draft.replace(path)


def serve_metrics(door: Door, port: int) -> ThreadingHTTPServer:
    """Answer Prometheus at this port, in a thread of its own: every path gives the metrics."""

    class Metrics(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = door.metrics().encode()
            self.send_response(200)
            self.send_header("Content-Type", "text/plain; version=0.0.4")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            """Write nothing: a line for each scrape would hide the others."""

    server = ThreadingHTTPServer(("", port), Metrics)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server
