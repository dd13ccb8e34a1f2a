"""MLServer with scikit-learn: what its own runtime for scikit-learn does, and the join before it."""

from __future__ import annotations

from mlserver import MLModel
from mlserver.codecs import NumpyCodec, PandasCodec
from mlserver.errors import InferenceError
from mlserver.types import InferenceRequest, InferenceResponse

from benchmarks.peers import Refused
from benchmarks.peers.mlserver.start import start
from benchmarks.peers.pandas_valuer import PandasValuer


class HousePrice(MLModel):
    """Value homes: one input [N,1] a column, one output [N,1] a figure."""

    async def load(self) -> bool:
        """Load the model, once in each worker; return True when it is ready."""
        self.valuer = PandasValuer()
        return True

    async def predict(self, payload: InferenceRequest) -> InferenceResponse:
        """Return price and range; a refusal becomes status 400."""
        try:
            answers = self.valuer.value(PandasCodec.decode_request(payload))
        except Refused as refused:
            raise InferenceError(str(refused)) from refused
        outputs = [NumpyCodec.encode_output(name, values[:, None]) for name, values in answers.items()]
        return InferenceResponse(model_name=self.name, outputs=outputs)


if __name__ == "__main__":
    start("benchmarks.peers.mlserver_sklearn.server.HousePrice")
