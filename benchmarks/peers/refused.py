"""What a peer answers instead of a price."""

from __future__ import annotations


class Refused(ValueError):
    """Why a request gets no price."""
