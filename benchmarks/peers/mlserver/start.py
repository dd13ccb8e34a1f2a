"""Start MLServer on the port and in the folder that the benchmark gives.

Apart from ``server.py``, so that the other MLServer peer, whose environment has no onnxruntime, can import it.
"""

from __future__ import annotations

import json
import os
from pathlib import Path


def start(implementation: str) -> None:
    """Serve one model of this class, in two worker processes."""
    from mlserver.cli.main import root

    folder = Path(os.environ["BENCH_SCRATCH"])
    port = int(os.environ["BENCH_PORT"])
    settings = {
        "debug": False,
        "host": "127.0.0.1",
        "http_port": port,
        "grpc_port": port + 1,
        "metrics_port": port + 2,
        "metrics_dir": str(folder / "metrics"),
        "parallel_workers": 2,
        "logging_settings": None,
    }
    model = {"name": "house_price", "implementation": implementation}
    (folder / "settings.json").write_text(json.dumps(settings))
    (folder / "model-settings.json").write_text(json.dumps(model))
    root(["start", str(folder)])
