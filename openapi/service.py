"""The paths that tell about the service: whether it answers, and what its models take and give."""

from __future__ import annotations

from .homes import Schema, reference
from .refusals import FROM_ANYWHERE, FROM_ASKING_ABOUT_A_MODEL, REQUEST_ID, of_operation

ABOUT = "About the service"


def service_paths(models: list[str]) -> dict[str, Schema]:
    """Return what may be asked with GET; ``models`` are the endpoints that callers reach."""
    model = {
        "name": "model",
        "in": "path",
        "required": True,
        "description": "An endpoint of this document.",
        "schema": {"type": "string", "enum": models},
    }
    return {
        "/v2": _get("about_service", "What answers", "Triton's name, version and extensions.", "Server"),
        "/v2/health/live": _get("is_live", "Whether it runs", "An empty answer means yes.", None),
        "/v2/health/ready": _get(
            "is_ready", "Whether it is ready", "An empty answer with 200 means yes.", None, refused=(400,)
        ),
        "/v2/models/{model}": _get(
            "about_model",
            "What a model takes and gives",
            "Its inputs and outputs with types and shapes.",
            "Model",
            model,
        ),
        "/v2/models/{model}/ready": _get(
            "is_model_ready", "Whether a model is ready", "An empty answer with 200 means yes.", None, model
        ),
        "/v2/models/{model}/config": _get(
            "model_config", "How a model is configured", "Its configuration, as Triton read it.", "Configuration", model
        ),
    }


def service_schemas() -> dict[str, Schema]:
    """Return the schemas of what those paths answer."""
    texts = {"type": "array", "items": {"type": "string"}}
    return {
        "Server": _object({"name": {"const": "triton"}, "version": {"type": "string"}, "extensions": texts}),
        "Model": _object(
            {
                "name": {"type": "string"},
                "versions": texts,
                "platform": {"type": "string"},
                "inputs": {"type": "array", "items": reference("TensorMetadata")},
                "outputs": {"type": "array", "items": reference("TensorMetadata")},
            }
        ),
        "TensorMetadata": _object(
            {
                "name": {"type": "string"},
                "datatype": {"type": "string", "enum": ["FP32", "INT32", "INT64", "BYTES"]},
                "shape": {
                    "description": "-1 stands for the number of homes.",
                    "type": "array",
                    "items": {"type": "integer"},
                },
            }
        ),
        "Configuration": _object(
            {
                "name": {"type": "string"},
                "max_batch_size": {"description": "Homes of a request.", "type": "integer"},
                "input": {"type": "array", "items": {"type": "object"}},
                "output": {"type": "array", "items": {"type": "object"}},
            }
        ),
    }


def _get(
    name: str,
    summary: str,
    text: str,
    schema: str | None,
    model: Schema | None = None,
    refused: tuple[int, ...] = (),
) -> Schema:
    answer: Schema = {"description": text, "headers": {"X-Request-ID": REQUEST_ID}}
    # An empty answer has a type all the same.
    answer["content"] = (
        {"application/json": {"schema": reference(schema)}} if schema else {"text/plain": {"schema": {"maxLength": 0}}}
    )
    own = [model] if model else []
    return {
        "get": {
            "operationId": name,
            "tags": [ABOUT],
            "summary": summary,
            "parameters": [*own, {"$ref": "#/components/parameters/request_id"}],
            "responses": {
                "200": answer,
                **of_operation(FROM_ASKING_ABOUT_A_MODEL if model else (*refused, *FROM_ANYWHERE)),
            },
        }
    }


def _object(properties: dict[str, Schema]) -> Schema:
    return {"type": "object", "required": list(properties), "properties": properties}
