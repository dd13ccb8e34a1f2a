"""What the gateway lets through, what it refuses and how, and what it writes down."""

from __future__ import annotations

import http.client
import json
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import pytest
import tritonclient.grpc as triton
import urllib3
from tritonclient.grpc import service_pb2, service_pb2_grpc

from preprocessing.columns import EXAMPLE_HOME
from publishing.repository import ASKED
from tests.stack.conftest import Stack, free_port

HOME = json.dumps(EXAMPLE_HOME)
GENERATE = "/v2/models/house_price/generate"
MOST_BYTES = 500_000

NEEDLESS_PATHS = [
    ("GET", "/ready"),
    ("GET", "/desk"),
    ("GET", "/metrics"),
    ("GET", "/v2/models/stats"),
    ("GET", "/v2/models/house_price/stats"),
    ("POST", "/v2/models/house_price/generate_stream"),
    ("POST", "/v2/repository/index"),
    ("POST", "/v2/repository/models/house_price/load"),
    ("POST", "/v2/repository/models/house_price/unload"),
    ("GET", "/v2/systemsharedmemory/status"),
    ("POST", "/v2/systemsharedmemory/region/x/register"),
    ("POST", "/v2/systemsharedmemory/unregister"),
    ("GET", "/v2/cudasharedmemory/status"),
    ("POST", "/v2/cudasharedmemory/region/x/register"),
    ("GET", "/v2/trace/setting"),
    ("POST", "/v2/trace/setting"),
    ("GET", "/v2/models/house_price/trace/setting"),
    ("GET", "/v2/logging"),
    ("POST", "/v2/logging"),
    ("GET", "/v2/models/preprocessing"),
    ("GET", "/v2/models/price_model/config"),
    ("POST", "/v2/models/price_model/infer"),
    ("POST", "/v2/models/preprocessing/infer"),
    ("POST", "/v2/models/price_model/versions/1/infer"),
    ("POST", "/v2/models/house_price/../price_model/infer"),
    ("POST", "/v2/models/house_price%2F..%2Fprice_model/infer"),
    ("POST", "//v2/models/price_model/infer"),
    ("DELETE", GENERATE),
    ("PUT", GENERATE),
    ("GET", GENERATE),
    ("GET", "/invocations"),
    ("GET", "/v1/models/house_price"),
]
ALLOWED_METHODS = {
    "ServerLive",
    "ServerReady",
    "ServerMetadata",
    "ModelReady",
    "ModelMetadata",
    "ModelConfig",
    "ModelInfer",
}
METHODS = service_pb2.DESCRIPTOR.services_by_name["GRPCInferenceService"].methods_by_name


def ask(address: str, method: str, path: str, body: str | bytes = b"", **headers: str) -> http.client.HTTPResponse:
    connection = http.client.HTTPConnection(address, timeout=60)
    connection.request(method, path, body, {name.replace("_", "-"): value for name, value in headers.items()})
    response = connection.getresponse()
    response.body = response.read()  # type: ignore[attr-defined]
    connection.close()
    return response


@pytest.mark.parametrize(("method", "path"), NEEDLESS_PATHS)
def test_a_path_that_nobody_needs(method: str, path: str, stack: Stack) -> None:
    response = ask(stack.http, method, path, HOME if method == "POST" else "")
    assert response.status in (403, 404, 405), response.body  # type: ignore[attr-defined]
    assert json.loads(response.body)["error"]  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    "path",
    [
        "/v2",
        "/v2/health/live",
        "/v2/health/ready",
        *(f"/v2/models/{model}{what}" for model in ASKED for what in ("", "/ready", "/config")),
    ],
)
def test_health_and_metadata_of_what_callers_may_ask(path: str, stack: Stack) -> None:
    assert ask(stack.http, "GET", path).status == 200


@pytest.fixture(scope="module")
def channel(stack: Stack) -> Iterator[grpc.Channel]:
    with grpc.insecure_channel(stack.grpc) as channel:
        yield channel


@pytest.mark.parametrize("name", sorted(set(METHODS) - ALLOWED_METHODS))
def test_a_grpc_method_that_nobody_needs(name: str, channel: grpc.Channel) -> None:
    method = METHODS[name]
    stub = getattr(service_pb2_grpc.GRPCInferenceServiceStub(channel), name)
    request = getattr(service_pb2, method.input_type.name)()
    with pytest.raises(grpc.RpcError) as refused:
        list(stub(iter([request]))) if method.client_streaming else stub(request)
    if method.client_streaming and refused.value.code() is grpc.StatusCode.INTERNAL:
        assert "RST_STREAM" in refused.value.details()  # the gateway hung up before the client had read its answer
        return
    assert refused.value.code() in (grpc.StatusCode.UNIMPLEMENTED, grpc.StatusCode.PERMISSION_DENIED)
    assert "http2 header with status: 40" in refused.value.details(), "Triton answered, not the gateway"


@pytest.mark.parametrize("model", ["price_model", "preprocessing", ""])
@pytest.mark.parametrize("name", ["ModelInfer", "ModelConfig", "ModelMetadata", "ModelReady"])
def test_a_grpc_method_of_a_model_behind_the_ensembles(name: str, model: str, channel: grpc.Channel) -> None:
    request = getattr(service_pb2, f"{name}Request")(**{"model_name" if name == "ModelInfer" else "name": model})
    with pytest.raises(grpc.RpcError) as refused:
        getattr(service_pb2_grpc.GRPCInferenceServiceStub(channel), name)(request)
    assert refused.value.code() is grpc.StatusCode.PERMISSION_DENIED


def test_an_analysis_passes(stack: Stack) -> None:
    answer = ask(stack.http, "POST", "/v2/models/market_analysis/generate", HOME)
    assert answer.status == 200, answer.body  # type: ignore[attr-defined]
    assert json.loads(answer.body)["comparables_count"] >= 0  # type: ignore[attr-defined]
    refused = ask(stack.http, "POST", "/v2/models/market_analysis/generate", HOME.replace("98118", "12345"))
    assert refused.status == 400, refused.body  # type: ignore[attr-defined]


def test_grpc_health_and_metadata_of_the_ensembles(stack: Stack) -> None:
    with triton.InferenceServerClient(stack.grpc) as client:
        assert client.is_server_live() and client.is_server_ready() and client.is_model_ready("house_price")
        assert client.get_model_metadata("house_price_minimal").name == "house_price_minimal"
        assert client.get_model_config("house_price").config.name == "house_price"


@pytest.mark.parametrize(
    "body",
    [
        "",
        "{",
        "not JSON",
        json.dumps({**EXAMPLE_HOME, "grade": None}),
        json.dumps({**EXAMPLE_HOME, "grade": "seven"}),
        json.dumps({**EXAMPLE_HOME, "grade": True}),
        json.dumps({**EXAMPLE_HOME, "grade": 14}),
        HOME.replace('"grade": 7', '"grade": 1e999'),
        json.dumps({**EXAMPLE_HOME, "zipcode": 98118.5}),
        json.dumps({**EXAMPLE_HOME, "grade": {"of": 7}}),
    ],
    ids=["nothing", "half", "text", "null", "string", "boolean", "impossible", "infinite", "broken zipcode", "object"],
)
def test_what_no_home_can_be_is_the_callers_fault(body: str, stack: Stack) -> None:
    response = ask(stack.http, "POST", GENERATE, body)
    assert response.status == 400, response.body  # type: ignore[attr-defined]
    assert json.loads(response.body)["error"]  # type: ignore[attr-defined]


def test_a_body_of_100_megabytes(stack: Stack) -> None:
    """It is refused by its header, before it is read."""
    connection = http.client.HTTPConnection(stack.http, timeout=60)
    connection.putrequest("POST", GENERATE)
    connection.putheader("Content-Length", str(100 << 20))
    connection.endheaders()
    assert connection.getresponse().status == 413
    connection.close()


def test_a_body_that_does_not_say_how_long_it_is(stack: Stack) -> None:
    pool = urllib3.PoolManager(retries=False)
    reply = pool.request("POST", f"http://{stack.http}{GENERATE}", body=iter([HOME.encode()]), chunked=True)
    assert reply.status == 411


def test_a_grpc_message_that_is_too_large(channel: grpc.Channel) -> None:
    request = service_pb2.ModelInferRequest(model_name="house_price", raw_input_contents=[bytes(2 * MOST_BYTES)])
    with pytest.raises(grpc.RpcError) as refused:
        service_pb2_grpc.GRPCInferenceServiceStub(channel).ModelInfer(request)
    assert "413" in refused.value.details()


def test_grpc_classification_is_refused(channel: grpc.Channel, stack: Stack) -> None:
    request = service_pb2.ModelInferRequest(model_name="house_price")
    request.outputs.add(name="price_model").parameters["classification"].int64_param = 1
    started = [stack.inspect(replica)["State"]["StartedAt"] for replica in stack.replicas()]
    with pytest.raises(grpc.RpcError) as refused:
        service_pb2_grpc.GRPCInferenceServiceStub(channel).ModelInfer(request)
    assert refused.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert "classification" in refused.value.details()
    assert [stack.inspect(replica)["State"]["StartedAt"] for replica in stack.replicas()] == started


ONE = service_pb2.InferParameter(int64_param=1)


@pytest.mark.parametrize("compression", [grpc.Compression.Gzip, grpc.Compression.Deflate], ids=["gzip", "deflate"])
@pytest.mark.parametrize("homes", [1, 1024])
def test_a_compressed_grpc_message_gets_the_same_answer(
    compression: grpc.Compression, homes: int, channel: grpc.Channel, stack: Stack
) -> None:
    request = valuation_request(homes)
    plain = service_pb2_grpc.GRPCInferenceServiceStub(channel).ModelInfer(request)
    with grpc.insecure_channel(stack.grpc, compression=compression) as compressing:
        answer = service_pb2_grpc.GRPCInferenceServiceStub(compressing).ModelInfer(request)
    assert answer.raw_output_contents == plain.raw_output_contents


@pytest.mark.parametrize(
    ("change", "code", "reason"),
    [
        (lambda request: setattr(request, "model_name", "price_model"), grpc.StatusCode.PERMISSION_DENIED, "403"),
        (
            lambda request: request.outputs.add(name="price_model").parameters["classification"].MergeFrom(ONE),
            grpc.StatusCode.INVALID_ARGUMENT,
            "classification is not offered",
        ),
        # 100 kB become a few hundred bytes, and a megabyte a thousand.
        (
            lambda request: request.raw_input_contents.append(bytes(1_000_000)),
            grpc.StatusCode.INVALID_ARGUMENT,
            "at most 131,072 bytes",
        ),
    ],
    ids=["another model", "classification", "a bomb"],
)
def test_compression_hides_nothing(
    change: Callable[[Any], object], code: grpc.StatusCode, reason: str, stack: Stack
) -> None:
    request = valuation_request(1)
    change(request)
    channel = grpc.insecure_channel(stack.grpc, compression=grpc.Compression.Gzip)
    with channel, pytest.raises(grpc.RpcError) as refused:
        service_pb2_grpc.GRPCInferenceServiceStub(channel).ModelInfer(request)
    assert refused.value.code() is code
    assert reason in refused.value.details()


def valuation_request(homes: int) -> service_pb2.ModelInferRequest:
    """Return a request for the example home, so many times."""
    request = service_pb2.ModelInferRequest(model_name="house_price")
    for name, value in EXAMPLE_HOME.items():
        datatype, dtype = ("INT64", np.int64) if name == "zipcode" else ("FP32", np.float32)
        request.inputs.add(name=name, datatype=datatype, shape=[homes, 1])
        request.raw_input_contents.append(np.full(homes, value, dtype=dtype).tobytes())
    return request


Gateway = Callable[..., str]


@pytest.fixture
def gateway(stack: Stack) -> Iterator[Gateway]:
    """Return a function that starts another gateway for the same replicas, with some variables: ``host:port``."""
    started = []

    def start(**variables: str) -> str:
        port = free_port()
        other = replace(stack, environment={**stack.environment, **variables})
        publish = ["--publish", f"127.0.0.1:{port}:8000"]
        started.append(other.compose("run", "--detach", "--no-deps", *publish, "gateway").strip())
        stack.wait_healthy(started[-1])
        return f"127.0.0.1:{port}"

    yield start
    for container in started:
        stack.run("docker", "rm", "--force", container)


def test_the_configuration_draws_no_warning(stack: Stack) -> None:
    assert "config :" not in stack.compose("logs", "gateway")


def test_keys(gateway: Gateway) -> None:
    address = gateway(API_KEYS="first second")
    statuses = {
        key: ask(address, "POST", GENERATE, HOME, **({"x_api_key": key} if key else {})).status
        for key in ("first", "second", "third", "first second", "")
    }
    assert statuses == {"first": 200, "second": 200, "third": 401, "first second": 401, "": 401}
    refused = ask(address, "GET", "/v2/health/ready")
    assert refused.status == 401
    assert "x-api-key" in json.loads(refused.body)["error"]  # type: ignore[attr-defined]


def test_a_key_asks_too_often_and_another_goes_on(gateway: Gateway) -> None:
    address = gateway(API_KEYS="busy calm", RATE_LIMIT="20")
    statuses = [ask(address, "POST", GENERATE, HOME, x_api_key="busy").status for _ in range(20)]
    assert statuses == [200] * 20
    # How many more pass is a matter of speed: 20 may be asked in ten seconds.
    while (refused := ask(address, "POST", GENERATE, HOME, x_api_key="busy")).status == 200:
        continue
    assert refused.status == 429
    assert int(refused.headers["Retry-After"]) > 0
    assert ask(address, "POST", GENERATE, HOME, x_api_key="calm").status == 200


def test_tls(gateway: Gateway, tmp_path: Path) -> None:
    subject = ["-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1"]
    key, certificate, pem = (tmp_path / name for name in ("key.pem", "certificate.pem", "server.pem"))
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", *subject, "-keyout", key, "-out", certificate],
        check=True,
        capture_output=True,
    )
    pem.write_text(certificate.read_text() + key.read_text())
    pem.chmod(0o644)  # the gateway is another user
    address = gateway(TLS_CERTIFICATE=str(pem))

    pool = urllib3.PoolManager(ca_certs=str(certificate), retries=False)
    reply = pool.request(
        "POST", f"https://{address}{GENERATE}", body=HOME, headers={"Content-Type": "application/json"}
    )
    assert reply.status == 200 and json.loads(reply.data)["price"] > 0
