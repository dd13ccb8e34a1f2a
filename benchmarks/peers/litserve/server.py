"""LitServe with onnxruntime."""

from __future__ import annotations

import os
from typing import Any

import litserve
from fastapi import HTTPException

from benchmarks.peers import Refused
from benchmarks.peers.onnx_valuer import OnnxValuer


class HousePrice(litserve.LitAPI):
    """Value one home or many."""

    def setup(self, device: str) -> None:
        """Load the model, once in each worker."""
        self.valuer = OnnxValuer()

    def predict(self, given: dict[str, Any]) -> dict[str, Any]:
        """Return price and range; a refusal becomes status 400."""
        try:
            return self.valuer.value(given)
        except Refused as refused:
            raise HTTPException(400, str(refused)) from refused


if __name__ == "__main__":
    server = litserve.LitServer(HousePrice(api_path="/value"), accelerator="cpu", workers_per_device=2)
    server.run(
        host="127.0.0.1",
        port=int(os.environ["BENCH_PORT"]),
        num_api_servers=2,
        log_level="warning",
        generate_client_file=False,
        access_log=False,
    )
