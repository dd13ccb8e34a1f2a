"""The ``preprocessing`` model that Triton runs: a home's tensors in, features or a refusal out."""

from __future__ import annotations

import json
import os
from bisect import bisect_right
from dataclasses import replace
from datetime import date
from itertools import accumulate, groupby, pairwise
from pathlib import Path
from typing import Any

import numpy as np
import triton_python_backend_utils as pb_utils

from .checks import Problem
from .demographics import DEMOGRAPHICS_FILE, Demographics
from .example import example_features
from .exporter import Exporter
from .features import checked_features
from .homes import SINGLE_INPUTS, Homes, Inputs
from .metrics import PROBE_ID, UNKNOWN_COLUMN
from .refusal import refusal, unknown_columns, unusable_inputs
from .single import ONE_HOME, Refusal, read_home, strange
from .tally import Tally
from .training_bins import TRAINING_FILE, read_training

NO_PARAMETERS = ("{}", "")
"""Ways to spell "no parameters"; spares parsing JSON on the hot path."""


class TritonPythonModel:
    """Checks homes and joins their demographics, over a whole dynamic batch at once."""

    def initialize(self, args: dict[str, str]) -> None:
        """Read what was published with this version, and value the example home as a request would.

        A failure here refuses the version; at its first request it would be too late. A sample in Triton's
        ``model_warmup`` would try no more, be counted as a home that a caller asked for, and end the server
        where it fails.
        """
        self.demographics = Demographics.read(Path(__file__).with_name(DEMOGRAPHICS_FILE))
        example_features(self.demographics)
        training = read_training(Path(__file__).with_name(TRAINING_FILE))
        if training is None:
            pb_utils.Logger.log_warn(f"drift is not measured: this version has no {TRAINING_FILE}")
        self.tally = Tally(training)
        self.exporter: Exporter | None = None
        try:
            self.exporter = Exporter(self.tally, training, version=args["model_version"], stub=str(os.getpid()))
        except pb_utils.TritonModelException as error:
            pb_utils.Logger.log_warn(f"homes are not counted: {error}")

    def execute(self, requests: list[Any]) -> list[Any]:
        """Return one response a request: ``features`` FP32 [n,44], or why its homes get no price."""
        asked = [_read(request) for request in requests]
        refused = {place: why for place, (_, why) in enumerate(asked) if why}
        # A request that is refused as it stands has no rows in what follows.
        counts = [0 if why else len(arrays[0]) for (_, arrays), why in asked]
        bounds = [0, *accumulate(counts)]
        homes = Homes.of_requests([inputs for inputs, why in asked if not why])
        problems, table = checked_features(homes, self.demographics, date.today().year)
        for place, found in groupby(problems, key=lambda problem: bisect_right(bounds, problem.row) - 1):
            refused[place] = self._refused([replace(bad, row=bad.row - bounds[place]) for bad in found], counts[place])

        responses = []
        uncounted: list[slice] = []
        for place, (request, (start, end)) in enumerate(zip(requests, pairwise(bounds), strict=True)):
            why, probes = refused.get(place), _is_probe(request)
            if why is None:
                responses.append(pb_utils.InferenceResponse([pb_utils.Tensor("features", table[start:end])]))
            else:
                error = pb_utils.TritonError(why.message, pb_utils.TritonError.INVALID_ARG)
                responses.append(pb_utils.InferenceResponse(error=error))
                if not probes:
                    self.tally.refused(why.reasons)
            if why is not None or probes:
                uncounted.append(slice(start, end))
        self._count(homes, uncounted)
        return responses

    def finalize(self) -> None:
        """Hand over what was counted last."""
        if self.exporter is not None:
            self.exporter.stop()

    def _refused(self, problems: list[Problem], homes: int) -> Refusal:
        reasons = [(problem.column, problem.reason) for problem in problems]
        return Refusal(refusal(problems, homes, self.demographics), reasons)

    def _count(self, homes: Homes, uncounted: list[slice]) -> None:
        values = homes.values
        if uncounted:
            counted = np.ones(len(homes), dtype=np.bool_)
            for rows in uncounted:
                counted[rows] = False
            values = values[counted]
        if self.exporter is not None and len(values):
            self.tally.valued(values)


def _read(request: Any) -> tuple[Inputs, Refusal | None]:
    """Return what a request brings, and why it is refused before its homes are looked at, if it is."""
    tensors = request.inputs()
    names, arrays = tuple([tensor.name() for tensor in tensors]), [tensor.as_numpy() for tensor in tensors]
    try:
        parameters = request.parameters()
    except UnicodeDecodeError:
        # It must be refused here: what execute() raises fails the other callers' requests of the batch too.
        return (names, arrays), Refusal("the request holds text that is not UTF-8")
    if names == SINGLE_INPUTS:
        if len(arrays[0]) != 1:
            return (names, arrays), Refusal(ONE_HOME)
        home = read_home(parameters)
        return ((names, arrays), home) if isinstance(home, Refusal) else ((names, [*arrays, home]), None)
    if unusable := unusable_inputs(names):
        return (names, arrays), Refusal(unusable)
    if parameters not in NO_PARAMETERS and (strangers := strange(json.loads(parameters))):
        return (names, arrays), Refusal(unknown_columns(strangers), [UNKNOWN_COLUMN] * len(arrays[0]))
    return (names, arrays), None


def _is_probe(request: Any) -> bool:
    """Return whether a request only asks whether the service works; its home is not counted."""
    try:
        return bool(request.request_id() == PROBE_ID)
    except UnicodeDecodeError:
        return False
