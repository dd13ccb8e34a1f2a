"""The whole document, put together from what its parts say."""

from __future__ import annotations

import json
import re
from pathlib import Path

from preprocessing.columns import EXAMPLE_HOME

from . import gateway, homes, prose, refusals, tensors
from .endpoints import Endpoint, read_endpoint
from .examples import Example, generate_examples, infer_examples, refused
from .homes import Schema, reference
from .outputs import example_reply, reply_of_many, reply_of_one
from .service import ABOUT, service_paths, service_schemas

OPENAPI = "3.1.0"
VALUE = "Value homes"


def document(root: Path) -> Schema:
    """Return the OpenAPI document of the project in a folder.

    Raises OSError when a configuration is missing, KeyError when an output has no meaning written down.
    """
    repository = root / "model_repository"
    endpoints = [read_endpoint(repository, name) for name in prose.ENDPOINTS if (repository / name).is_dir()]
    configuration = gateway.read_configuration(root)
    answers = gateway.answers(configuration)
    most_homes = {endpoint.name: 1 if endpoint.single else endpoint.most_homes for endpoint in endpoints}
    text = prose.description(
        json.dumps(EXAMPLE_HOME),
        refused()["impossible"].error.splitlines()[-1],
        most_homes,
        gateway.most_bytes(configuration),
        {number: status.text for number, status in refusals.STATUSES.items()},
    )
    return {
        "openapi": OPENAPI,
        "info": {
            "title": prose.TITLE,
            "summary": prose.SUMMARY,
            "version": _version(root),
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
            "description": text,
        },
        "servers": [
            {"url": "/", "description": "The service that shows you this"},
            {"url": "http://127.0.0.1:8000", "description": "`make up`, or `docker compose up` on this machine"},
        ],
        "security": [{}, {"key": []}],
        "tags": [
            {"name": VALUE, "description": "Plain JSON by `/generate`, tensors by `/infer`."},
            {"name": ABOUT, "description": "Whether it answers, and what it takes and gives."},
        ],
        "paths": {**_value_paths(endpoints), **service_paths([endpoint.name for endpoint in endpoints])},
        "components": {
            "securitySchemes": {"key": {"type": "apiKey", "in": "header", "name": "x-api-key"}},
            "parameters": {"request_id": _request_id()},
            "responses": refusals.responses(answers),
            "schemas": {
                **homes.schemas(max(endpoint.most_homes for endpoint in endpoints)),
                **_reply_schemas(endpoints),
                **refusals.ERROR_SCHEMAS,
                **service_schemas(),
            },
        },
    }


def _version(root: Path) -> str:
    """Return the project's version; it stands first, before those of its tools."""
    return str(re.findall(r'^version = "(.*)"$', (root / "pyproject.toml").read_text(), re.MULTILINE)[0])


def _request_id() -> Schema:
    return {
        "name": "x-request-id",
        "in": "header",
        "description": (
            "An id of yours for the gateway's log: up to 64 letters, digits, dots, dashes and underscores."
            " The reply carries it, or the one that the gateway made up."
        ),
        "schema": {"type": "string"},
        "example": "listing-4711",
    }


def _answers(endpoint: Endpoint) -> tuple[str, str]:
    """Return the names of the schemas of a reply for one home and for several."""
    return ("Analysis", "Analyses") if prose.ENDPOINTS[endpoint.name].answer != "The price" else ("Price", "Prices")


def _reply_schemas(endpoints: list[Endpoint]) -> dict[str, Schema]:
    schemas: dict[str, Schema] = {}
    for endpoint in endpoints:
        one, many = _answers(endpoint)
        what = prose.ENDPOINTS[endpoint.name].answer
        schemas[one] = reply_of_one(endpoint.outputs, what)
        schemas[many] = reply_of_many(endpoint.outputs, what)
    return schemas


def _value_paths(endpoints: list[Endpoint]) -> dict[str, Schema]:
    return {
        f"/v2/models/{endpoint.name}/{kind}": {"post": operation(endpoint)}
        for endpoint in endpoints
        for kind, operation in (("generate", _generate), ("infer", _infer))
    }


def _generate(endpoint: Endpoint) -> Schema:
    one, many = map(reference, _answers(endpoint))
    reply = one if endpoint.single else {"oneOf": [one, many]}
    example = {"one": {"summary": "One home", "value": example_reply(endpoint)}}
    return _operation(
        endpoint,
        "generate",
        prose.ENDPOINTS[endpoint.name].summary,
        prose.ENDPOINTS[endpoint.name].text,
        _body(homes.body_schema(endpoint), generate_examples(endpoint)),
        {"application/json": {"schema": reply, "examples": example}},
    )


def _infer(endpoint: Endpoint) -> Schema:
    return _operation(
        endpoint,
        "infer",
        f"{prose.ENDPOINTS[endpoint.name].summary}, as tensors",
        tensors.in_words(endpoint),
        _body(tensors.request_schema(endpoint), infer_examples(endpoint)),
        {
            "application/json": {"schema": tensors.reply_schema(endpoint)},
            # Asked for by `binary_data`: JSON, and behind it the tensors as bytes.
            "application/octet-stream": {"schema": {"type": "string", "contentMediaType": "application/octet-stream"}},
        },
    )


def _operation(endpoint: Endpoint, kind: str, summary: str, text: str, body: Schema, content: Schema) -> Schema:
    most = "One home a request." if endpoint.single else f"Up to {endpoint.most_homes:,} homes a request."
    return {
        "operationId": f"{kind}_{endpoint.name}",
        "tags": [VALUE],
        "summary": summary,
        "description": f"{text} {most}",
        "parameters": [{"$ref": "#/components/parameters/request_id"}],
        "requestBody": body,
        "responses": {
            "200": {
                "description": f"{prose.ENDPOINTS[endpoint.name].answer}.",
                "headers": {"X-Request-ID": refusals.REQUEST_ID},
                "content": content,
            },
            **refusals.of_operation(refusals.FROM_ASKING_FOR_A_PRICE),
        },
    }


def _body(schema: Schema, examples: dict[str, Example]) -> Schema:
    shown = {name: {"summary": example.summary, "value": example.body} for name, example in examples.items()}
    return {"required": True, "content": {"application/json": {"schema": schema, "examples": shown}}}
