"""BentoML with onnxruntime."""

from __future__ import annotations

from typing import Any

import bentoml
from bentoml.exceptions import InvalidArgument
from pydantic import RootModel

from benchmarks.peers import Refused
from benchmarks.peers.onnx_valuer import OnnxValuer


class Given(RootModel[dict[str, float | list[float]]]):
    """Numbers for one home, lists for many, by column name."""


@bentoml.service(workers=2, traffic={"timeout": 30, "max_concurrency": 256}, logging={"access": {"enabled": False}})
class HousePrice:
    """Value one home or many."""

    def __init__(self) -> None:
        self.valuer = OnnxValuer()

    @bentoml.api(route="/value")
    async def value(self, given: Given, /) -> dict[str, Any]:
        """Return price and range; a refusal becomes status 400."""
        try:
            return self.valuer.value(given.root)
        except Refused as refused:
            raise InvalidArgument(str(refused)) from refused
