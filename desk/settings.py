"""What the desk is told from outside, by the environment."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

PROJECT = Path(__file__).resolve().parent.parent
OPEN_STREET_MAP = "© OpenStreetMap contributors"


class WrongSetting(ValueError):
    """A variable of the environment that the desk cannot work with."""


@dataclass(frozen=True)
class Settings:
    """Hold where the desk listens, whom it asks, and what it may show."""

    host: str = "127.0.0.1"
    port: int = 8005
    service_url: str = "http://localhost:8000"
    served: Path = PROJECT / "build" / "served"
    """The folder that the door fills: what serves is under ``models/price_model`` there."""
    tiles_url: str = ""
    """Where the map's pictures come from, such as ``https://tile.example.org/{z}/{x}/{y}.png``; empty: from nowhere."""
    tiles_credit: str = OPEN_STREET_MAP

    @property
    def tiles_origin(self) -> str:
        """Return scheme and host of the tiles, which the Content-Security-Policy names; empty without tiles."""
        parts = urlsplit(self.tiles_url)
        return f"{parts.scheme}://{parts.netloc.replace('{s}.', '*.')}" if self.tiles_url else ""

    @classmethod
    def read(cls, environ: Mapping[str, str]) -> Settings:
        """Return the settings that ``environ`` names, and the usual ones otherwise.

        Raises:
            WrongSetting: for a value that cannot be; one line that names the variable.
        """
        usual = cls()
        port = environ.get("DESK_PORT") or str(usual.port)
        if not port.isdecimal() or int(port) > 65535:
            raise WrongSetting(f"DESK_PORT is {port!r}, but a port is a number from 0 (any free one) to 65535")
        tiles = environ.get("TILES_URL") or ""
        if tiles and not re.fullmatch(r"https?://[\w.:{}-]+/[^\s;,'\"]*", tiles):
            raise WrongSetting(
                f"TILES_URL is {tiles!r}, but must look like https://tile.example.org/{{z}}/{{x}}/{{y}}.png"
            )
        return cls(
            host=environ.get("DESK_HOST") or usual.host,
            port=int(port),
            service_url=environ.get("SERVICE_URL") or usual.service_url,
            served=Path(environ.get("SERVED_FOLDER") or usual.served),
            tiles_url=tiles,
            tiles_credit=environ.get("TILES_CREDIT") or usual.tiles_credit,
        )
