"""What the gateway answers by itself, read from its configuration: statuses, bodies and headers in its own words."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path

EXAMPLE_RATE = 600
"""Stands in the example of a 429 for the number that whoever runs the gateway chooses."""

_ANSWER = re.compile(
    r"http-(?:request return|error) status (?P<status>\d+) content-type application/json"
    r"(?: hdr (?P<header>\S+) (?P<value>\S+))? string '(?P<body>\{.*?\})'(?=\s)(?P<condition>.*)"
)
_RATE = "'\"$RATE_LIMIT\"'"


@dataclass(frozen=True)
class Answer:
    """Hold one answer of the gateway's own: its body is ``{"error": ...}``."""

    status: int
    error: str
    header: str | None
    value: str | None


def answers(configuration: str) -> list[Answer]:
    """Return what a gateway says over HTTP without asking Triton; ``configuration`` is the text of ``haproxy.cfg``."""
    found = _ANSWER.finditer(configuration.replace(_RATE, str(EXAMPLE_RATE)))
    return [Answer(int(m["status"]), json.loads(m["body"])["error"], m["header"], m["value"]) for m in found]


def most_bytes(configuration: str) -> int:
    """Return how many bytes a request's body may have.

    Raises ValueError when the configuration does not say it in one place.
    """
    limits = re.findall(r"if !desk \{ req\.hdr_val\(content-length\) gt (\d+) \}", configuration)
    if len(limits) != 1:
        raise ValueError(f"the gateway's configuration limits Content-Length {len(limits)} times, expected once")
    return int(limits[0])


def read_configuration(root: Path) -> str:
    """Return the text of the gateway's configuration in the project's folder."""
    return (root / "deploy" / "gateway" / "haproxy.cfg").read_text()
