"""How far a file of homes has come: what the process that values it tells the pages, by a file in its folder."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Literal

PROGRESS_FILE = "progress.json"

Stage = Literal["reading", "valuing", "waiting", "writing", "done", "failed"]


@dataclass(frozen=True)
class Progress:
    """Hold how many homes a file has, how many of them are settled, and what came of them."""

    stage: Stage = "reading"
    homes: int = 0
    settled: int = 0
    rejected: int = 0
    workbook: bool = False
    """Whether the file is an Excel workbook, and so are those written."""
    price_models: Mapping[str, int] = field(default_factory=dict)
    """Homes that each price model valued, by its name."""
    said: str = ""
    """Why it waits, or why it failed."""
    by_file: bool = False
    """Whether it failed by the file, which whoever brought it can mend."""

    @property
    def over(self) -> bool:
        """Return whether nothing more will happen."""
        return self.stage in ("done", "failed")

    @property
    def valued(self) -> int:
        """Return the number of homes with a price."""
        return self.settled - self.rejected

    @property
    def percent(self) -> int:
        """Return how much is settled, as whole percent: 100 only when all is."""
        return 100 * self.settled // self.homes if self.homes else 0

    def write(self, folder: Path) -> None:
        """Write it into a folder, whole or not at all. Raises OSError."""
        draft = folder / f".{PROGRESS_FILE}"
        draft.write_text(json.dumps(asdict(self)))
        draft.replace(folder / PROGRESS_FILE)

    @classmethod
    def read(cls, folder: Path) -> Progress:
        """Return what a folder says: the very beginning where nothing is written yet."""
        try:
            return cls(**json.loads((folder / PROGRESS_FILE).read_bytes()))
        except FileNotFoundError:
            return cls()
