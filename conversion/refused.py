"""Why a version does not go live."""

from __future__ import annotations


class Refused(Exception):
    """A version that must not serve: what is wrong with it, and what to do."""
