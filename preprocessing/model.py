"""The ``preprocessing`` model that Triton runs: a home's tensors in, features or a refusal out."""

from __future__ import annotations

import json
import os
from bisect import bisect_right
from collections import defaultdict
from dataclasses import replace
from datetime import date
from itertools import accumulate, pairwise
from pathlib import Path
from typing import Any

import numpy as np
import triton_python_backend_utils as pb_utils

from .checks import Problem, check
from .demographics import DEMOGRAPHICS_FILE, Demographics
from .example import example_features
from .exporter import Exporter
from .features import features
from .homes import Asked, Homes, complete, nothing_known
from .metrics import UNKNOWN_COLUMN
from .refusal import refusal, unknown_columns
from .tally import Tally
from .training_bins import TRAINING_FILE, read_training

PROBE_ID = "probe"
"""The id of a request that asks whether the service works: its home is valued but not counted."""

NO_PARAMETERS = ("{}", "")
"""Of nearly every request, told apart without reading JSON."""


class TritonPythonModel:
    """Checks homes and joins their demographics, over a whole dynamic batch at once."""

    def initialize(self, args: dict[str, str]) -> None:
        """Read what was published with this version, and value the example home.

        A failure here refuses the version; at its first request it would be too late.
        """
        self.demographics = Demographics.read(Path(__file__).with_name(DEMOGRAPHICS_FILE))
        example_features(self.demographics)
        training = read_training(Path(__file__).with_name(TRAINING_FILE))
        if training is None:
            pb_utils.Logger.log_warn(f"drift is not measured: this version has no {TRAINING_FILE}")
        self.tally = Tally(training)
        self.warmups = _warmups(json.loads(args["model_config"]))
        self.exporter: Exporter | None = None
        try:
            self.exporter = Exporter(self.tally, training, version=args["model_version"], stub=str(os.getpid()))
        except pb_utils.TritonModelException as error:
            pb_utils.Logger.log_warn(f"homes are not counted: {error}")

    def execute(self, requests: list[Any]) -> list[Any]:
        """One response a request: ``features`` FP32 [n,44], or why its homes get no price."""
        asked = [_asked(request) for request in requests]
        bounds = [0, *accumulate(len(columns[0]) for _, columns in asked)]
        homes = Homes.of_requests(asked)
        table = features(homes, self.demographics)

        problems: dict[int, list[Problem]] = defaultdict(list)
        for problem in check(homes, self.demographics, date.today().year):
            place = bisect_right(bounds, problem.row) - 1
            problems[place].append(replace(problem, row=problem.row - bounds[place]))

        responses = []
        uncounted: list[slice] = []
        for place, (request, (start, end)) in enumerate(zip(requests, pairwise(bounds), strict=True)):
            reasons: list[tuple[str, str]] = []
            if strangers := _strangers(request):
                reasons = [UNKNOWN_COLUMN] * (end - start)
                responses.append(_refused(unknown_columns(strangers)))
            elif place in problems:
                reasons = [(problem.column, problem.reason) for problem in problems[place]]
                responses.append(_refused(refusal(problems[place], end - start, self.demographics)))
            else:
                responses.append(pb_utils.InferenceResponse([pb_utils.Tensor("features", table[start:end])]))
            counted = not self._only_tries(request)
            if reasons and counted:
                self.tally.refused(reasons)
            if reasons or not counted:
                uncounted.append(slice(start, end))
        self._count(homes, uncounted)
        return responses

    def finalize(self) -> None:
        """Hand over what was counted last."""
        if self.exporter is not None:
            self.exporter.stop()

    def _only_tries(self, request: Any) -> bool:
        """Whether it is a warm-up sample, which come before all others, or a probe."""
        if self.warmups:
            self.warmups -= 1
            return True
        return bool(request.request_id() == PROBE_ID)

    def _count(self, homes: Homes, uncounted: list[slice]) -> None:
        values = homes.values
        if uncounted:
            counted = np.ones(len(homes), dtype=np.bool_)
            for rows in uncounted:
                counted[rows] = False
            values = values[counted]
        if self.exporter is not None and len(values):
            self.tally.valued(values)


def _warmups(config: dict[str, Any]) -> int:
    """How many requests Triton makes of the warm-up samples."""
    return sum(max(1, int(sample.get("count", 0))) for sample in config.get("model_warmup", []))


def _asked(request: Any) -> Asked:
    tensors = request.inputs()
    names = tuple([tensor.name() for tensor in tensors])
    # The ensembles let nothing else through; who asks this model itself may send any inputs.
    return (names, [tensor.as_numpy() for tensor in tensors]) if complete(names) else nothing_known()


def _strangers(request: Any) -> list[str]:
    """The keys of a plain JSON request that are no columns: Triton passes them on as parameters.

    It adds ``id`` and names of its own that begin with ``triton_``.
    """
    parameters = request.parameters()
    if parameters in NO_PARAMETERS:
        return []
    return [name for name in json.loads(parameters) if name != "id" and not name.startswith("triton_")]


def _refused(reason: str) -> Any:
    return pb_utils.InferenceResponse(error=pb_utils.TritonError(reason, pb_utils.TritonError.INVALID_ARG))
