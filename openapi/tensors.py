"""Homes as tensors: what ``/infer`` reads and answers, as the KServe v2 protocol has it."""

from __future__ import annotations

from preprocessing.columns import HOME_COLUMN_NAMES, REQUIRED_COLUMN_NAMES

from .endpoints import Endpoint, Tensor
from .homes import ID, Schema, reference

_JSON_TYPES = {"FP32": "number", "INT64": "integer", "INT32": "integer", "BYTES": "string"}

PARAMETERS = "Text of your own changes nothing; a number is taken for a misspelt column."
SINGLE_PARAMETERS = "The home's columns but the ZIP code."


def json_type(tensor: Tensor) -> str:
    """Return the type of a tensor's values in JSON."""
    return _JSON_TYPES[tensor.datatype]


def in_words(endpoint: Endpoint) -> str:
    """Return how an endpoint's ``/infer`` takes homes."""
    if endpoint.packed:
        return f"Homes are one tensor, FP32 [N, {endpoint.inputs[0].width}]."
    if endpoint.single:
        return "The ZIP code is the only tensor, INT64 [1, 1]; the other columns are parameters of the request."
    return "Each column is a tensor [N, 1] of type FP32, `zipcode` of INT64."


def request_schema(endpoint: Endpoint) -> Schema:
    """Return what an endpoint's ``/infer`` reads."""
    needed = sum(not tensor.optional for tensor in endpoint.inputs)
    kinds: dict[tuple[str, int], list[str]] = {}
    for tensor in endpoint.inputs:
        kinds.setdefault((tensor.datatype, tensor.width), []).append(tensor.name)
    rows = 1 if endpoint.single else endpoint.most_homes
    tensors = [_given(names, datatype, width, rows) for (datatype, width), names in kinds.items()]
    return {
        "type": "object",
        "required": ["inputs", *(["parameters"] if endpoint.single else [])],
        "properties": {
            "id": {"description": f"{ID}.", "type": "string"},
            "inputs": {
                "type": "array",
                "items": tensors[0] if len(tensors) == 1 else {"oneOf": tensors},
                "minItems": needed,
                "maxItems": len(endpoint.inputs),
            },
            "outputs": {
                "description": "The outputs that you want; all of them where this is not given.",
                "type": "array",
                "items": {
                    "type": "object",
                    "required": ["name"],
                    "properties": {
                        "name": {"type": "string", "enum": [tensor.name for tensor in endpoint.outputs]},
                        "parameters": {
                            "type": "object",
                            "properties": {
                                "binary_data": {
                                    "description": "Whether it shall follow the reply's JSON as bytes.",
                                    "type": "boolean",
                                }
                            },
                            "additionalProperties": False,
                        },
                    },
                    "additionalProperties": False,
                },
            },
            "parameters": _parameters(endpoint),
        },
        "additionalProperties": False,
    }


def reply_schema(endpoint: Endpoint) -> Schema:
    """Return what an endpoint's ``/infer`` answers; outputs come in any order."""
    kinds: dict[tuple[str, int], list[str]] = {}
    for tensor in endpoint.outputs:
        kinds.setdefault((tensor.datatype, tensor.width), []).append(tensor.name)
    tensors = [_tensor(names, datatype, width) for (datatype, width), names in kinds.items()]
    return {
        "type": "object",
        "required": ["model_name", "model_version", "outputs"],
        "properties": {
            "id": {"type": "string"},
            "model_name": {"const": endpoint.name},
            "model_version": {"description": "The endpoint's own, not the trained model's.", "type": "string"},
            "parameters": {"description": "Triton's own; they mean nothing here.", "type": "object"},
            "outputs": {"type": "array", "items": {"oneOf": tensors}, "maxItems": len(endpoint.outputs)},
        },
    }


def _given(names: list[str], datatype: str, width: int, rows: int) -> Schema:
    schema = _tensor(names, datatype, width)
    sizes = [{"type": "integer", "minimum": 1, "maximum": rows}, {"const": width}]
    numbers = {"type": _JSON_TYPES[datatype]}
    # Rows may be lists of their own or stand one after the other.
    schema["properties"]["data"] = {
        "type": "array",
        "items": {"anyOf": [numbers, {"type": "array", "items": numbers}]},
        "minItems": 1,
        "maxItems": rows * width,
    }
    schema["properties"]["shape"] |= {"prefixItems": sizes}
    return {**schema, "additionalProperties": False}


def _tensor(names: list[str], datatype: str, width: int) -> Schema:
    return {
        "type": "object",
        "required": ["name", "datatype", "shape", "data"],
        "properties": {
            "name": {"type": "string", "enum": names},
            "datatype": {"const": datatype},
            "shape": {
                "description": f"How many homes, then {width}.",
                "type": "array",
                "items": {"type": "integer"},
                "minItems": 2,
                "maxItems": 2,
            },
            "data": {"type": "array", "items": {"type": _JSON_TYPES[datatype]}},
        },
    }


def _parameters(endpoint: Endpoint) -> Schema:
    if not endpoint.single:
        return {"description": PARAMETERS, "type": "object", "additionalProperties": {"type": "string"}}
    (zipcode,) = endpoint.inputs
    return {
        "description": f"{SINGLE_PARAMETERS} {PARAMETERS}",
        "type": "object",
        "required": [name for name in REQUIRED_COLUMN_NAMES if name != zipcode.name],
        "properties": {name: reference(name) for name in HOME_COLUMN_NAMES if name != zipcode.name},
        "additionalProperties": {"type": "string"},
    }
