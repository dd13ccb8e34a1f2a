"""Load over KServe's HTTP and gRPC, from NVIDIA's ``perf_analyzer``."""

from __future__ import annotations

import csv
import importlib.util
import os
import subprocess
import sys
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal

from benchmarks import BUILD
from benchmarks.load import GeneratorFailed, Load, LoadResult

WHEEL = "tritonclient==2.49.0"
"""The last release whose wheel carries the program."""
FOLDER = BUILD / "perf_analyzer"
WINDOWS = 3
"""perf_analyzer measures so many windows in a row and reports them together."""
LONGER = (1, 4, 16)
"""How much longer windows become where they saw too few answers to say anything, as short ones do on a busy machine."""
UNMEASURED = "Failed to obtain stable measurement"

Protocol = Literal["http", "grpc"]


@dataclass(frozen=True)
class Target:
    """A model at ``host:port``, and the file of its inputs."""

    address: str
    protocol: Protocol
    model: str
    inputs: Path


@dataclass(frozen=True)
class Offered:
    """What came of requests that were sent at a fixed rate, whether or not those before were answered."""

    offered_per_s: float
    answered_per_s: float
    p50_ms: float
    p99_ms: float


class Missing(RuntimeError):
    """A tool that cannot be had here; the message is one line that says what to do."""


@lru_cache(maxsize=1)
def find() -> Path:
    """Return the program; fetch it at first use. Raises Missing."""
    program = FOLDER / "perf_analyzer"
    if not program.is_file():
        _fetch(program)
    tried = subprocess.run([str(program), "--version"], capture_output=True, text=True, env=_environment(), check=False)
    if "libb64" in tried.stderr:
        raise Missing("perf_analyzer needs a library: apt-get install libb64-0d")
    if "error while loading" in tried.stderr:
        raise Missing(f"perf_analyzer: {tried.stderr.strip().splitlines()[0]}")
    return program


def drive(target: Target, load: Load, seconds: float) -> LoadResult:
    """Keep so many requests in flight; ``homes`` in the result is an estimate. Raises GeneratorFailed, Missing."""
    row = _run(target, [f"--concurrency-range={load.concurrency}", f"-b{load.homes}"], seconds)
    homes_per_s = float(row["Inferences/Second"])
    return LoadResult(
        p50_ms=float(row["p50 latency"]) / 1000,
        p99_ms=float(row["p99 latency"]) / 1000,
        requests_per_s=homes_per_s / load.homes,
        homes=round(homes_per_s * seconds),
        errors=0,  # perf_analyzer stops at the first one
    )


def offer(target: Target, rate: int, seconds: float) -> Offered:
    """Send single homes at a rate, at random moments (Poisson) and without waiting for answers.

    Raises GeneratorFailed, Missing.
    """
    options = [f"--request-rate-range={rate}", "--request-distribution=poisson", "-b1", "--max-threads=64"]
    row = _run(target, options, seconds)
    p50, p99 = (float(row[f"{percentile} latency"]) / 1000 for percentile in ("p50", "p99"))
    return Offered(rate, float(row["Inferences/Second"]), p50, p99)


def _windows(seconds: float, longer: int) -> list[str]:
    # A bound that every run meets: steadiness is judged over rounds, not by the generator.
    window = longer * max(300, round(seconds * 1000 / WINDOWS))
    return [f"--measurement-interval={window}", "--stability-percentage=999", f"--max-trials={WINDOWS}"]


def _run(target: Target, options: Sequence[str], seconds: float) -> dict[str, str]:
    where = ["-m", target.model, "-u", target.address, "-i", target.protocol, f"--input-data={target.inputs}"]
    said: list[str] = []
    for longer in LONGER:
        with TemporaryDirectory() as folder:
            table = Path(folder) / "table.csv"
            command = [str(find()), *where, *options, *_windows(seconds, longer), "-f", str(table)]
            ran = subprocess.run(command, capture_output=True, text=True, env=_environment(), timeout=300, check=False)
            rows = list(csv.DictReader(table.read_text().splitlines())) if table.is_file() else []
        if rows and not ran.returncode:
            return rows[0]
        said = [line for line in (ran.stdout + ran.stderr).splitlines() if line.strip()]
        if not any(UNMEASURED in line for line in said):
            break
    raise GeneratorFailed(f"perf_analyzer: {' '.join(said[-3:])[-500:] or 'it wrote nothing'}")


def _fetch(program: Path) -> None:
    FOLDER.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", WHEEL, "--dest", folder]
        fetched = subprocess.run(command, capture_output=True, text=True, check=False)
        wheel = next(Path(folder).glob("*.whl"), None)
        if wheel is None:
            reason = fetched.stderr.strip().splitlines()[-1:] or ["pip said nothing"]
            raise Missing(f"perf_analyzer could not be fetched with {WHEEL}: {reason[0]}")
        with zipfile.ZipFile(wheel) as archive:
            name = next(name for name in archive.namelist() if name.endswith("/perf_analyzer"))
            draft = program.with_suffix(".draft")
            draft.write_bytes(archive.read(name))
    draft.chmod(0o755)
    draft.rename(program)


def _environment() -> dict[str, str]:
    """Return an environment in which perf_analyzer finds the CUDA runtime that it asks for even without a GPU.

    The server's wheel carries one under a longer name.
    """
    link = FOLDER / "libcudart.so.12"
    spec = importlib.util.find_spec("pytriton")
    if not link.is_symlink() and spec is not None and spec.origin is not None:
        libraries = Path(spec.origin).parent.parent / "nvidia_pytriton.libs"
        for library in libraries.glob("libcudart-*.so.12*"):
            FOLDER.mkdir(parents=True, exist_ok=True)
            link.symlink_to(library)
            break
    return {**os.environ, "LD_LIBRARY_PATH": str(FOLDER)}
