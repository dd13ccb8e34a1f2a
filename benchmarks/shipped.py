"""What the shipped configurations say."""

from __future__ import annotations

from typing import Any

from google.protobuf import text_format
from tritonclient.grpc import model_config_pb2

from benchmarks.places import ROOT


def instances(model: str) -> int:
    """How many of a model run side by side."""
    return sum(int(group.count) for group in _config(model).instance_group)


def serving_threads() -> int:
    """How many threads the price model values homes on: instances times threads of each."""
    each = int(_config("price_model").parameters["intra_op_thread_count"].string_value or 1)
    return each * instances("price_model")


def _config(model: str) -> Any:
    config = model_config_pb2.ModelConfig()
    text_format.Parse((ROOT / "model_repository" / model / "config.pbtxt").read_text(), config)
    return config
