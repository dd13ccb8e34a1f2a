"""A real Triton answers every example of ``docs/openapi.yaml``, with what the document says that it answers."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
import urllib3

from openapi.examples import refused
from tests.service.conftest import Service
from tests.unit.test_openapi import DOCUMENT, against, operations

Reply = urllib3.BaseHTTPResponse


def requests() -> Iterator[Any]:
    for path, method, operation in operations():
        if method == "post":
            content = operation["requestBody"]["content"]["application/json"]
            for name, example in content["examples"].items():
                yield pytest.param(path, operation, example["value"], id=f"{operation['operationId']}-{name}")


def questions() -> Iterator[Any]:
    for path, method, operation in operations():
        if method == "get":
            models = next((p["schema"]["enum"] for p in operation["parameters"] if p.get("name") == "model"), [""])
            for model in models:
                yield pytest.param(path.format(model=model), operation, id=path.format(model=model))


def documented(reply: Reply, operation: dict[str, Any]) -> dict[str, Any]:
    """Return the schema of a reply; its status and its type must be in the document."""
    described = operation["responses"][str(reply.status)]
    return dict(described["content"][reply.headers["Content-Type"]]["schema"])


def names(schema: dict[str, Any]) -> set[str]:
    """Return the names of all entries that a reply may have."""
    if "$ref" in schema:
        return names(DOCUMENT["components"]["schemas"][schema["$ref"].rpartition("/")[2]])
    return set().union(schema.get("properties", {}), *map(names, schema.get("oneOf", [])))


@pytest.mark.parametrize(("path", "operation", "body"), list(requests()))
def test_an_example_gets_the_reply_that_is_described(
    path: str, operation: dict[str, Any], body: dict[str, Any], service: Service
) -> None:
    reply = urllib3.request("POST", f"http://{service.http}{path}", json=body, retries=False, timeout=60)
    assert reply.status == 200, reply.data
    schema = documented(reply, operation)
    against(schema).validate(reply.json())
    assert reply.json().keys() <= names(schema)
    assert reply.json().get("id") == body.get("id")


@pytest.mark.parametrize(("path", "operation"), list(questions()))
def test_a_question_about_the_service_gets_the_reply_that_is_described(
    path: str, operation: dict[str, Any], service: Service
) -> None:
    reply = urllib3.request("GET", f"http://{service.http}{path}", retries=False, timeout=60)
    assert reply.status == 200, reply.data
    against(documented(reply, operation)).validate(reply.json() if reply.data else "")


@pytest.mark.parametrize("name", list(refused()))
def test_a_refusal_is_worded_as_described(name: str, service: Service) -> None:
    example = refused()[name]
    url = f"http://{service.http}/v2/models/{example.model}/generate"
    reply = urllib3.request("POST", url, json=example.body, retries=False, timeout=60)
    assert reply.status == 400
    assert reply.json() == {"error": example.error}
    shown = DOCUMENT["components"]["responses"]["Refused"]["content"]["application/json"]["examples"]
    assert shown[name]["value"] == json.loads(reply.data)
