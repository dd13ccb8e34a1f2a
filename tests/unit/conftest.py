"""What tests of several modules begin with."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from publishing.repository import (
    PRICE_MODEL,
)


@pytest.fixture
def version(repository: Path, tmp_path: Path) -> Path:
    """Copy a complete version folder, for a test to break."""
    return Path(shutil.copytree(repository / PRICE_MODEL / "1", tmp_path / "version"))
