"""What every version must keep so that any other can replace it, checked on the files that will serve."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import onnx
from google.protobuf.message import DecodeError
from onnx import TensorProto

from conversion import Refused
from conversion.graph import FEATURE_NAMES_KEY, FEATURES, IDENTITY_KEY, OPSETS, OUTPUTS, RUN_FAILURES, run, session
from market_analysis.past_sales import COMPARABLES_FILE
from preprocessing.columns import FEATURE_NAMES
from publishing.card import CARD_FILE, PROOF_FILE, Card
from training.gaps import in_every_way
from training.relative_range import LEAST_COVERAGE

if TYPE_CHECKING:
    from onnxruntime import InferenceSession

MODEL_FILE = "model.onnx"


_ALONE = 16
"""Homes that are valued by themselves too."""
ROUNDING = 1e-4
"""Relative: processors add up a batch in another order than a single home."""
SLOWEST_S = 0.2
"""Processor time of a home by itself; both kinds of model take less than a thousandth of a second."""
_MOST_TIES = 0.02
"""Share of the homes: rounding may choose another one of several equally near neighbours."""
_SEED = 42

_DOMAINS = (*OPSETS, "ai.onnx")
_INPUTS = {FEATURES: ("tensor(float)", len(FEATURE_NAMES))}
_ONNXRUNTIME_TYPE = {TensorProto.FLOAT: "tensor(float)", TensorProto.STRING: "tensor(string)"}
_OUTPUTS = {name: (_ONNXRUNTIME_TYPE[kind], 1) for name, kind in OUTPUTS.items()}


def check_version(folder: Path, table: npt.NDArray[np.float32]) -> Card:
    """Check a version that was taken in on features [N,44] of real homes; return its card if it may serve.

    Raises Refused with the first thing that is wrong.
    """
    card = Card.read(folder)
    if not {MODEL_FILE} <= set(card.files) <= {MODEL_FILE, PROOF_FILE, COMPARABLES_FILE}:
        raise Refused(
            f"its card names {', '.join(sorted(card.files)) or 'no file'}, a version is made of "
            f"{MODEL_FILE}, where its procedure was proven {PROOF_FILE}, and where its sales may be shown "
            f"{COMPARABLES_FILE}"
        )
    graph = (folder / MODEL_FILE).read_bytes()
    _check_self_contained(graph)
    try:
        running = session(graph)
    except RUN_FAILURES as error:
        raise Refused(f"{MODEL_FILE} does not load: {error}") from error
    _check_tensors("input", running.get_inputs(), _INPUTS)
    _check_tensors("output", running.get_outputs(), _OUTPUTS)
    _check_metadata(running, card)
    _check_measured(card)
    try:
        _check_answers(running, table, card)
        _check_examples(running, card)
        _check_speed(running, table)
    except RUN_FAILURES as error:
        raise Refused(f"{MODEL_FILE} does not value a home: {str(error).splitlines()[0]}") from error
    return card


def _check_self_contained(graph: bytes) -> None:
    """Check that a graph is one file of standard operators: it must run wherever a version may be copied."""
    try:
        model = onnx.load_model_from_string(graph)
    except DecodeError as error:
        raise Refused(f"{MODEL_FILE} is no ONNX model: {error}") from error
    if foreign := sorted({one.domain for one in model.opset_import} - set(_DOMAINS)):
        raise Refused(f"{MODEL_FILE} uses operators of {', '.join(foreign)}, which a server may not have")
    for tensor in _tensors(model.graph):
        if tensor.data_location == TensorProto.EXTERNAL:
            raise Refused(f"{MODEL_FILE} keeps {tensor.name} in another file: save it with all data inside")


def _tensors(graph: onnx.GraphProto) -> Iterator[TensorProto]:
    """Yield all constants of a graph and of those inside its nodes."""
    yield from graph.initializer
    for node in graph.node:
        for attribute in node.attribute:
            yield from (attribute.t, *attribute.tensors)
            for inner in (attribute.g, *attribute.graphs):
                if inner.node or inner.initializer:
                    yield from _tensors(inner)


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


def _check_examples(running: InferenceSession, card: Card) -> None:
    """Check that the graph gives the prices of the card's own example homes: it is the one that was measured."""
    if not card.examples or {len(home.features) for home in card.examples} != {len(FEATURE_NAMES)}:
        raise Refused(f"{CARD_FILE} needs examples of {len(FEATURE_NAMES)} features each")
    table = np.array([home.features for home in card.examples], dtype=np.float32)  # None becomes NaN
    answers = run(running, table)
    for name in ("price", "price_low", "price_high"):
        expected = np.array([getattr(home, name) for home in card.examples])
        if answers[name].shape != expected.shape:
            raise Refused(f"{name} has {len(answers[name])} rows for {len(expected)} homes")
        wrong = ~np.isclose(answers[name], expected, rtol=ROUNDING, atol=0)
        if wrong.any():
            row = int(np.argmax(wrong))
            raise Refused(
                f"{MODEL_FILE} does not belong to its card: for example home {row} it answers {name} "
                f"${answers[name][row]:,.2f}, the card says ${expected[row]:,.2f}"
            )


def _check_speed(running: InferenceSession, table: npt.NDArray[np.float32]) -> None:
    """Check that no home takes long by itself: whoever waits behind it in a batch would wait as well."""
    for row in range(len(table)):
        begin = time.thread_time()
        run(running, table[row : row + 1])
        if (taken := time.thread_time() - begin) > SLOWEST_S:
            raise Refused(
                f"held-out home {row} takes {taken:.2f} s of processor time by itself, allowed are {SLOWEST_S:g} s"
            )


def _check_answers(running: InferenceSession, table: npt.NDArray[np.float32], card: Card) -> None:
    for given, homes in in_every_way(table):
        _check_rows(running, homes, _sensible(running, homes, card, given), given)


def _sensible(
    running: InferenceSession, homes: npt.NDArray[np.float32], card: Card, given: str
) -> dict[str, npt.NDArray[Any]]:
    """Return the answers for homes; raises Refused when one of them can be no price."""
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
    return answers


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
        same = others == values[rows] if values.dtype == object else np.isclose(others, values[rows], rtol=ROUNDING)
        if np.mean(same) < 1 - _MOST_TIES:
            raise Refused(
                f"{name} of a home with {given} depends on the homes that are valued with it: callers would get each "
                "other's prices"
            )
