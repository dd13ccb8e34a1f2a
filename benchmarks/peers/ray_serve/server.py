"""Ray Serve with onnxruntime."""

from __future__ import annotations

import os
import signal

import ray
from ray import serve
from starlette.requests import Request
from starlette.responses import JSONResponse

from benchmarks.peers import Refused
from benchmarks.peers.onnx_valuer import OnnxValuer


@serve.deployment(num_replicas=2, max_ongoing_requests=64, ray_actor_options={"num_cpus": 0.5})
class HousePrice:
    """Value one home or many."""

    def __init__(self) -> None:
        self.valuer = OnnxValuer()

    async def __call__(self, request: Request) -> JSONResponse:
        """Return price and range; a refusal becomes status 400."""
        try:
            return JSONResponse(self.valuer.value(await request.json()))
        except Refused as refused:
            return JSONResponse({"error": str(refused)}, status_code=400)


if __name__ == "__main__":
    ray.init(include_dashboard=False, object_store_memory=100 << 20, log_to_driver=False)
    serve.start(
        http_options={"host": "127.0.0.1", "port": int(os.environ["BENCH_PORT"])},
        logging_config={"enable_access_log": False, "log_level": "ERROR"},
    )
    serve.run(HousePrice.bind(), route_prefix="/value")
    signal.sigwait({signal.SIGTERM, signal.SIGINT})
    ray.shutdown()
