"""Questions to the running service after a version was published or taken back: which one answers?"""

from __future__ import annotations

import json
import socket
import time
import urllib.error
import urllib.request
from collections.abc import Mapping

TAKEOVER_S = 120.0
_TRY_EVERY_S = 0.5
_ANSWER_S = 10.0


class NotTakenOver(Exception):
    """The service runs, but the new version does not answer."""


def replicas(service: str) -> list[str]:
    """Return ``host:port`` of every server that answers behind the name of a service and is ready."""
    host, _, port = service.rpartition(":")
    try:
        found = {entry[4][0] for entry in socket.getaddrinfo(host, int(port), socket.AF_INET, socket.SOCK_STREAM)}
    except OSError:
        return []
    return [address for address in (f"{one}:{port}" for one in sorted(map(str, found))) if _is_ready(address)]


def wait_for(price_model: str, home: Mapping[str, float], service: str, seconds: float = TAKEOVER_S) -> float:
    """Wait until every replica of a service answers with the model of this name; return its price of a home in dollars.

    Raises NotTakenOver when another one still answers after so many seconds, or nobody does.
    """
    deadline, answering = time.monotonic() + seconds, "nobody"
    while time.monotonic() < deadline:
        try:
            answers = [_ask(home, address) for address in replicas(service)]
        except (OSError, ValueError) as error:
            answers, answering = [], f"nobody ({error})"
        # The embedded server on Python 3.13 adds blanks to the name.
        others = [answer for answer in answers if answer["price_model"].rstrip() != price_model]
        if answers and not others:
            return float(answers[0]["price"])
        answering = others[0]["price_model"].rstrip() if others else answering
        time.sleep(_TRY_EVERY_S)
    raise NotTakenOver(f"after {seconds:g} s {answering} answers at {service}, not {price_model}")


def _is_ready(address: str) -> bool:
    try:
        with urllib.request.urlopen(f"http://{address}/v2/models/house_price/ready", timeout=_ANSWER_S):
            return True
    except OSError:
        return False


def _ask(home: Mapping[str, float], address: str) -> dict[str, str]:
    request = urllib.request.Request(
        f"http://{address}/v2/models/house_price/generate",
        data=json.dumps(home).encode(),
        headers={"Content-Type": "application/json"},
    )
    try:
        with urllib.request.urlopen(request, timeout=_ANSWER_S) as reply:
            answer: dict[str, str] = json.load(reply)
            return answer
    except urllib.error.HTTPError as error:
        raise OSError(f"status {error.code}: {error.read().decode(errors='replace')}") from error
