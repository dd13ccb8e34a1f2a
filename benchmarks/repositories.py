"""The model repositories that Triton is started on: the service's own, and the floor under it.

The floor is what the platform costs by itself: ensembles whose two steps do nothing, with the
service's inputs and outputs.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from google.protobuf import text_format
from tritonclient.grpc import model_config_pb2

from benchmarks import ROOT
from benchmarks.trained import Trained
from preprocessing.columns import FEATURE_NAMES, HOME_COLUMN_NAMES, HOME_COLUMNS
from preprocessing.demographics import DEMOGRAPHICS_FILE, Demographics
from publishing.ensure import prepare
from publishing.publish import publish_folder
from publishing.repository import new_repository, served, served_folder

FLOOR_BY_COLUMN, FLOOR_IN_ONE = "floor_named", "floor_packed"
"""The two floors: with one input a column, and with all columns in one input [N,18]."""
OUTPUTS = {"price": "TYPE_FP32", "price_low": "TYPE_FP32", "price_high": "TYPE_FP32", "price_model": "TYPE_STRING"}
NO_OP = Path(__file__).with_name("no_op.py")

Tensors = dict[str, tuple[str, int]]
"""Type and width by name."""

_INPUTS: dict[str, Tensors] = {
    FLOOR_BY_COLUMN: {column.name: (f"TYPE_{column.triton_type}", 1) for column in HOME_COLUMNS},
    FLOOR_IN_ONE: {"homes": ("TYPE_FP32", len(HOME_COLUMN_NAMES))},
}
_FEATURES: Tensors = {"features": ("TYPE_FP32", len(FEATURE_NAMES))}
_OUTPUTS: Tensors = {name: (kind, 1) for name, kind in OUTPUTS.items()}


def lay_out_service(model: Trained, repository: Path) -> Path:
    """Make the shipped repository as it is now, with this model as its only version; return what Triton polls."""
    shutil.rmtree(repository, ignore_errors=True)
    shutil.rmtree(served_folder(repository), ignore_errors=True)
    new_repository(repository)
    publish_folder(model.version_in(repository.with_name(f"{repository.name}-version")), model.sales, repository)
    prepare(repository, Demographics.read(model.folder / DEMOGRAPHICS_FILE))
    return served(repository)


def lay_out_floor(ensemble: str, repository: Path) -> Path:
    """Make a repository with one of the floors, in as many instances as the service has; return it."""
    shutil.rmtree(repository, ignore_errors=True)
    first, second = f"{ensemble}_first", f"{ensemble}_second"
    _step(repository / first, _INPUTS[ensemble], _FEATURES, like="preprocessing")
    _step(repository / second, _FEATURES, _OUTPUTS, like="price_model")
    steps = [_mapping(first, _INPUTS[ensemble], _FEATURES), _mapping(second, _FEATURES, _OUTPUTS)]
    (repository / ensemble / "1").mkdir(parents=True)
    (repository / ensemble / "config.pbtxt").write_text(
        _config(ensemble, 'platform: "ensemble"', _INPUTS[ensemble], _OUTPUTS)
        + f"ensemble_scheduling {{\n  step [\n{','.join(steps)}\n  ]\n}}\n"
    )
    return repository


def instances(model: str) -> int:
    """Return how many instances of a model the shipped configuration runs side by side."""
    return sum(int(group.count) for group in _shipped(model).instance_group)


def serving_threads() -> int:
    """Return how many threads the shipped price model values homes on: its instances times the threads of each."""
    each = int(_shipped("price_model").parameters["intra_op_thread_count"].string_value or 1)
    return each * instances("price_model")


def _shipped(model: str) -> Any:
    config = model_config_pb2.ModelConfig()
    text_format.Parse((ROOT / "model_repository" / model / "config.pbtxt").read_text(), config)
    return config


def _step(folder: Path, inputs: Tensors, outputs: Tensors, like: str) -> None:
    (folder / "1").mkdir(parents=True)
    shutil.copy(NO_OP, folder / "1" / "model.py")
    (folder / "config.pbtxt").write_text(
        _config(folder.name, 'backend: "python"', inputs, outputs)
        + f"instance_group [ {{ kind: KIND_CPU, count: {instances(like)} }} ]\ndynamic_batching {{ }}\n"
    )


def _config(name: str, kind: str, inputs: Tensors, outputs: Tensors) -> str:
    parts = [f'name: "{name}"', kind, "max_batch_size: 1024"]
    parts += [f"input [ {{ {_tensor(*tensor)} }} ]" for tensor in inputs.items()]
    parts += [f"output [ {{ {_tensor(*tensor)} }} ]" for tensor in outputs.items()]
    return "\n".join(parts) + "\n"


def _tensor(name: str, tensor: tuple[str, int]) -> str:
    return f'name: "{name}", data_type: {tensor[0]}, dims: [ {tensor[1]} ]'


def _mapping(model: str, inputs: Tensors, outputs: Tensors) -> str:
    maps = [f'input_map {{ key: "{name}", value: "{name}" }}' for name in inputs]
    maps += [f'output_map {{ key: "{name}", value: "{name}" }}' for name in outputs]
    return f'    {{ model_name: "{model}", model_version: -1, {" ".join(maps)} }}'
