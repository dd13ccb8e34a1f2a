"""Compares a model's configuration with its ONNX graph, as strictly as Triton's C++ backend does.

A difference that is found while a version loads refuses the version, and the one before goes on serving;
later it would be wrong or empty answers. This module imports neither Triton nor onnxruntime.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

CONFIG_TYPES = {
    "tensor(bool)": "TYPE_BOOL",
    "tensor(uint8)": "TYPE_UINT8",
    "tensor(uint16)": "TYPE_UINT16",
    "tensor(uint32)": "TYPE_UINT32",
    "tensor(uint64)": "TYPE_UINT64",
    "tensor(int8)": "TYPE_INT8",
    "tensor(int16)": "TYPE_INT16",
    "tensor(int32)": "TYPE_INT32",
    "tensor(int64)": "TYPE_INT64",
    "tensor(float16)": "TYPE_FP16",
    "tensor(float)": "TYPE_FP32",
    "tensor(double)": "TYPE_FP64",
    "tensor(string)": "TYPE_STRING",
}
"""ONNX Runtime's names of the types that Triton can carry."""

ELSEWHERE = "the embedded server does not have it, Triton's own onnxruntime backend may"


class Mismatch(ValueError):
    """The configuration and the graph do not fit; the message is one line that names the tensor and both sides."""


@dataclass(frozen=True)
class GraphTensor:
    """Hold an input or output of the graph; -1 stands for a free dimension."""

    name: str
    type: str
    dims: tuple[int, ...]

    @classmethod
    def of(cls, node: Any) -> GraphTensor:
        """Return the tensor of an ``onnxruntime.NodeArg``."""
        return cls(node.name, node.type, tuple(size if isinstance(size, int) else -1 for size in node.shape))


def check(
    config: dict[str, Any],
    inputs: Sequence[GraphTensor],
    outputs: Sequence[GraphTensor],
    initializers: Sequence[GraphTensor] = (),
) -> None:
    """Return when ``config`` describes the graph.

    Args:
        config: Triton's model configuration as the parsed JSON a Python backend receives.
        inputs: What the graph must be given.
        outputs: What the graph gives.
        initializers: Inputs with a default value, which may be overridden.

    Raises:
        Mismatch: at the first difference.
    """
    _check_features(config)
    for kind, tensors in (("input", inputs), ("output", outputs)):
        for tensor in tensors:
            if tensor.type not in CONFIG_TYPES:
                raise Mismatch(f"{kind} '{tensor.name}' of the graph is a {tensor.type}, which Triton cannot carry")
        if not config.get(kind):
            raise Mismatch(f"the configuration lists no {kind}; the graph has {_names(tensors)}: list them")
    batched = config.get("max_batch_size", 0) > 0
    for entry in config["input"]:
        if entry.get("optional") and batched:
            raise Mismatch(
                f"input '{entry['name']}' is optional, but a model with max_batch_size > 0 takes every input"
            )
        _check_tensor("input", entry, [*inputs, *initializers], batched, exact=False)
    required = {entry["name"] for entry in config["input"] if not entry.get("optional")}
    if lacking := [tensor.name for tensor in inputs if tensor.name not in required]:
        raise Mismatch(f"the graph needs input '{lacking[0]}', which the configuration does not require")
    for entry in config["output"]:
        _check_tensor("output", entry, outputs, batched, exact=True)


def _check_features(config: dict[str, Any]) -> None:
    accelerators = config.get("optimization", {}).get("execution_accelerators", {})
    for accelerator in accelerators.get("cpu_execution_accelerator", []):
        raise Mismatch(f"unknown execution accelerator '{accelerator.get('name')}' for the CPU; {ELSEWHERE}")
    if any(group.get("kind") == "KIND_GPU" for group in config.get("instance_group", [])):
        raise Mismatch(f"instance_group asks for KIND_GPU; {ELSEWHERE}")
    if config.get("model_operations", {}).get("op_library_filename"):
        raise Mismatch(f"model_operations names custom operators; {ELSEWHERE}")
    for feature in ("sequence_batching", "batch_input", "batch_output"):
        if config.get(feature):
            raise Mismatch(f"the configuration uses {feature}; {ELSEWHERE}")


def _check_tensor(kind: str, entry: dict[str, Any], tensors: Sequence[GraphTensor], batched: bool, exact: bool) -> None:
    name = entry["name"]
    tensor = next((tensor for tensor in tensors if tensor.name == name), None)
    if tensor is None:
        raise Mismatch(f"the configuration has {kind} '{name}', the graph only {_names(tensors)}")
    if entry.get("allow_ragged_batch"):
        raise Mismatch(f"{kind} '{name}' has allow_ragged_batch; {ELSEWHERE}")
    if entry["data_type"] != CONFIG_TYPES.get(tensor.type):
        raise Mismatch(
            f"{kind} '{name}' is {entry['data_type']} in the configuration, "
            f"{CONFIG_TYPES.get(tensor.type, tensor.type)} in the graph"
        )
    if batched and tensor.dims[:1] != (-1,):
        raise Mismatch(
            f"max_batch_size is above 0, so the first dimension of {kind} '{name}' must be free (-1); "
            f"in the graph it has {_shape(tensor.dims)}"
        )
    dims = [int(size) for size in entry.get("reshape", entry).get("shape" if "reshape" in entry else "dims", [])]
    expected = [-1, *dims] if batched else dims
    # A free dimension of an input takes any size; an output must be configured exactly as the graph gives it.
    fits = len(expected) == len(tensor.dims) and all(
        here == there or (there == -1 and not exact) for here, there in zip(expected, tensor.dims, strict=True)
    )
    if not fits:
        raise Mismatch(
            f"{kind} '{name}' is {_shape(expected)} by the configuration"
            f"{' (with the batch dimension)' if batched else ''}, {_shape(tensor.dims)} in the graph"
        )


def _shape(dims: Iterable[int]) -> str:
    return f"[{','.join(map(str, dims))}]"


def _names(tensors: Iterable[GraphTensor]) -> str:
    return ", ".join(f"'{tensor.name}'" for tensor in tensors) or "none"
