"""Write ``docs/openapi.yaml``: ``make openapi``."""

from __future__ import annotations

from pathlib import Path

from .document import document
from .written import as_yaml

ROOT = Path(__file__).resolve().parent.parent
WRITTEN = ROOT / "docs" / "openapi.yaml"

if __name__ == "__main__":
    WRITTEN.write_text(as_yaml(document(ROOT)))
    print(f"wrote {WRITTEN.relative_to(ROOT)}")
