"""What serves now, as far as its folder can be read: the model card of the newest version."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

CARD_FILE = "card.json"
STANDIN = "standin"
"""In the name of a model that was trained on the made-up market."""


@dataclass(frozen=True)
class Served:
    """Hold a version that serves: its number and its card as it was written, which may be an older form."""

    number: int
    card: dict[str, Any]

    @property
    def price_model(self) -> str:
        """Return the model's name, which every answer carries, too."""
        return str(self.card.get("price_model", ""))


def newest(served: Path) -> Served | None:
    """Return the newest version in the folder that the door fills; None where nothing can be read there."""
    found = versions(served)
    return found[0] if found else None


def versions(served: Path) -> list[Served]:
    """Return the versions that can be read, the newest first; those that come or go meanwhile are left out."""
    model = served / "models" / "price_model"
    try:
        numbers = sorted((int(folder.name) for folder in model.iterdir() if folder.name.isdecimal()), reverse=True)
    except OSError:
        return []
    found = []
    for number in numbers:
        try:
            card = json.loads((model / str(number) / CARD_FILE).read_bytes())
        except (OSError, ValueError):
            continue
        if isinstance(card, dict):
            found.append(Served(number, card))
    return found


def is_standin(price_model: str) -> bool:
    """Return whether a model of this name was trained on made-up sales."""
    return STANDIN in price_model
