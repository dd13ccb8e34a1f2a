"""Speed of this service beside its peers and its limits, in one run on one machine; and the folders that it uses."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BUILD = ROOT / "build" / "bench"
PEER_FOLDERS = Path(__file__).resolve().parent / "peers"
RESULTS = Path(__file__).resolve().parent / "results"
DOCS = ROOT / "docs"
