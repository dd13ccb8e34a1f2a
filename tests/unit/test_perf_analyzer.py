"""How the benchmarks run NVIDIA's load generator, a program that stands for it here."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks import perf_analyzer
from benchmarks.load import GeneratorFailed
from benchmarks.perf_analyzer import LONGER, UNMEASURED, Target, offer

PROGRAM = """#!/bin/bash
echo >>runs
for argument; do
    case $argument in --measurement-interval=*) window=${{argument#*=}} ;; esac
    table=$argument
done
[ "$window" -ge {enough} ] || {{ echo "{complaint}" >&2 && exit 99; }}
printf 'Inferences/Second,p50 latency,p99 latency\\n40,2000,9000\\n' >"$table"
"""


@pytest.fixture
def target(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Target:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(perf_analyzer, "find", lambda: tmp_path / "program")
    return Target("127.0.0.1:1", "grpc", "house_price", tmp_path / "inputs.json")


def program(enough: int, complaint: str) -> None:
    path = Path("program")
    path.write_text(PROGRAM.format(enough=enough, complaint=complaint))
    path.chmod(0o755)


def runs() -> int:
    return len(Path("runs").read_text().splitlines())


def test_a_busy_machine_gets_longer_windows(target: Target) -> None:
    program(enough=1_000, complaint=UNMEASURED)
    assert offer(target, rate=50, seconds=0.3).answered_per_s == 40
    assert runs() == 2


def test_windows_do_not_grow_for_ever(target: Target) -> None:
    program(enough=1_000_000, complaint=UNMEASURED)
    with pytest.raises(GeneratorFailed, match=UNMEASURED):
        offer(target, rate=50, seconds=0.3)
    assert runs() == len(LONGER)


def test_what_longer_windows_do_not_mend_is_not_tried_again(target: Target) -> None:
    program(enough=1_000_000, complaint="no such model")
    with pytest.raises(GeneratorFailed, match="no such model"):
        offer(target, rate=50, seconds=0.3)
    assert runs() == 1
