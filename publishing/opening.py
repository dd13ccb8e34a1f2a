"""Opens a model handed over in a process of its own: a pickle is code, and runs when it is opened.

That process has no network, limits on memory, processor time and the size of files, and an environment without keys.
It leaves an ONNX graph and numbers behind; nothing of the model itself is opened here, nor by anything that serves.
"""

from __future__ import annotations

import json
import logging
import os
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryFile
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
from pydantic import TypeAdapter, ValidationError

from conversion import Refused
from publishing.confinement import Limits, cut_off, run_apart

if TYPE_CHECKING:
    from conversion.converted import Converted

LIMITS = Limits(processor_s=900, clock_s=1800.0, memory_bytes=6 << 30, file_bytes=1 << 30)
"""A forest of hundreds of deep trees takes minutes and some gigabytes to convert."""

_KNOWN = ("PATH", "LD_LIBRARY_PATH", "PYTHONPATH", "TMPDIR")
"""What the process is told of the environment; a key to a bucket may stand in the rest of it."""

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Opened:
    """Tell what became of a model: why it is refused, if it is, and why it had a network, if it had one."""

    refusal: str = ""
    network: str = ""


_OPENED = TypeAdapter(Opened)


def open_apart(
    model: Path, features: Path, folder: Path, table: npt.NDArray[np.float32], limits: Limits = LIMITS
) -> Converted:
    """Open a model and convert it in a process of its own; ``folder`` takes what that leaves behind.

    Args:
        model: A file by pickle, joblib or skops.
        features: Its ``model_features.json``; may be missing if the model was fitted with column names.
        folder: Kept afterwards, since a model of another scikit-learn release is converted there by hand.
        table: Features [N,44] of homes on which the graph is compared with the model.
        limits: What the process may take.

    Raises Refused.
    """
    from conversion.converted import Converted
    from conversion.handover import FEATURES_FILE, is_skops

    if not model.is_file():  # nor a pipe, which would keep everybody waiting
        raise Refused(f"{model} is no file: name the model by MODEL=")
    if not is_skops(model):
        log.warning(
            "opening %s in a process of its own, with limits and without network: a pickle is code, and may read and "
            "change your files, so go on only with one from people you trust; a skops file runs no code",
            model,
        )
    folder.mkdir(parents=True, exist_ok=True)
    np.save(folder / FEATURES_FILE, table)
    with TemporaryFile() as given:
        task = {"limits": asdict(limits), "model": str(model), "features": str(features), "folder": str(folder)}
        given.write(json.dumps(task).encode())
        given.seek(0)
        environment = {name: os.environ[name] for name in _KNOWN if name in os.environ}
        ended = run_apart("publishing.opening", given, limits, environment)
    if ended is None:
        raise Refused(f"{model} was not converted after {limits.clock_s:.0f} s: hand over a smaller model")
    if ended.code != 0:
        raise Refused(f"{model}: its conversion {ended.crash(limits)}")
    try:
        opened = _OPENED.validate_json(ended.answer)
    except ValidationError as error:
        raise Refused(f"{model}: its conversion answered what it never should: do not trust this model") from error
    if opened.network:
        log.warning("it was opened with the network in reach, which this system does not take away: %s", opened.network)
    if opened.refusal:
        raise Refused(opened.refusal)
    return Converted.read(folder, table)


def main() -> None:
    """Read a task from standard input, take rights away from this process, and convert a model; answer in JSON."""
    task = json.load(sys.stdin)
    Limits(**task["limits"]).apply()
    network = cut_off()  # before numpy starts threads, which would keep theirs
    logging.disable()
    with os.fdopen(os.dup(1), "w") as answer:
        os.dup2(2, 1)  # whatever a library prints is no part of the answer
        json.dump(asdict(Opened(_refusal(task), network)), answer)


def _refusal(task: dict[str, str]) -> str:
    from conversion.handover import convert_file

    try:
        convert_file(*(Path(task[name]) for name in ("model", "features", "folder")))
    except Refused as refused:
        return str(refused)
    except MemoryError:
        return f"{task['model']} takes more memory than its conversion may: hand over a smaller model"
    return ""
