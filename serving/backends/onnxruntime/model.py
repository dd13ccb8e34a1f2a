"""A Python-based Triton backend that serves ONNX models where Triton's C++ onnxruntime backend is absent.

A model whose configuration says ``backend: "onnxruntime"`` runs unchanged on either.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import lru_cache
from itertools import accumulate, chain
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort
import triton_python_backend_utils as pb_utils
from onnxruntime.capi import onnxruntime_pybind11_state as ort_errors

ORT_ERRORS = (
    ort_errors.Fail,
    ort_errors.InvalidArgument,
    ort_errors.InvalidGraph,
    ort_errors.InvalidProtobuf,
    ort_errors.NoSuchFile,
    ort_errors.NotImplemented,
    ort_errors.RuntimeException,
    RuntimeError,
    ValueError,
)
"""The errors that onnxruntime raises; its own classes have no common base."""

DEFAULT_FILE = "model.onnx"
_to_text = np.frompyfunc(bytes.decode, 1, 1)


class TritonPythonModel:
    """One instance of one version, with an ONNX Runtime session of its own."""

    def initialize(self, args: dict[str, str]) -> None:
        """Open the session. That graph and configuration fit is proven before: the door admits no other graph.

        Raises:
            TritonModelException: if that fails; Triton reports it as the reason why the version is not loaded.
        """
        config = json.loads(args["model_config"])
        file = config.get("default_model_filename") or DEFAULT_FILE
        path = Path(args["model_repository"], args["model_version"], file)
        if path.is_dir():
            path = path / DEFAULT_FILE
        try:
            if not path.is_file():
                raise FileNotFoundError(f"there is no file {path}")
            options = _session_options(config.get("parameters", {}))
            self.session = ort.InferenceSession(path, options, providers=["CPUExecutionProvider"])
        except (*ORT_ERRORS, OSError) as error:
            version = f"model '{args['model_name']}', version {args['model_version']}"
            raise pb_utils.TritonModelException(f"{version}: {error}") from error
        self.batched = config.get("max_batch_size", 0) > 0

    def execute(self, requests: Sequence[Any]) -> list[Any]:
        """Answer all requests with one run; if it fails, run each alone, so that only the bad ones fail."""
        if len(requests) > 1 and self.batched:
            try:
                return self._run(requests)
            except ORT_ERRORS:
                pb_utils.Logger.log_warn("A batch failed; running its requests one by one")
        return [self._run_alone(request) for request in requests]

    def finalize(self) -> None:
        """Drop the kept tensors: freed any later, when the stub's shared memory is gone, they end it with SIGSEGV."""
        _same_text.cache_clear()

    def _run_alone(self, request: Any) -> Any:
        try:
            return self._run([request])[0]
        except ORT_ERRORS as error:
            return pb_utils.InferenceResponse(error=pb_utils.TritonError(f"onnxruntime: {error}"))

    def _run(self, requests: Sequence[Any]) -> list[Any]:
        given = [{tensor.name(): _array(tensor) for tensor in request.inputs()} for request in requests]
        wanted = [request.requested_output_names() for request in requests]
        together = list(dict.fromkeys(chain.from_iterable(wanted)))
        if len(requests) == 1:
            values = self.session.run(together, given[0])
            return [_response(dict(zip(together, values, strict=True)), together)]
        joined = {name: np.concatenate([arrays[name] for arrays in given]) for name in given[0]}
        ends = list(accumulate(len(next(iter(arrays.values()))) for arrays in given))
        values = dict(zip(together, self.session.run(together, joined), strict=True))
        for name, value in values.items():
            if len(value) != ends[-1]:
                raise ValueError(f"output '{name}' has {len(value)} rows for a batch of {ends[-1]}")
        return [
            _response({name: values[name][start:end] for name in names}, names)
            for names, start, end in zip(wanted, [0, *ends], ends, strict=False)
        ]


def _response(values: dict[str, np.ndarray], names: Sequence[str]) -> Any:
    return pb_utils.InferenceResponse([_tensor(name, values[name]) for name in names])


def _tensor(name: str, values: np.ndarray) -> Any:
    """Return a tensor; one of the same text in every row, like a model's name, is kept, as it takes long to make."""
    if values.dtype == object and values.size:
        first = values.item(0)
        if values.size == 1 or (values == first).all():
            return _same_text(name, first, values.shape)
    return pb_utils.Tensor(name, values)


@lru_cache(maxsize=32)
def _same_text(name: str, text: str, shape: tuple[int, ...]) -> Any:
    return pb_utils.Tensor(name, np.full(shape, text.encode(), dtype=object))


def _array(tensor: Any) -> np.ndarray:
    """Return the tensor's values, with text for ONNX Runtime where Triton has bytes."""
    array = tensor.as_numpy()
    return _to_text(array) if array.dtype == object else array


def _session_options(parameters: dict[str, dict[str, str]]) -> ort.SessionOptions:
    """Return session options from the parameters that the C++ backend knows; like there, others are ignored.

    Threads default to one: a home's arithmetic is too little to share, and instances run beside each other.
    """
    given = {name: value["string_value"] for name, value in parameters.items()}
    options = ort.SessionOptions()
    options.intra_op_num_threads = _number(given, "intra_op_thread_count", 1)
    options.inter_op_num_threads = _number(given, "inter_op_thread_count", 1)
    if _number(given, "execution_mode", 0):
        options.execution_mode = ort.ExecutionMode.ORT_PARALLEL
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.add_session_config_entry("session.inter_op.allow_spinning", "0")
    return options


def _number(given: dict[str, str], name: str, default: int) -> int:
    text = given.get(name, str(default))
    if not text.isdecimal():
        raise ValueError(f"parameter {name} is '{text}', but must be a whole number from 0")
    return int(text)
