"""A model that answers what it is asked: for tests of the server itself, which need no trained one."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from tests.service.callers import DEADLINE_S

CONFIG = """
backend: "python"
max_batch_size: 8
input [{ name: "x" data_type: TYPE_FP32 dims: [1] }]
output [{ name: "y" data_type: TYPE_FP32 dims: [1] }]
instance_group [{ kind: KIND_CPU count: 1 }]
version_policy { latest { num_versions: 2 } }
"""
ECHO = """
import triton_python_backend_utils as pb_utils

class TritonPythonModel:
    def execute(self, requests):
        return [pb_utils.InferenceResponse([pb_utils.Tensor("y", r.inputs()[0].as_numpy())]) for r in requests]
"""
REFUSES = """
class TritonPythonModel:
    def initialize(self, args):
        raise ValueError("the moon is in the wrong phase")
"""


def publish(repository: Path, code: str, model: str = "echo", version: int = 1) -> None:
    """Publish a model as the project does: it is complete before it is in the repository."""
    staged = repository.parent / "staged"
    (staged / str(version)).mkdir(parents=True)
    (staged / str(version) / "model.py").write_text(code)
    (staged / "config.pbtxt").write_text(CONFIG)
    if (repository / model).exists():
        (staged / str(version)).rename(repository / model / str(version))
        (staged / "config.pbtxt").unlink()
        staged.rmdir()
    else:
        repository.mkdir(exist_ok=True)
        staged.rename(repository / model)


def eventually(holds: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + DEADLINE_S
    while not holds():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.1)
    return True
