"""What every version must keep so that any other can replace it, checked on the files that will serve."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from onnx import TensorProto
from onnxruntime import InferenceSession
from onnxruntime.capi import onnxruntime_pybind11_state as failures

from conversion import Refused
from conversion.graph import FEATURE_NAMES_KEY, FEATURES, IDENTITY_KEY, OUTPUTS, run, session
from preprocessing.columns import FEATURE_NAMES
from publishing.card import Card
from training.gaps import only_required
from training.relative_range import LEAST_COVERAGE

MODEL_FILE = "model.onnx"

_BROKEN = (
    failures.Fail,
    failures.InvalidArgument,
    failures.InvalidGraph,
    failures.InvalidProtobuf,
    failures.NotImplemented,
    failures.RuntimeException,
)
"""onnxruntime's exceptions share no base of their own."""

_ALONE = 16
"""Homes that are valued by themselves too."""
_ROUNDING = 1e-4
"""Relative: processors add up a batch in another order than a single home."""
_MOST_TIES = 0.02
"""Share of the homes: rounding may choose another one of several equally near neighbours."""
_SEED = 42

_INPUTS = {FEATURES: ("tensor(float)", len(FEATURE_NAMES))}
_ONNXRUNTIME_TYPE = {TensorProto.FLOAT: "tensor(float)", TensorProto.STRING: "tensor(string)"}
_OUTPUTS = {name: (_ONNXRUNTIME_TYPE[kind], 1) for name, kind in OUTPUTS.items()}


def check_version(folder: Path, table: npt.NDArray[np.float32]) -> Card:
    """Check a version on features [N,44] of real homes; return its card if it may serve.

    Raises Refused with the first thing that is wrong.
    """
    card = Card.read(folder)
    path = folder / MODEL_FILE
    if not path.is_file():
        raise Refused(f"{MODEL_FILE} is missing")
    graph = path.read_bytes()
    try:
        running = session(graph)
    except _BROKEN as error:
        raise Refused(f"{MODEL_FILE} does not load: {error}") from error
    if hashlib.sha256(graph).hexdigest() != card.model_sha256:
        raise Refused(f"{MODEL_FILE} is not the file that its card was written for")
    _check_tensors("input", running.get_inputs(), _INPUTS)
    _check_tensors("output", running.get_outputs(), _OUTPUTS)
    _check_metadata(running, card)
    _check_measured(card)
    _check_answers(running, table, card)
    return card


def _check_tensors(kind: str, found: list[Any], expected: dict[str, tuple[str, int]]) -> None:
    names = sorted(tensor.name for tensor in found)
    if names != sorted(expected):
        raise Refused(f"{kind}s must be {', '.join(sorted(expected))}; found {', '.join(names)}")
    for tensor in found:
        datatype, width = expected[tensor.name]
        batched = len(tensor.shape) == 2 and not isinstance(tensor.shape[0], int)
        if tensor.type != datatype or not batched or tensor.shape[1] != width:
            raise Refused(f"{kind} {tensor.name} must be {datatype} [N,{width}], found {tensor.type} {tensor.shape}")


def _check_metadata(running: InferenceSession, card: Card) -> None:
    metadata = running.get_modelmeta().custom_metadata_map
    names = json.loads(metadata.get(FEATURE_NAMES_KEY, "[]"))
    if names != list(FEATURE_NAMES):
        differing = [
            f"feature {place} must be {expected}, found {name}"
            for place, (expected, name) in enumerate(zip(FEATURE_NAMES, names, strict=False))
            if expected != name
        ]
        found = differing[0] if differing else f"found {len(names)} of {len(FEATURE_NAMES)} names"
        raise Refused(f"features must be those of the contract, in its order: {found}")
    if metadata.get(IDENTITY_KEY) != card.price_model:
        raise Refused(f"the graph calls itself {metadata.get(IDENTITY_KEY)}, its card {card.price_model}")


def _check_measured(card: Card) -> None:
    parity, price_range = card.parity, card.price_range
    if parity.differing or not parity.homes:
        raise Refused(
            f"parity: {parity.differing} of {parity.homes} homes are priced differently by scikit-learn, "
            f"by up to ${parity.largest_difference:,.2f}"
        )
    for given, held in (("all", price_range.coverage), ("only required", price_range.coverage_required)):
        if not held >= LEAST_COVERAGE:
            raise Refused(
                f"range: with {given} columns given it held {held:.1%} of {price_range.measured_sales} held-out "
                f"sale prices, at least {LEAST_COVERAGE:.0%} are asked for"
            )


def _check_answers(running: InferenceSession, table: npt.NDArray[np.float32], card: Card) -> None:
    for homes, given in ((table, "all columns"), (only_required(table), "only the required columns")):
        answers = run(running, homes)
        if any(len(values) != len(homes) for values in answers.values()):
            raise Refused(f"outputs must have as many rows as there are homes, with {given}")
        low, price, high = (answers[name] for name in ("price_low", "price", "price_high"))
        if not (np.isfinite(low) & np.isfinite(price) & np.isfinite(high)).all():
            raise Refused(f"outputs are not finite for a home with {given}")
        if not ((low > 0) & (low <= price) & (price <= high)).all():
            raise Refused(f"0 < price_low <= price <= price_high does not hold for a home with {given}")
        if (answers["price_model"] != card.price_model).any():
            raise Refused(f"price_model must be {card.price_model} for every home")
        _check_rows(running, homes, answers, given)


def _check_rows(
    running: InferenceSession, homes: npt.NDArray[np.float32], answers: dict[str, npt.NDArray[Any]], given: str
) -> None:
    """Check that a home's answer is its own: the service values the homes of many callers as one batch."""
    shuffled = np.random.default_rng(_SEED).permutation(len(homes))
    batches = [shuffled, *shuffled[:_ALONE, np.newaxis]]
    again = [run(running, homes[rows]) for rows in batches]
    rows = np.concatenate(batches)
    for name, values in answers.items():
        others = np.concatenate([one[name] for one in again])
        same = others == values[rows] if values.dtype == object else np.isclose(others, values[rows], rtol=_ROUNDING)
        if np.mean(same) < 1 - _MOST_TIES:
            raise Refused(
                f"{name} of a home with {given} depends on the homes that are valued with it: callers would get each "
                "other's prices"
            )
