"""Passes requests to the service's own paths on to it, where no gateway does that: for trying them out on the desk.

In the containers the gateway serves both, and nothing comes here. What passes is what the gateway lets pass: homes to
be valued, and questions about the service. The body and the answer go as they are.
"""

from __future__ import annotations

from functools import lru_cache

import urllib3
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from desk.pages import desk_of
from desk.service import TIMEOUT_S

MODELS = ("house_price", "house_price_minimal", "house_price_single", "house_price_packed", "market_analysis")
POSTS = ("generate", "infer")
MODEL_GETS = ("", "/ready", "/config")
GETS = ("", "/health/live", "/health/ready")
MOST_BYTES = 500_000
ASKED_WITH = ("content-type", "inference-header-content-length", "x-api-key", "x-request-id")
ANSWERED_WITH = ("content-type", "inference-header-content-length", "retry-after", "allow", "x-request-id")


@lru_cache(maxsize=1)
def _connections() -> urllib3.PoolManager:
    return urllib3.PoolManager(maxsize=8, timeout=TIMEOUT_S, retries=False)


async def pass_on(request: Request) -> Response:
    """Ask the service what was asked here, and return its answer."""
    length = request.headers.get("content-length", "0" if request.method == "GET" else "")
    if not length.isdecimal():
        return JSONResponse({"error": "a request must say its Content-Length"}, 411)
    if int(length) > MOST_BYTES:
        return JSONResponse({"error": f"a request may have {MOST_BYTES:,} bytes, more than 1,024 homes need"}, 413)
    body = await request.body()
    headers = {name: value for name, value in request.headers.items() if name in ASKED_WITH}
    url = desk_of(request).settings.service_url.rstrip("/") + request.url.path
    try:
        answer = await run_in_threadpool(
            _connections().request, request.method, url, body=body or None, headers=headers, redirect=False
        )
    except urllib3.exceptions.HTTPError:
        return JSONResponse({"error": "the service is away: try again in a minute"}, 503, {"Retry-After": "5"})
    kept = {name: value for name, value in answer.headers.items() if name.lower() in ANSWERED_WITH}
    return Response(answer.data, answer.status, kept)


def paths(method: str) -> list[str]:
    """Return the paths that pass by this method."""
    if method == "POST":
        return [f"/v2/models/{model}/{verb}" for model in MODELS for verb in POSTS]
    return [f"/v2{what}" for what in GETS] + [f"/v2/models/{model}{what}" for model in MODELS for what in MODEL_GETS]


ROUTES = [Route(path, pass_on, methods=[method]) for method in ("GET", "POST") for path in paths(method)]
