"""The machine, the versions and the code that a run was made on."""

from __future__ import annotations

import os
import platform
import subprocess
from datetime import datetime, timezone
from importlib.metadata import version
from pathlib import Path
from typing import Any

import psutil

from benchmarks import PEER_FOLDERS, ROOT

OURS = ("nvidia-pytriton", "onnxruntime", "numpy", "scikit-learn", "tritonclient")
THEIRS = ("fastapi", "uvicorn", "mlserver", "litserve", "bentoml", "ray", "scikit-learn", "onnxruntime")


def describe() -> dict[str, Any]:
    """Return processor, memory, system, versions, the state of the code, and the time."""
    return {
        "date": datetime.now(timezone.utc).isoformat(timespec="minutes"),
        "processor": _processor(),
        "cores": len(os.sched_getaffinity(0)),
        "memory_gb": round(psutil.virtual_memory().total / 1e9, 1),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "commit": commit(ROOT),
        "load_before": round(os.getloadavg()[0], 2),
        "versions": {name: version(name) for name in OURS},
        "peers": {folder.parent.name: _pinned(folder) for folder in sorted(PEER_FOLDERS.glob("*/requirements.txt"))},
    }


def commit(checkout: Path) -> str:
    """Return the commit that a checkout is at, with ``-dirty`` when its files differ from it."""
    command = ["git", "-C", str(checkout), "describe", "--always", "--dirty"]
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    return ran.stdout.strip() or "unknown"


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return platform.machine()


def _pinned(requirements: Path) -> dict[str, str]:
    pins = dict(line.split("==") for line in requirements.read_text().split() if "==" in line)
    return {name: pins[name] for name in THEIRS if name in pins}
