"""``python -m desk``: the agent's desk in the foreground, until Ctrl-C or SIGTERM."""

from __future__ import annotations

import os
import sys

import uvicorn

from client.errors import WrongAddress
from desk.app import create
from desk.settings import Settings, WrongSetting


def main() -> None:
    """Serve the desk where the environment says; end with one line if that cannot be."""
    try:
        settings = Settings.read(os.environ)
        app = create(settings)
    except (WrongSetting, WrongAddress) as error:
        sys.exit(str(error))
    uvicorn.run(
        app,
        host=settings.host,
        port=settings.port,
        log_level="warning",
        access_log=False,  # what is asked describes people's homes
        server_header=False,
        timeout_graceful_shutdown=4,
        limit_concurrency=64,
    )


if __name__ == "__main__":
    main()
