"""The ``market_analysis`` model that Triton runs: homes in, whole analyses out, each from one trained model."""

from __future__ import annotations

import json
import sys
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import triton_python_backend_utils as pb_utils

# The packages that were published with this version; those of another one run in another process.
sys.path.insert(0, str(Path(__file__).parent))

from market_analysis.analysis import AnotherModel, Answers, Features, analyse, as_text, empty_answers
from market_analysis.confidence import confidence, fsd, warning
from market_analysis.notices import SALES_UNKNOWN
from market_analysis.places import Floats
from market_analysis.versions import KnownVersion, read_versions

PRICES = ("price", "price_low", "price_high")
NAME = "price_model"
READ = PRICES if sys.version_info >= (3, 13) else (*PRICES, NAME)
"""What is asked of a model that is not known: on Python 3.13 the embedded server's stub can read no text of it."""

REFUSALS = ("missing columns: ", "unknown column '", "the request holds text ", "home refused: ")
"""What preprocessing's refusals begin with. Those of several homes end with a line of JSON, ``{"rows":``."""


class Failed(Exception):
    """Tell that another model did not answer, with its message."""


class TritonPythonModel:
    """Asks ``preprocessing`` for features, and one version of ``price_model`` for everything else."""

    def initialize(self, args: dict[str, str]) -> None:
        """Read what was published with this version."""
        self.versions = read_versions(Path(__file__).parent)

    def execute(self, requests: list[Any]) -> list[Any]:
        """Return one response a request: the outputs of its homes, or why they get none."""
        return [self._answer(request) for request in requests]

    def _answer(self, request: Any) -> Any:
        try:
            (table,) = _ask("preprocessing", request.inputs(), ("features",), **_passed_on(request))
            for version in self.versions:
                try:
                    return _response(analyse(table.as_numpy(), version, partial(_values, version)))
                except (Failed, AnotherModel):
                    continue  # rolled back, or not loaded yet: the version before it answers
            return _price_alone(table)
        except Failed as failed:
            return pb_utils.InferenceResponse(error=_error(str(failed)))


def _error(message: str) -> Any:
    """Return an error with the code that it had before Triton 24.10 made every one of another model INTERNAL."""
    refused = message.startswith(REFUSALS) or message.rpartition("\n")[2].startswith('{"rows":')
    return pb_utils.TritonError(
        message, pb_utils.TritonError.INVALID_ARG if refused else pb_utils.TritonError.UNAVAILABLE
    )


def _passed_on(request: Any) -> dict[str, Any]:
    """Return a request's id and parameters, for ``preprocessing`` to look at as if it were asked itself."""
    try:
        parameters = json.loads(request.parameters() or "{}")
        named = {"request_id": request.request_id(), "parameters": parameters}
    except UnicodeDecodeError:
        raise Failed("the request holds text that is not UTF-8") from None
    # Triton hands on no fractions here, and of a number only the name matters: it may be a misspelt column.
    for name, value in parameters.items():
        if not isinstance(value, str):
            parameters[name] = 1
    return named


def _values(version: KnownVersion, rows: Features) -> Floats:
    tensor = pb_utils.Tensor("features", np.ascontiguousarray(rows))
    found = _ask("price_model", [tensor], PRICES, model_version=version.facts.number)
    return np.asarray(np.concatenate([prices.as_numpy() for prices in found], axis=1), dtype=np.float64)


def _price_alone(features: Any) -> Any:
    """Return prices of whichever version serves, when it is none whose sales are known."""
    prices = dict(zip(READ, _ask("price_model", [features], READ), strict=True))
    name = prices.pop(NAME, None)
    found = {output: tensor.as_numpy() for output, tensor in prices.items()}
    answers = empty_answers(len(found["price"]))
    answers |= found
    answers["reference_price"] = np.rint(found["price"])
    answers["fsd"] = fsd(found["price_low"], found["price_high"]).astype(np.float32)
    for row, deviation in enumerate(answers["fsd"][:, 0].tolist()):
        answers["confidence"][row] = confidence(deviation)
        answers["notice"][row] = as_text([one for one in (warning(deviation), SALES_UNKNOWN) if one])
    if name is None:
        return _response(answers)
    del answers[NAME]
    return _response(answers, name)


def _response(answers: Answers, *others: Any) -> Any:
    return pb_utils.InferenceResponse([*(pb_utils.Tensor(name, values) for name, values in answers.items()), *others])


def _ask(model: str, inputs: list[Any], outputs: tuple[str, ...], **how: Any) -> list[Any]:
    """Return the outputs of another model. Raises Failed with its error."""
    request = pb_utils.InferenceRequest(model_name=model, inputs=inputs, requested_output_names=list(outputs), **how)
    response = request.exec()
    if response.has_error():
        raise Failed(response.error().message())
    return [pb_utils.get_output_tensor_by_name(response, name) for name in outputs]
