"""Load over plain HTTP, from ``wrk``."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

from benchmarks.load import GeneratorFailed, Load, LoadResult

SCRIPT = Path(__file__).with_name("rotate.lua")
_MARK = "RESULT "


def missing() -> str | None:
    """Return why ``wrk`` cannot be used and what to do, or None when it can."""
    return None if shutil.which("wrk") else "wrk, the load generator, is not installed: apt-get install wrk"


def drive(url: str, bodies: Path, load: Load, seconds: float) -> LoadResult:
    """Post the bodies in turn, from one thread because the server needs the cores. Raises GeneratorFailed."""
    command = ["wrk", "-t1", f"-c{load.concurrency}", f"-d{max(1, round(seconds))}s", "--timeout", "10s"]
    command += ["-s", str(SCRIPT), url, "--", str(bodies)]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=seconds + 60, check=False)
    return read(ran.stdout, ran.stderr, load)


def read(output: str, complaints: str, load: Load) -> LoadResult:
    """Read what ``rotate.lua`` wrote. Raises GeneratorFailed when ``wrk`` failed before that."""
    line = next((line for line in output.splitlines() if line.startswith(_MARK)), None)
    if line is None:
        raise GeneratorFailed(f"wrk: {(complaints or output).strip()[-500:] or 'it wrote nothing'}")
    found = json.loads(line.removeprefix(_MARK))
    good = found["requests"] - found["refused"]
    return LoadResult(
        p50_ms=found["p50_us"] / 1000,
        p99_ms=found["p99_us"] / 1000,
        requests_per_s=good / (found["duration_us"] / 1e6),
        homes=good * load.homes,
        errors=found["refused"] + found["broken"],
    )
