"""The bare model: its graph in a loop, without a server. Run as a module, it prints one line of JSON.

``python -m benchmarks.bare MODEL FEATURES HOMES THREADS SECONDS``; each thread has a session of its
own on one thread, as each instance of the served model has.
"""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import numpy.typing as npt

from benchmarks import BUILD, ROOT
from benchmarks.load import GeneratorFailed, Load
from benchmarks.results import Sample
from benchmarks.trained import Trained

NAME = "bare onnxruntime"


def measure(model: Trained, load: Load, threads: int, seconds: float, number: int) -> Sample:
    """Measure the bare model in a process of its own. Raises GeneratorFailed."""
    features = BUILD / "features.npy"
    np.save(features, model.table[: load.homes])
    arguments = [str(model.folder / "model.onnx"), str(features), str(threads), str(seconds)]
    command = [sys.executable, "-m", "benchmarks.bare", *arguments]
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=seconds + 60, check=False)
    if ran.returncode:
        raise GeneratorFailed(f"{NAME}: {ran.stderr.strip()[-500:]}")
    found = json.loads(ran.stdout)
    return Sample(NAME, f"{threads} thread{'s' if threads > 1 else ''}", load.key, number, **found, errors=0)


def _loop(graph: str, features: npt.NDArray[np.float32], seconds: float, times: list[float], cpu: list[float]) -> None:
    from conversion.graph import session

    running = session(Path(graph).read_bytes())
    running.run(None, {"features": features})
    spent = time.thread_time()
    end = time.perf_counter() + seconds
    while (begin := time.perf_counter()) < end:
        running.run(None, {"features": features})
        times.append(time.perf_counter() - begin)
    cpu.append(time.thread_time() - spent)


def main(graph: str, features: str, threads: str, seconds: str) -> dict[str, float]:
    """Value the same homes over and over on so many threads; return what a ``Sample`` is made of."""
    table = np.load(features)
    times: list[list[float]] = [[] for _ in range(int(threads))]
    cpu: list[float] = []
    workers = [threading.Thread(target=_loop, args=(graph, table, float(seconds), mine, cpu)) for mine in times]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    every = np.concatenate(times)
    runs = sum(len(mine) / sum(mine) for mine in times)
    return {
        "p50_ms": float(np.percentile(every, 50)) * 1000,
        "p99_ms": float(np.percentile(every, 99)) * 1000,
        "requests_per_s": runs,
        "homes_per_s": runs * len(table),
        # A session on one thread works in the thread that called it.
        "cpu_s_per_1000_homes": sum(cpu) / (len(every) * len(table)) * 1000,
    }


if __name__ == "__main__":
    sys.stdout.write(json.dumps(main(*sys.argv[1:])))
