"""MLServer with onnxruntime: a runtime of its own, as its documentation advises for a custom model."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
from mlserver import MLModel
from mlserver.codecs import NumpyCodec, StringCodec
from mlserver.errors import InferenceError
from mlserver.types import InferenceRequest, InferenceResponse

from benchmarks.peers.valuing import Refused, Valuer


class HousePrice(MLModel):
    """One input [N,1] a column, one output [N,1] a figure."""

    async def load(self) -> bool:
        self.valuer = Valuer()
        return True

    async def predict(self, payload: InferenceRequest) -> InferenceResponse:
        columns = {entry.name: np.asarray(entry.data.root).reshape(-1) for entry in payload.inputs}
        try:
            answers = self.valuer.arrays(columns)
        except Refused as refused:
            raise InferenceError(str(refused)) from refused
        outputs = [
            StringCodec.encode_output(name, values.tolist())
            if values.dtype == object
            else NumpyCodec.encode_output(name, values[:, None])
            for name, values in answers.items()
        ]
        return InferenceResponse(model_name=self.name, outputs=outputs)


def write_settings(folder: Path) -> None:
    """The two files that MLServer starts from. Port and workers come with them."""
    folder.mkdir(parents=True, exist_ok=True)
    port = int(os.environ["BENCH_PORT"])
    settings = {
        "debug": False,
        "host": "127.0.0.1",
        "http_port": port,
        "grpc_port": port + 1,
        "metrics_port": port + 2,
        "metrics_dir": str(folder / "metrics"),
        "parallel_workers": 2,
        "logging_settings": None,
    }
    model = {"name": "house_price", "implementation": "benchmarks.peers.mlserver.server.HousePrice"}
    (folder / "settings.json").write_text(json.dumps(settings))
    (folder / "model-settings.json").write_text(json.dumps(model))


if __name__ == "__main__":
    from mlserver.cli.main import root

    target = Path(os.environ["BENCH_SCRATCH"])
    write_settings(target)
    root(["start", str(target)])
