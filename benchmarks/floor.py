"""The platform's floor: ensembles whose two steps do nothing, with the service's inputs and outputs."""

from __future__ import annotations

import shutil
from pathlib import Path

from benchmarks.shipped import instances
from preprocessing.columns import FEATURE_NAMES, HOME_COLUMN_NAMES, HOME_COLUMNS

NAMED, PACKED = "floor_named", "floor_packed"
OUTPUTS = {"price": "TYPE_FP32", "price_low": "TYPE_FP32", "price_high": "TYPE_FP32", "price_model": "TYPE_STRING"}
NO_OP = Path(__file__).with_name("no_op.py")

Tensors = dict[str, tuple[str, int]]
"""Type and width by name."""

_INPUTS: dict[str, Tensors] = {
    NAMED: {column.name: (f"TYPE_{column.triton_type}", 1) for column in HOME_COLUMNS},
    PACKED: {"homes": ("TYPE_FP32", len(HOME_COLUMN_NAMES))},
}
_FEATURES: Tensors = {"features": ("TYPE_FP32", len(FEATURE_NAMES))}
_OUTPUTS: Tensors = {name: (kind, 1) for name, kind in OUTPUTS.items()}


def lay_out(repository: Path, ensemble: str) -> Path:
    """A repository with ``NAMED`` or ``PACKED`` and its two steps, in as many instances as the service's."""
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
