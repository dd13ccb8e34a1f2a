"""The ``preprocessing`` model that Triton runs: a home's tensors in, features or a refusal out."""

from __future__ import annotations

import json
from bisect import bisect_right
from collections import defaultdict
from dataclasses import replace
from datetime import date
from itertools import accumulate, pairwise
from pathlib import Path
from typing import Any

import triton_python_backend_utils as pb_utils

from .checks import Problem, check
from .demographics import DEMOGRAPHICS_FILE, Demographics
from .example import example_features
from .features import features
from .homes import Homes
from .refusal import refusal, unknown_columns


class TritonPythonModel:
    """Checks homes and joins their demographics, over a whole dynamic batch at once."""

    def initialize(self, args: dict[str, str]) -> None:
        """Read the demographics that were published with this version, and value the example home.

        A failure here refuses the version; at its first request it would be too late.
        """
        self.demographics = Demographics.read(Path(__file__).with_name(DEMOGRAPHICS_FILE))
        example_features(self.demographics)

    def execute(self, requests: list[Any]) -> list[Any]:
        """One response a request: ``features`` FP32 [n,44], or why its homes get no price."""
        inputs = [{tensor.name(): tensor.as_numpy() for tensor in request.inputs()} for request in requests]
        bounds = [0, *accumulate(len(next(iter(columns.values()))) for columns in inputs)]

        homes = Homes.empty(bounds[-1])
        for columns, (start, end) in zip(inputs, pairwise(bounds), strict=True):
            for name, column in columns.items():
                homes.fill(name, slice(start, end), column[:, 0])
        table = features(homes, self.demographics)

        problems: dict[int, list[Problem]] = defaultdict(list)
        for problem in check(homes, self.demographics, date.today().year):
            place = bisect_right(bounds, problem.row) - 1
            problems[place].append(replace(problem, row=problem.row - bounds[place]))

        responses = []
        for place, (request, (start, end)) in enumerate(zip(requests, pairwise(bounds), strict=True)):
            if strangers := _strangers(request):
                responses.append(_refused(unknown_columns(strangers)))
            elif place in problems:
                responses.append(_refused(refusal(problems[place], end - start, self.demographics)))
            else:
                responses.append(pb_utils.InferenceResponse([pb_utils.Tensor("features", table[start:end])]))
        return responses


def _strangers(request: Any) -> list[str]:
    """The keys of a plain JSON request that are no columns: Triton passes them on as parameters.

    It adds ``id`` and names of its own that begin with ``triton_``.
    """
    parameters = json.loads(request.parameters() or "{}")
    return [name for name in parameters if name != "id" and not name.startswith("triton_")]


def _refused(reason: str) -> Any:
    return pb_utils.InferenceResponse(error=pb_utils.TritonError(reason, pb_utils.TritonError.INVALID_ARG))
