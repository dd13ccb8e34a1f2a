"""Each folder is one peer: a server, and the environment it runs in."""

from __future__ import annotations


class Refused(ValueError):
    """A request gets no price from a peer; the message says why."""
