"""MLServer with onnxruntime: a runtime of its own, as its documentation advises for a custom model."""

from __future__ import annotations

import numpy as np
from mlserver import MLModel
from mlserver.codecs import NumpyCodec, StringCodec
from mlserver.errors import InferenceError
from mlserver.types import InferenceRequest, InferenceResponse

from benchmarks.peers import Refused
from benchmarks.peers.mlserver.start import start
from benchmarks.peers.onnx_valuer import OnnxValuer


class HousePrice(MLModel):
    """Value homes: one input [N,1] a column, one output [N,1] a figure."""

    async def load(self) -> bool:
        """Load the model, once in each worker; return True when it is ready."""
        self.valuer = OnnxValuer()
        return True

    async def predict(self, payload: InferenceRequest) -> InferenceResponse:
        """Return price and range; a refusal becomes status 400."""
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


if __name__ == "__main__":
    start("benchmarks.peers.mlserver.server.HousePrice")
