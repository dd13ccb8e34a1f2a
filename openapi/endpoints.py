"""What the models' configurations say: which inputs and outputs each endpoint has, and how many homes it takes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from google.protobuf import text_format
from tritonclient.grpc import model_config_pb2

from preprocessing.homes import PACKED_INPUT, SINGLE_INPUTS

_ON_THE_WIRE = {"STRING": "BYTES"}
"""KServe's names of types that a configuration calls otherwise."""


@dataclass(frozen=True)
class Tensor:
    """Hold one input or output [N, ``width``] of a model; ``datatype`` as KServe names it."""

    name: str
    datatype: str
    width: int
    optional: bool = False


@dataclass(frozen=True)
class Endpoint:
    """Hold what one model's ``config.pbtxt`` says to callers."""

    name: str
    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]
    most_homes: int

    @property
    def packed(self) -> bool:
        """Return whether a home comes as one row of numbers."""
        return [tensor.name for tensor in self.inputs] == [PACKED_INPUT]

    @property
    def single(self) -> bool:
        """Return whether a request holds one home, whose columns but the ZIP code are parameters."""
        return tuple(tensor.name for tensor in self.inputs) == SINGLE_INPUTS

    @property
    def sparse(self) -> bool:
        """Return whether columns that the basic model does not read may be left out."""
        return self.single or any(tensor.optional for tensor in self.inputs)


def read_endpoint(repository: Path, name: str) -> Endpoint:
    """Read the ``config.pbtxt`` of a model in a repository.

    Raises OSError when there is none, and ParseError when it is no configuration.
    """
    text = (repository / name / "config.pbtxt").read_text()
    config = text_format.Parse(text, model_config_pb2.ModelConfig())
    return Endpoint(
        config.name,
        tuple(_tensor(entry, optional=entry.optional) for entry in config.input),
        tuple(_tensor(entry) for entry in config.output),
        config.max_batch_size,
    )


def _tensor(entry: model_config_pb2.ModelInput | model_config_pb2.ModelOutput, optional: bool = False) -> Tensor:
    datatype = model_config_pb2.DataType.Name(entry.data_type).removeprefix("TYPE_")
    (width,) = entry.dims
    return Tensor(entry.name, _ON_THE_WIRE.get(datatype, datatype), width, optional)
