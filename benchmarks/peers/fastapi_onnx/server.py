"""FastAPI with onnxruntime, written well: bytes to bytes, no models of requests in between."""

from __future__ import annotations

import msgspec
from fastapi import FastAPI, Request, Response

from benchmarks.peers import Refused
from benchmarks.peers.onnx_valuer import OnnxValuer

app = FastAPI()
valuer = OnnxValuer()
# Refuses text, booleans and null while it decodes.
decoder = msgspec.json.Decoder(dict[str, float | list[float]])
encoder = msgspec.json.Encoder()


@app.post("/value")
async def value(request: Request) -> Response:
    """Value one home or many."""
    try:
        answer = valuer.value(decoder.decode(await request.body()))
    except (Refused, msgspec.ValidationError, msgspec.DecodeError) as error:
        return Response(encoder.encode({"error": str(error)}), 400, media_type="application/json")
    return Response(encoder.encode(answer), media_type="application/json")
