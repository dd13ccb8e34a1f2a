"""What comes instead of a price: every status with its meaning, its headers and bodies as they really are."""

from __future__ import annotations

from dataclasses import dataclass

from .examples import refused
from .gateway import Answer
from .homes import Schema, reference


@dataclass(frozen=True)
class Status:
    """Hold what a status means to a caller, and what to do; ``component`` is its name in the document."""

    component: str
    text: str


STATUSES = {
    400: Status(
        "Refused",
        "What you sent can't be valued. The reason names the column, its value and what is allowed; a refusal of homes"
        " ends in a line of JSON for programs. Sent again, it is refused again.",
    ),
    401: Status("NoKey", "The service asks for keys, and `x-api-key` holds none that it knows."),
    404: Status("NotHere", "No such path, model or version."),
    405: Status("OtherMethod", "The path is asked in another way: the header `Allow` says how."),
    408: Status("TooSlow", "The request did not arrive in time. Send it again."),
    411: Status("NoLength", "The request does not say how long it is. Send `Content-Length`, not a chunked body."),
    413: Status("TooLarge", "The body is longer than what the largest request needs. Send fewer homes at once."),
    415: Status("Compressed", "The body is compressed. Send it as it is."),
    429: Status(
        "TooOften", "You ask more often than this service allows. Wait for as many seconds as `Retry-After` says."
    ),
    500: Status("Failed", "The service failed. Send it again: asking for a price changes nothing."),
    502: Status("NoAnswer", "No replica gave an answer. Send it again."),
    503: Status(
        "Busy", "All replicas are busy or away. Wait for as many seconds as `Retry-After` says, then send it again."
    ),
    504: Status("NoAnswerInTime", "No replica answered in time. Send it again."),
}
"""Every status that the service answers with but for 200; a test holds them to the gateway's configuration."""

FROM_ANYWHERE = (401, 413, 429, 500, 502, 503, 504)
"""What any request may get."""
FROM_ASKING_FOR_A_PRICE = (400, 401, 404, 408, 411, 413, 415, 429, 500, 502, 503, 504)
"""What a POST may get."""
FROM_ASKING_ABOUT_A_MODEL = (400, 404, *FROM_ANYWHERE)
"""What a question about a model may get."""

REQUEST_ID: Schema = {
    "description": "The id of this request in the gateway's log: the one that you sent, or a new one.",
    "schema": {"type": "string"},
}
_HEADERS: dict[str, Schema] = {
    "Retry-After": {"description": "Seconds to wait.", "schema": {"type": "integer", "minimum": 1}},
    "WWW-Authenticate": {"description": "How to name yourself: by a key.", "schema": {"type": "string"}},
    "Allow": {"description": "How this path may be asked.", "schema": {"type": "string"}},
}

ERROR_SCHEMAS: dict[str, Schema] = {
    "Error": {
        "description": "Why there is no price.",
        "type": "object",
        "required": ["error"],
        "properties": {
            "error": {
                "description": (
                    "Sentences for people. Of refused homes the last line is JSON for programs; see `RefusedRows`."
                ),
                "type": "string",
            }
        },
    },
    "RefusedRows": {
        "description": (
            "The last line of the `error` of a request whose homes were refused: by row, counted from 0, and by column."
            " Of a thousand bad homes it names as many as fit."
        ),
        "type": "object",
        "required": ["rows"],
        "properties": {
            "rows": {
                "type": "object",
                "additionalProperties": {"type": "object", "additionalProperties": {"type": "string"}},
            }
        },
        "examples": [{"rows": {"0": {"grade": "is 14, allowed is a whole number from 1 to 13"}}}],
    },
}


def responses(gateway: list[Answer]) -> dict[str, Schema]:
    """Return the responses of all statuses by component name, with what the gateway says as examples."""
    return {
        status.component: _response(status, [answer for answer in gateway if answer.status == number])
        for number, status in STATUSES.items()
    }


def of_operation(statuses: tuple[int, ...]) -> dict[str, Schema]:
    """Return references to the responses of these statuses, by status."""
    return {str(number): {"$ref": f"#/components/responses/{STATUSES[number].component}"} for number in statuses}


def _response(status: Status, answers: list[Answer]) -> Schema:
    examples: Schema = {}
    if status is STATUSES[400]:
        examples |= {
            name: {"summary": example.summary, "value": {"error": example.error}} for name, example in refused().items()
        }
    if status is STATUSES[404]:
        examples["version"] = {
            "summary": "A version that is not there",
            "value": {"error": "Request for unknown model: 'house_price' version 7 is not found"},
        }
    words = list(dict.fromkeys(answer.error for answer in answers))
    examples |= {f"gateway{number}": {"value": {"error": error}} for number, error in enumerate(words, start=1)}
    headers = {answer.header for answer in answers if answer.header}
    return {
        "description": status.text,
        "headers": {"X-Request-ID": REQUEST_ID, **{name: _HEADERS[name] for name in sorted(headers)}},
        "content": {"application/json": {"schema": reference("Error"), "examples": examples}},
    }
