"""Which bodies the gateway lets through to Triton: those of the right shape, and no other."""

from __future__ import annotations

import gzip
import http.client
import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from preprocessing.columns import EXAMPLE_HOME, HOME_COLUMN_NAMES
from tests.stack.conftest import Stack
from tests.stack.test_gateway import GENERATE, HOME, ask

INFER = "/v2/models/house_price/infer"


def kserve(**parts: object) -> dict[str, Any]:
    """Return the example home as KServe's JSON, with other ``parts`` of a request."""
    return {
        "inputs": [
            {"name": name, "shape": [1, 1], "datatype": "INT64" if name == "zipcode" else "FP32", "data": [value]}
            for name, value in EXAMPLE_HOME.items()
        ],
        **parts,
    }


def with_first_input(**fields: object) -> dict[str, Any]:
    request = kserve()
    request["inputs"][0].update(fields)
    return request


CLASSIFICATION = {"outputs": [{"name": "price_model", "parameters": {"classification": 1}}]}
WRONG_TENSORS: list[object] = [[], None, {}, {"inputs": {}}, {"inputs": [3]}]
MISSHAPEN: dict[str, tuple[str, object]] = {
    **{f"generate {body!r}": (GENERATE, body) for body in ([], None, 3, "home", [EXAMPLE_HOME])},
    **{
        f"{name} {value!r}": (GENERATE, {**EXAMPLE_HOME, name: value})
        for name, value in (("parameters", "x"), ("id", 3), ("zipcode", {}), ("zipcode", "98118"), ("grade", None))
    },
    **{f"infer {body!r}": (INFER, body) for body in WRONG_TENSORS},
    **{
        f"{part} {value!r}": (INFER, kserve(**{part: value}))
        for part, value in (("id", 3), ("parameters", "x"), ("outputs", {}), ("outputs", [3]), ("inputs", "x"))
    },
    **{
        f"input's {field} {value!r}": (INFER, with_first_input(**{field: value}))
        for field, value in (("name", 3), ("data", "x"), ("data", ["x"]), ("shape", ["x"]), ("shape", [-1, 1]))
    },
    # What ends Triton 24.10, or takes memory before the data are read.
    "classification": (INFER, kserve(**CLASSIFICATION)),
    "a shape of 2^60": (INFER, with_first_input(shape=[2**60, 1])),
    "a shape of 600 million": (INFER, with_first_input(shape=[600_000_000, 1])),
}
SPELT_OTHERWISE = {
    "classification": json.dumps(kserve(**CLASSIFICATION)).replace('"classification"', '"\\u0063lassification" '),
    "shape": json.dumps(with_first_input(shape=[2**60, 1])).replace('"shape"', '"sh\\u0061pe"', 1),
    "nested in generate": json.dumps(EXAMPLE_HOME)[:-1] + ', "x": ' + "[" * 40_000 + "]" * 40_000 + "}",
    "nested in infer": json.dumps(kserve()).replace('"data": [3]', '"data": ' + "[" * 40_000 + "3" + "]" * 40_000),
}


@pytest.fixture(scope="module")
def refused_here(stack: Stack) -> Iterator[Callable[[http.client.HTTPResponse], str]]:
    """Return a function that checks for a 400 and returns its reason; at the end no replica was asked or has ended."""
    replicas = {replica: stack.inspect(replica)["State"]["StartedAt"] for replica in stack.replicas()}
    ids: set[str] = set()

    def check(response: http.client.HTTPResponse) -> str:
        ids.add(response.headers["X-Request-ID"])
        assert response.status == 400, response.body  # type: ignore[attr-defined]
        return str(json.loads(response.body)["error"])  # type: ignore[attr-defined]

    yield check
    logged = stack.run("docker", "logs", stack.compose("ps", "--quiet", "gateway").strip()).splitlines()
    entries = [entry for line in logged if line.startswith("{") and (entry := json.loads(line))["request_id"] in ids]
    assert {(entry["replica"], entry["retries"]) for entry in entries} == {("<NOSRV>", 0)}
    assert {replica: stack.inspect(replica)["State"]["StartedAt"] for replica in stack.replicas()} == replicas


@pytest.mark.parametrize("case", MISSHAPEN)
def test_a_body_of_the_wrong_shape(case: str, stack: Stack, refused_here: Callable[..., str]) -> None:
    path, body = MISSHAPEN[case]
    assert "body must be" in refused_here(ask(stack.http, "POST", path, json.dumps(body)))


SINGLE = GENERATE.replace("house_price", "house_price_single")


@pytest.mark.parametrize(
    "body", [{**EXAMPLE_HOME, "grade": [7]}, {name: [value, value] for name, value in EXAMPLE_HOME.items()}]
)
def test_several_homes_where_one_is_valued(
    body: dict[str, Any], stack: Stack, refused_here: Callable[..., str]
) -> None:
    assert "send several to house_price " in refused_here(ask(stack.http, "POST", SINGLE, json.dumps(body)))


def test_a_single_home_with_text_of_the_callers_own(stack: Stack) -> None:
    body = json.dumps({**EXAMPLE_HOME, "caller": 'crm, "grade": [7]'})
    single, tensors = (json.loads(ask(stack.http, "POST", path, body).body) for path in (SINGLE, GENERATE))  # type: ignore[attr-defined]
    assert single["price"] == tensors["price"]


@pytest.mark.parametrize("case", SPELT_OTHERWISE)
def test_what_ends_a_server_is_refused_however_it_is_spelt(
    case: str, stack: Stack, refused_here: Callable[..., str]
) -> None:
    path = GENERATE if "generate" in case else INFER
    assert "body must be" in refused_here(ask(stack.http, "POST", path, SPELT_OTHERWISE[case]))


@pytest.mark.parametrize(
    ("path", "body"),
    [
        (GENERATE, HOME.replace("98118", "98118.0")),
        (GENERATE, HOME.replace("98118", "[98118, 9.8e4]")),
        (INFER, json.dumps(kserve()).replace("98118", "98118.0")),
        (
            INFER,
            json.dumps(kserve()).replace('"name": "zipcode", ', "").replace("[98118]", '[9.8e4], "name": "zipcode"'),
        ),
    ],
    ids=["number", "list", "tensor", "tensor with its name last"],
)
def test_a_zipcode_with_a_decimal_point_is_named(
    path: str, body: str, stack: Stack, refused_here: Callable[..., str]
) -> None:
    assert "zipcode is a whole number" in refused_here(ask(stack.http, "POST", path, body))


def test_a_body_that_is_compressed(stack: Stack) -> None:
    response = ask(stack.http, "POST", GENERATE, gzip.compress(HOME.encode()), Content_Encoding="gzip")
    assert response.status == 415


def numbers() -> st.SearchStrategy[object]:
    return st.integers(-(2**70), 2**70) | st.floats() | st.sampled_from([3, 98118, 2.5, 0])


def values() -> st.SearchStrategy[object]:
    plain = numbers() | st.text(max_size=20) | st.booleans() | st.none()
    return plain | st.lists(plain, max_size=3) | st.lists(st.lists(plain, max_size=2), max_size=2) | st.just({})


def bodies() -> st.SearchStrategy[object]:
    """Return homes as people send them, and what is nearly one."""
    home = st.permutations(list(EXAMPLE_HOME.items())).map(dict)
    own = st.dictionaries(st.text(max_size=8) | st.sampled_from(["id", "parameters", "caller"]), values(), max_size=2)
    changed = st.dictionaries(st.sampled_from(HOME_COLUMN_NAMES), values(), max_size=1)
    return st.builds(lambda *parts: {k: v for part in parts for k, v in part.items()}, home, own, changed)


@given(body=bodies(), ascii=st.booleans(), indent=st.sampled_from([None, 1, "\t"]))
@settings(max_examples=150)
def test_the_gateway_refuses_what_triton_would_refuse_and_nothing_else(
    body: object, ascii: bool, indent: int | str | None, stack: Stack
) -> None:
    text = json.dumps(body, ensure_ascii=ascii, indent=indent).encode("utf-8", "replace")
    direct = ask(f"{stack.address(stack.replicas()[0])}:8000", "POST", GENERATE, text)
    through = ask(stack.http, "POST", GENERATE, text)
    assert (through.status == 200) == (direct.status == 200), (text, direct.body, through.body)  # type: ignore[attr-defined]
    assert through.status in (200, 400), (text, through.body)  # type: ignore[attr-defined]
