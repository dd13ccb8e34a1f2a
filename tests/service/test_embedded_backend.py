"""The embedded onnxruntime backend answers as Triton's C++ backend does, and refuses a file that it cannot open."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import pytest
import tritonclient.grpc as triton
from google.protobuf import text_format
from onnx import TensorProto, helper
from tritonclient.grpc.model_config_pb2 import ModelConfig, ModelInstanceGroup
from tritonclient.utils import InferenceServerException

from serving.embedded import EmbeddedServer
from serving.readiness import ModelState, repository_index
from tests.service.callers import DEADLINE_S

MOST_ROWS = 64
WAIT_MICROSECONDS = 60_000_000
"""Requests that shall meet in one batch wait for each other as long as any machine needs to send them all."""

takes_text = pytest.mark.skipif(
    int(np.__version__.partition(".")[0]) >= 2, reason="the bundled Triton takes no text with numpy 2"
)


Tensor = tuple[int, list[int | None]]
"""Its element type, and its dimensions: None where any length will do."""


def graph(
    *nodes: onnx.NodeProto,
    inputs: dict[str, Tensor],
    outputs: dict[str, Tensor],
    constants: tuple[TensorProto, ...] = (),
) -> bytes:
    """Return a serialized ONNX model; tensors are given as name: (type, dims)."""
    body = helper.make_graph(
        list(nodes),
        "test",
        [helper.make_tensor_value_info(name, *tensor) for name, tensor in inputs.items()],
        [helper.make_tensor_value_info(name, *tensor) for name, tensor in outputs.items()],
        list(constants),
    )
    model = helper.make_model(body, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model)
    return model.SerializeToString()


PAIRS = (TensorProto.FLOAT, [None, 2])
DOUBLES = graph(helper.make_node("Add", ["x", "x"], ["y"]), inputs={"x": PAIRS}, outputs={"y": PAIRS})
FIXED_ROWS = graph(
    helper.make_node("Add", ["x", "x"], ["y"]),
    inputs={"x": (TensorProto.FLOAT, [4, 2])},
    outputs={"y": (TensorProto.FLOAT, [4, 2])},
)


def configuration() -> ModelConfig:
    """Return the configuration that fits ``DOUBLES``."""
    config = ModelConfig(backend="onnxruntime", max_batch_size=MOST_ROWS)
    config.input.add(name="x", data_type="TYPE_FP32", dims=[2])
    config.output.add(name="y", data_type="TYPE_FP32", dims=[2])
    config.instance_group.add(kind=ModelInstanceGroup.KIND_CPU, count=1)
    config.dynamic_batching.SetInParent()
    return config


def gathering(rows: int, config: ModelConfig) -> ModelConfig:
    """Change a configuration so that it answers once requests of so many rows have come, and not before."""
    config.dynamic_batching.preferred_batch_size.append(rows)
    config.dynamic_batching.max_queue_delay_microseconds = WAIT_MICROSECONDS
    return config


def publish(repository: Path, name: str, model: bytes | None, config: ModelConfig, file: str = "model.onnx") -> None:
    version = repository / name / "1"
    version.mkdir(parents=True)
    (repository / name / "config.pbtxt").write_text(text_format.MessageToString(config))
    if model is not None:
        (version / file).write_bytes(model)


ROWS, PLACES, WANTED = (1, 3, 2, 5, 1, 4), (0, 1, 99, 2), {"a": "y", "b": "again", "c": "y"}
"""What is sent at once to the models that gather, each of which is asked nothing else."""


@dataclass(frozen=True)
class Wrong:
    """Hold a fitting model with one thing changed, and what its refusal must name."""

    name: str
    says: tuple[str, ...]
    change: Callable[[ModelConfig], object] = lambda config: None
    model: bytes | None = DOUBLES


REFUSALS = [
    Wrong("no_file", ("no file", "model.onnx"), model=None),
    Wrong("other_file", ("no file", "other.onnx"), lambda c: setattr(c, "default_model_filename", "other.onnx")),
    Wrong("broken_file", ("Protobuf parsing failed",), model=b"not a model"),
    Wrong("cut_file", ("Protobuf parsing failed",), model=DOUBLES[: len(DOUBLES) // 2]),
    Wrong(
        "threads",
        ("intra_op_thread_count", "'many'"),
        lambda c: setattr(c.parameters["intra_op_thread_count"], "string_value", "many"),
    ),
]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedServer]:
    """Serve every broken model, and beside them the ones that must serve."""
    repository = tmp_path_factory.mktemp("backend")
    for wrong in REFUSALS:
        config = configuration()
        wrong.change(config)
        publish(repository, wrong.name, wrong.model, config)
    serving = publish_fitting(repository)
    log = tmp_path_factory.mktemp("log") / "triton.log"
    # Every poll tries the broken ones again; here one look is enough.
    with EmbeddedServer(repository, log_path=log, poll_seconds=3600) as started:
        started.wait_ready(serving)
        yield started


def publish_fitting(repository: Path) -> list[str]:
    publish(repository, "doubles", DOUBLES, configuration())
    publish(repository, "gathers", DOUBLES, gathering(sum(ROWS), configuration()))

    config = configuration()
    config.default_model_filename = "other.onnx"
    config.parameters["intra_op_thread_count"].string_value = "2"
    config.parameters["unknown_to_everyone"].string_value = "1"
    publish(repository, "named_file", DOUBLES, config, file="other.onnx")

    config = configuration()
    config.backend, config.platform = "", "onnxruntime_onnx"
    publish(repository, "platform", DOUBLES, config)

    config = configuration()
    config.max_batch_size = 0
    config.ClearField("dynamic_batching")
    config.input[0].dims[:] = config.output[0].dims[:] = [4, 2]
    publish(repository, "unbatched", FIXED_ROWS, config)

    text = (TensorProto.STRING, [None, 1])
    config = configuration()
    config.input[0].data_type = config.output[0].data_type = 13
    config.input[0].dims[:] = config.output[0].dims[:] = [1]
    config.output.add(name="again", data_type="TYPE_STRING", dims=[1])
    echo = graph(
        helper.make_node("Identity", ["x"], ["y"]),
        helper.make_node("Identity", ["x"], ["again"]),
        inputs={"x": text},
        outputs={"y": text, "again": text},
    )
    publish(repository, "echo", echo, config)
    publish(repository, "echoes", echo, gathering(len(WANTED), config))

    config = configuration()
    config.input[0].data_type = 9
    config.input[0].dims[:] = config.output[0].dims[:] = [1]
    looks_up = graph(
        helper.make_node("Gather", ["table", "x"], ["y"]),
        inputs={"x": (TensorProto.INT64, [None, 1])},
        outputs={"y": (TensorProto.FLOAT, [None, 1])},
        constants=(helper.make_tensor("table", TensorProto.FLOAT, [3], [10.0, 20.0, 30.0]),),
    )
    publish(repository, "looks_up", looks_up, gathering(len(PLACES), config))
    return ["doubles", "gathers", "named_file", "platform", "unbatched", "echo", "echoes", "looks_up"]


@pytest.fixture(scope="module")
def index(server: EmbeddedServer) -> dict[str, ModelState]:
    deadline = time.monotonic() + DEADLINE_S
    while True:
        index = {entry.name: entry for entry in repository_index(server.http_address, server.admin_key)}
        busy = [entry.name for entry in index.values() if entry.state == "LOADING"]
        if not busy:
            return index
        assert time.monotonic() < deadline, f"still loading: {busy}"
        time.sleep(0.1)


@pytest.fixture(scope="module")
def client(server: EmbeddedServer) -> Iterator[triton.InferenceServerClient]:
    with triton.InferenceServerClient(server.grpc_address) as connected:
        yield connected


def infer(
    client: triton.InferenceServerClient, model: str, x: npt.NDArray[Any], datatype: str = "FP32", **options: object
) -> triton.InferResult:
    tensor = triton.InferInput("x", list(x.shape), datatype)
    tensor.set_data_from_numpy(x)
    return client.infer(model, [tensor], **options)


def answer(
    client: triton.InferenceServerClient, model: str, x: npt.NDArray[Any], datatype: str = "FP32"
) -> npt.NDArray[np.float32]:
    """Return the output ``y`` of a model."""
    y: npt.NDArray[np.float32] = infer(client, model, x, datatype).as_numpy("y")
    return y


def batches(client: triton.InferenceServerClient, model: str, requests: int) -> int:
    """Return how often a model was run for so many requests, which Triton counts a moment after it has answered."""
    deadline = time.monotonic() + DEADLINE_S
    while True:
        (statistics,) = client.get_inference_statistics(model).model_stats
        counted = statistics.inference_stats.success.count + statistics.inference_stats.fail.count
        if counted == requests:
            return int(statistics.execution_count)
        assert time.monotonic() < deadline, f"{counted} of {requests} requests were counted"
        time.sleep(0.05)


def at_once(calls: list[Callable[[], object]]) -> list[object]:
    """Start all calls together; return what each returns or raises."""
    results: list[object] = [None] * len(calls)
    together = threading.Barrier(len(calls))

    def run(position: int) -> None:
        together.wait()
        try:
            results[position] = calls[position]()
        except InferenceServerException as error:
            results[position] = error

    threads = [threading.Thread(target=run, args=(position,)) for position in range(len(calls))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


@pytest.mark.parametrize("wrong", REFUSALS, ids=lambda wrong: wrong.name)
def test_a_model_that_cannot_be_opened_is_refused(
    wrong: Wrong, index: dict[str, ModelState], client: triton.InferenceServerClient
) -> None:
    assert not client.is_model_ready(wrong.name)
    state = index[wrong.name]
    assert state.state == "UNAVAILABLE"
    assert wrong.name in state.reason
    for part in wrong.says:
        assert part in state.reason


@pytest.mark.parametrize("model", ["doubles", "named_file", "platform"])
def test_fitting_models_answer(client: triton.InferenceServerClient, model: str) -> None:
    x = np.array([[1, 2], [3, 4]], np.float32)
    np.testing.assert_array_equal(infer(client, model, x).as_numpy("y"), x * 2)


def test_a_model_without_batching_answers(client: triton.InferenceServerClient) -> None:
    x = np.arange(8, dtype=np.float32).reshape(4, 2)
    np.testing.assert_array_equal(infer(client, "unbatched", x).as_numpy("y"), x * 2)


def test_each_request_of_a_batch_gets_its_own_rows(client: triton.InferenceServerClient) -> None:
    homes = [np.full((rows, 2), rows, np.float32) + np.arange(rows)[:, None] for rows in ROWS]
    homes = [x.astype(np.float32) for x in homes]
    results = at_once([partial(answer, client, "gathers", x) for x in homes])
    for x, y in zip(homes, results, strict=True):
        assert isinstance(y, np.ndarray)
        np.testing.assert_array_equal(y, x * 2)
    assert batches(client, "gathers", len(ROWS)) == 1


def test_one_bad_request_does_not_disturb_its_neighbours(client: triton.InferenceServerClient) -> None:
    results = at_once([partial(answer, client, "looks_up", np.array([[place]]), "INT64") for place in PLACES])
    assert [results[0], results[1], results[3]] == [10.0, 20.0, 30.0]
    assert isinstance(results[2], InferenceServerException)
    assert "out of data bounds" in str(results[2])
    assert batches(client, "looks_up", len(PLACES)) == 1


@takes_text
def test_text_comes_back_as_it_was(client: triton.InferenceServerClient) -> None:
    x = np.array([["Größe"], [""], ["2026"]], object)
    y = infer(client, "echo", x, "BYTES").as_numpy("y")
    assert [value.decode() for value in y.ravel()] == ["Größe", "", "2026"]


@takes_text
def test_only_requested_outputs_are_sent(client: triton.InferenceServerClient) -> None:
    x = np.array([["a"]], object)
    result = infer(client, "echo", x, "BYTES", outputs=[triton.InferRequestedOutput("again")])
    assert [output.name for output in result.get_response().outputs] == ["again"]


@takes_text
def test_requests_of_one_batch_may_want_different_outputs(client: triton.InferenceServerClient) -> None:
    def ask(text: str, name: str) -> Callable[[], object]:
        wanted = [triton.InferRequestedOutput(name)]
        x = np.array([[text]], object)
        return lambda: infer(client, "echoes", x, "BYTES", outputs=wanted).as_numpy(name).item()

    answers = at_once([ask(text, name) for text, name in WANTED.items()])
    assert answers == [text.encode() for text in WANTED]
    assert batches(client, "echoes", len(WANTED)) == 1
