"""``docs/openapi.yaml`` is fresh, valid, complete, and keeps what it promises with each of its examples."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator
from openapi_spec_validator import validate

from openapi import prose, refusals
from openapi.__main__ import ROOT, WRITTEN
from openapi.document import document
from openapi.endpoints import read_endpoint
from openapi.gateway import answers, read_configuration
from openapi.written import as_yaml
from preprocessing.columns import HOME_COLUMNS, NEXT_YEAR
from publishing.repository import ENSEMBLES

DOCUMENT: dict[str, Any] = yaml.safe_load(WRITTEN.read_text())
GATEWAY = read_configuration(ROOT)


def operations() -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, methods in DOCUMENT["paths"].items():
        for method, operation in methods.items():
            yield path, method, operation


def contents() -> Iterator[Any]:
    """Yield what each body may be, of requests and of replies, with its examples; a name first."""
    for path, _, operation in operations():
        if "requestBody" in operation:
            yield pytest.param(operation["requestBody"]["content"]["application/json"], id=f"to {path}")
        for kind, content in operation["responses"]["200"]["content"].items():
            yield pytest.param(content, id=f"from {path} {kind}")
    for name, response in DOCUMENT["components"]["responses"].items():
        yield pytest.param(response["content"]["application/json"], id=name)


def against(schema: dict[str, Any]) -> Draft202012Validator:
    return Draft202012Validator({**schema, "components": DOCUMENT["components"]})


def test_it_is_what_make_openapi_writes() -> None:
    assert WRITTEN.read_text() == as_yaml(document(ROOT)), "run `make openapi`"


def test_it_is_valid() -> None:
    validate(DOCUMENT)


@pytest.mark.parametrize("content", list(contents()))
def test_each_example_is_what_its_schema_allows(content: dict[str, Any]) -> None:
    for example in content.get("examples", {}).values():
        against(content["schema"]).validate(example["value"])


def test_each_request_has_an_example() -> None:
    bodies = [operation["requestBody"] for _, _, operation in operations() if "requestBody" in operation]
    assert bodies and all(body["content"]["application/json"]["examples"] for body in bodies)


def test_the_example_of_a_schema_is_allowed() -> None:
    for schema in DOCUMENT["components"]["schemas"].values():
        for example in schema.get("examples", []):
            against(schema).validate(example)


@pytest.mark.parametrize("column", HOME_COLUMNS, ids=lambda column: column.name)
def test_a_column_has_the_limits_that_the_service_checks(column: Any) -> None:
    schema = against(DOCUMENT["components"]["schemas"][column.name])
    assert schema.is_valid(column.low) and not schema.is_valid(column.low - 1)
    if column.high is not NEXT_YEAR:
        assert schema.is_valid(column.high) and not schema.is_valid(column.high + 1)
    assert column.special is None or schema.is_valid(column.special)
    assert schema.is_valid(column.low + 0.5) != column.whole


def reached() -> set[str]:
    """Return the models that the gateway lets callers ask."""
    (pattern,) = re.findall(r"acl infers path -m reg (\S+)$", GATEWAY, re.MULTILINE)
    return {name for name in prose.ENDPOINTS if re.search(pattern, f"/v2/models/{name}/generate")}


def test_it_has_every_endpoint_that_callers_reach() -> None:
    described = {path.split("/")[3] for path, method, _ in operations() if method == "post"}
    assert described == reached() >= set(ENSEMBLES)
    assert {path.split("/")[4] for path, method, _ in operations() if method == "post"} == {"generate", "infer"}


def test_the_gateway_lets_every_path_through() -> None:
    acls = dict(re.findall(r"acl (infers|tells) +path -m reg (\S+)$", GATEWAY, re.MULTILINE))
    for path, method, _ in operations():
        for model in reached():
            assert re.search(acls["infers" if method == "post" else "tells"], path.replace("{model}", model)), path


def test_it_has_every_refusal_of_the_gateway_in_its_words() -> None:
    found = answers(GATEWAY)
    assert len(found) == len(re.findall(r"^(?!#).*content-type application/json.* string ", GATEWAY, re.MULTILINE))
    for answer in found:
        response = DOCUMENT["components"]["responses"][refusals.STATUSES[answer.status].component]
        shown = [example["value"]["error"] for example in response["content"]["application/json"]["examples"].values()]
        assert answer.error in shown
        assert answer.header is None or answer.header in response["headers"]


def test_a_path_that_is_asked_in_another_way_is_told_how() -> None:
    assert {(answer.header, answer.value) for answer in answers(GATEWAY) if answer.status == 405} == {
        ("Allow", "POST"),
        ("Allow", "GET"),
    }


def test_a_refusals_last_line_is_what_programs_are_told() -> None:
    refused = DOCUMENT["components"]["responses"]["Refused"]["content"]["application/json"]["examples"]
    for name in ("impossible", "rows"):
        last = refused[name]["value"]["error"].splitlines()[-1]
        against(DOCUMENT["components"]["schemas"]["RefusedRows"]).validate(json.loads(last))
    assert json.dumps({"rows": {"0": {"grade": "is 14, allowed is a whole number from 1 to 13"}}}).replace(" ", "") in (
        DOCUMENT["info"]["description"].replace(" ", "")
    )


def test_the_largest_request_is_the_models() -> None:
    for name in reached():
        endpoint = read_endpoint(ROOT / "model_repository", name)
        text = "one" if endpoint.single else f"{endpoint.most_homes:,}"
        assert f"| homes of a request to `{name}` | {text} |" in DOCUMENT["info"]["description"]
