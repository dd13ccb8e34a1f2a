"""Examines a version in a process of its own, which a graph may hang, crash or fill without harm to anybody else.

The process has limits on memory, processor time and the size of files. It values homes with the graph as it will run,
and says what it found.
"""

from __future__ import annotations

import json
import logging
import os
import pickle
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryFile
from typing import TYPE_CHECKING

from pydantic import TypeAdapter

from conversion import Refused
from data.files import DataError, DataFiles
from publishing.card import Card
from publishing.comparison import Comparison
from publishing.confinement import Limits, run_apart

if TYPE_CHECKING:
    from training.sales import Sales

HOMES = 256
"""Held-out homes that a version must value sensibly, in batches and one by one."""

LIMITS = Limits()


@dataclass(frozen=True)
class Task:
    """Say what is to be examined: a version's folder, the version it would take over from, and what both are judged by.

    ``accept`` is the reason why prices may change beyond the gate's bound.
    """

    folder: Path
    serving: Path | None
    data: Sales | DataFiles
    accept: str = ""


@dataclass(frozen=True)
class Findings:
    """Hold how a version compares with the one that serves, if it was compared, and why it is refused, if it is."""

    comparison: Comparison | None = None
    refusal: str = ""


_FINDINGS = TypeAdapter(Findings)


def examine(task: Task, limits: Limits = LIMITS, meanwhile: Callable[[], object] = lambda: None) -> Findings:
    """Examine a version in a process of its own; ``meanwhile`` is called again and again until it ends."""
    with TemporaryFile() as given:
        pickle.dump((task, limits), given)
        given.seek(0)
        ended = run_apart("publishing.examination", given, limits, os.environ, meanwhile)
    if ended is None:
        return Findings(refusal=f"its examination had not ended after {limits.clock_s:.0f} s")
    if ended.code == 0:
        return _FINDINGS.validate_json(ended.answer)
    return Findings(refusal=f"its examination {ended.crash(limits)}")


def findings_of(task: Task) -> Findings:
    """Examine a version in this process."""
    # Imported here: who starts an examination, as the door that mostly waits, needs none of it.
    from publishing.claims import check_claims
    from publishing.comparables_file import check_comparables
    from publishing.contract import check_version
    from publishing.floors import check_floors
    from publishing.gate import compare, judge
    from publishing.judged import Judged
    from training.sales import read_sales

    comparison = None
    try:
        sales = read_sales(task.data) if isinstance(task.data, DataFiles) else task.data
        card = check_version(task.folder, sales.table[sales.held_out][:HOMES])
        version = Judged.read(task.folder, sales)
        check_floors(version)
        check_claims(version)
        check_comparables(task.folder, version)
        if task.serving is not None and Card.read(task.serving).data.standin == card.data.standin:
            # Made-up sales say nothing about a model of real ones, nor the reverse.
            comparison = compare(task.folder, task.serving, sales, task.accept)
            judge(comparison)
    except (Refused, DataError) as refused:
        return Findings(comparison, str(refused))
    except Exception as error:  # whatever a graph from elsewhere brings about is a reason to refuse it
        return Findings(comparison, f"its examination failed: {type(error).__name__}: {error}")
    return Findings(comparison)


def main() -> None:
    """Read a task and its limits from standard input; write the findings to standard output, as JSON."""
    task, limits = pickle.load(sys.stdin.buffer)
    logging.disable()
    limits.apply()
    with os.fdopen(os.dup(1), "w") as answer:
        os.dup2(2, 1)  # whatever a library prints is no part of the answer
        json.dump(asdict(findings_of(task)), answer)
