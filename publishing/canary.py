"""One question to the running service after a version was published: does the new version answer?"""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.request
from collections.abc import Mapping

TAKEOVER_S = 120.0
_TRY_EVERY_S = 0.5
_ANSWER_S = 10.0


class NotTakenOver(Exception):
    """The service runs, but the new version does not answer."""


def is_running(address: str) -> bool:
    """Tell whether a service is ready at ``host:port``."""
    try:
        with urllib.request.urlopen(f"http://{address}/v2/models/house_price/ready", timeout=_ANSWER_S):
            return True
    except OSError:
        return False


def wait_for(price_model: str, home: Mapping[str, float], address: str, seconds: float = TAKEOVER_S) -> float:
    """Wait until the model of this name answers; return the price in dollars that it gives a home.

    Raises NotTakenOver when another one still answers after so many seconds, or nobody does.
    """
    deadline, answering = time.monotonic() + seconds, "nobody"
    while time.monotonic() < deadline:
        try:
            answer = _ask(home, address)
            answering = answer["price_model"].rstrip()  # the embedded server on Python 3.13 adds blanks
            if answering == price_model:
                return float(answer["price"])
        except (OSError, ValueError) as error:
            answering = f"nobody ({error})"
        time.sleep(_TRY_EVERY_S)
    raise NotTakenOver(f"after {seconds:g} s {answering} answers at {address}, not {price_model}")


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
