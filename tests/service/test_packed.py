"""All 18 columns as one input: the same prices and the same refusals as column by column."""

from __future__ import annotations

import json
from types import ModuleType
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import tritonclient.grpc as grpc_client
import tritonclient.http as http_client
from tritonclient.utils import InferenceServerException

from preprocessing.columns import EXAMPLE_HOME, OPTIONAL_COLUMN_NAMES, POSITION, REQUIRED_COLUMN_NAMES
from tests.service.asking import OUTPUTS, Asker
from tests.service.conftest import Service

PACKED_MODEL = "house_price_packed"
HOME = {name: [value] for name, value in EXAMPLE_HOME.items()}
MINIMAL = {name: HOME[name] for name in REQUIRED_COLUMN_NAMES}

binary = pytest.mark.parametrize("module", [http_client, grpc_client], ids=["http", "grpc"])


def homes(count: int, **change: float) -> npt.NDArray[np.float32]:
    """Return ``count`` example homes [N,18], of which the last is changed."""
    table = np.tile(np.array(list(EXAMPLE_HOME.values()), dtype=np.float32), (count, 1))
    for name, value in change.items():
        table[-1, POSITION[name]] = value
    return table


def ask(module: ModuleType, service: Service, table: npt.NDArray[np.float32]) -> dict[str, list[Any]]:
    tensor = module.InferInput("homes", list(table.shape), "FP32")
    tensor.set_data_from_numpy(table)
    address = service.http if module is http_client else service.grpc
    with module.InferenceServerClient(address) as client:
        answer = client.infer(PACKED_MODEL, [tensor])
    return {name: answer.as_numpy(name)[:, 0].tolist() for name in OUTPUTS}


@binary
def test_packed_homes_are_worth_what_they_are_worth_by_column(
    module: ModuleType, service: Service, asker: Asker
) -> None:
    known = asker.ask("grpc", "house_price", HOME).outputs
    little_known = asker.ask("grpc", "house_price_minimal", MINIMAL).outputs
    answer = ask(module, service, homes(3, **dict.fromkeys(OPTIONAL_COLUMN_NAMES, float("nan"))))
    for name in ("price", "price_low", "price_high"):
        assert answer[name] == pytest.approx([*known[name] * 2, *little_known[name]])
    assert [name.decode().rstrip() for name in answer["price_model"]] == known["price_model"] * 3


@binary
@pytest.mark.parametrize(
    ("change", "culprit"),
    [
        ({"sqft_living": float("nan")}, "sqft_living is nan"),
        ({"zipcode": 98118.5}, "zipcode is 98118.5"),
        ({"zipcode": 12345}, "zipcode is 12345"),
        ({"grade": 14}, "Row 1: grade is 14, allowed is a whole number from 1 to 13"),
    ],
)
def test_what_breaks_a_rule_is_refused(
    module: ModuleType, change: dict[str, float], culprit: str, service: Service
) -> None:
    with pytest.raises(InferenceServerException, match=culprit):
        ask(module, service, homes(2, **change))


def test_one_home_in_plain_json(asker: Asker) -> None:
    answer = asker.generate(PACKED_MODEL, json.dumps({"homes": list(EXAMPLE_HOME.values())})).outputs
    assert answer["price"] == pytest.approx(asker.ask("generate", "house_price", HOME).outputs["price"])


@pytest.mark.parametrize(
    ("inputs", "reason"),
    [
        (["homes", *HOME], "input 'homes' holds all columns"),
        (["grade"], "missing columns: bedrooms, bathrooms"),
        ([name for name in HOME if name != "zipcode"], "missing columns: zipcode"),
    ],
)
def test_inputs_that_make_no_home_are_refused_by_the_step_that_gets_them(
    inputs: list[str], reason: str, service: Service
) -> None:
    tensors = []
    for name in inputs:
        table = homes(1) if name == "homes" else np.array([HOME[name]], np.int64 if name == "zipcode" else np.float32)
        tensors.append(grpc_client.InferInput(name, list(table.shape), "INT64" if name == "zipcode" else "FP32"))
        tensors[-1].set_data_from_numpy(table)
    with (
        grpc_client.InferenceServerClient(service.grpc) as client,
        pytest.raises(InferenceServerException, match=reason),
    ):
        client.infer("preprocessing", tensors)
