"""What the document says beside its schemas: to be read by a person who has ten minutes."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Words:
    """Hold what is said of an endpoint: ``answer`` names what its reply holds."""

    summary: str
    text: str
    answer: str = "The price"


TITLE = "Sound Realty's home valuation service"
SUMMARY = "Send the columns of a home in King County, get its price and how sure it is."

ENDPOINTS = {
    "house_price_single": Words(
        "The price of one home, the fastest way",
        "One home as a plain JSON object. Eight columns are required; each of the other ten that you know may come"
        " along.",
    ),
    "house_price_minimal": Words(
        "The price of homes of which not everything is known",
        "One home, or a list for each column. Eight columns are required; each of the other ten may come along, for all"
        " homes of a request or for none.",
    ),
    "house_price": Words(
        "The price of homes with all their columns",
        "One home, or a list for each column. All 18 columns are required, so that none is forgotten by mistake.",
    ),
    "house_price_packed": Words(
        "The price of many homes as rows of numbers",
        "The same answers as `house_price` for callers with many requests: a home is one row of 18 numbers, which a"
        " busy server reads faster than 18 columns.",
    ),
    "market_analysis": Words(
        "What bears a price out: comparable sales and reasons",
        "For each home its price and range, up to five past sales adjusted to this home and to the day that the"
        " price is for, and why the home is worth more or less than the typical one of its ZIP code, in dollars. One"
        " trained model answers the whole.",
        answer="The analysis",
    ),
}
"""The endpoints in the order in which a newcomer meets them; the document has those that the model repository has."""

_START = """\
Send what you know of a home, and get three numbers: its price, and the range that holds 90 % of sale prices.

```sh
curl -s http://127.0.0.1:8000/v2/models/house_price_single/generate -d '{example}'
```

Nothing is guessed. A home that cannot be is refused with the reason, by column; so is a misspelt column.

## Which endpoint

{endpoints}

All take two forms. **`/generate`** is plain JSON: the column's name and its number. **`/infer`** is the KServe v2
protocol, for `tritonclient` and other clients: each column is a tensor `[N, 1]`, of type FP32, `zipcode` of INT64. The
same is offered by gRPC, on port 8001. `tritonclient` sends tensors as bytes, with the header
`Inference-Header-Content-Length`, which is shorter and faster than numbers in JSON.

A version may stand behind a model's name, as in `/v2/models/house_price/versions/1/generate`. It is the endpoint's and
stays 1: which trained model answered is told by `price_model`.

## When a home is refused

The status is 400, and `error` says it to people. Its last line says the same to programs, by row, counted from 0, and
by column:

```json
{refused}
```

A request without that line was refused as a whole: a column is missing or misspelt, or the body is no JSON.
"""

_LIMITS = """\
## Limits

| what | how much |
|---|---|
{limits}
| a body | {most_bytes:,} bytes, sent as it is, with `Content-Length` |
| a request | has to arrive within 10 s |
| how often you may ask | as whoever runs the service sets it: a 429 says so |

## When it does not answer

| status | what to do |
|---|---|
{statuses}

A price may be asked for as often as you like: asking changes nothing. After a 5xx, a 429 or a broken connection send
the same request again; after any other 4xx it needs another request.

## Keys

Where the service asks for keys, send yours as the header `x-api-key`. `make up` and a plain `docker compose up` ask for
none.

## Without the gateway

What is said here of keys, limits and statuses is the gateway's work, which `docker compose up` puts in front. `make up`
listens on the loopback interface without one: there, JSON that cannot be read gets Triton's 500 instead of a 400.
"""


def description(
    example: str, refused: str, most_homes: dict[str, int], most_bytes: int, statuses: dict[int, str]
) -> str:
    """Return the document's text, in Markdown.

    ``example`` is a home as JSON, ``refused`` the last line of a refusal, ``most_homes`` the homes of a request by
    endpoint, and ``statuses`` what each status means.
    """
    endpoints = "\n".join(
        f"- `{name}`: {ENDPOINTS[name].summary[0].lower()}{ENDPOINTS[name].summary[1:]}" for name in most_homes
    )
    limits = "\n".join(
        f"| homes of a request to `{name}` | {f'{homes:,}' if homes > 1 else 'one'} |"
        for name, homes in most_homes.items()
    )
    rows = "\n".join(f"| {number} | {text} |" for number, text in statuses.items())
    start = _START.replace("{example}", example).replace("{refused}", refused).replace("{endpoints}", endpoints)
    return f"{start}\n{_LIMITS.format(limits=limits, most_bytes=most_bytes, statuses=rows)}"
