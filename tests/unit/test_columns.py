"""The columns are written once; whatever else names them must agree."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from google.protobuf import text_format
from tritonclient.grpc import model_config_pb2

from conversion.graph import OUTPUTS
from market_analysis.analysis import MOST_ROWS, empty_answers
from preprocessing.columns import (
    DEMOGRAPHIC_COLUMNS,
    EXAMPLE_HOME,
    FEATURE_NAMES,
    HOME_COLUMN_NAMES,
    HOME_COLUMNS,
    REQUIRED_COLUMN_NAMES,
    limits,
)
from preprocessing.homes import PACKED_INPUT
from publishing.repository import ANALYSIS, ENSEMBLES

REPOSITORY = Path(__file__).parents[2] / "model_repository"
MOST_HOMES = 1024


def config(model: str) -> Any:
    return text_format.Parse((REPOSITORY / model / "config.pbtxt").read_text(), model_config_pb2.ModelConfig())


def tensors(entries: Any) -> list[tuple[str, str, list[int]]]:
    return [
        (entry.name, model_config_pb2.DataType.Name(entry.data_type).removeprefix("TYPE_"), list(entry.dims))
        for entry in entries
    ]


HOME_TENSORS = [(column.name, column.triton_type, [1]) for column in HOME_COLUMNS]
PACKED_TENSOR = (PACKED_INPUT, "FP32", [len(HOME_COLUMN_NAMES)])
PRICE_TENSORS = [(name, "STRING" if name == "price_model" else "FP32", [1]) for name in OUTPUTS]


def test_a_home_has_18_columns_of_which_8_are_required() -> None:
    assert len(HOME_COLUMN_NAMES) == 18
    assert REQUIRED_COLUMN_NAMES == (
        "bedrooms",
        "bathrooms",
        "sqft_living",
        "sqft_lot",
        "floors",
        "sqft_above",
        "sqft_basement",
        "zipcode",
    )
    assert FEATURE_NAMES == HOME_COLUMN_NAMES + DEMOGRAPHIC_COLUMNS
    assert len(set(FEATURE_NAMES)) == 44


def test_the_example_home_is_allowed() -> None:
    for column, low, high in zip(HOME_COLUMNS, *limits(2026), strict=True):
        value = EXAMPLE_HOME[column.name]
        assert low <= value <= high or value == column.special


@pytest.mark.parametrize("model", ["house_price", "house_price_minimal", ANALYSIS])
def test_each_column_is_an_input_of_its_own(model: str) -> None:
    assert tensors(config(model).input) == HOME_TENSORS


def test_all_columns_may_come_as_one_input() -> None:
    assert tensors(config("house_price_packed").input) == [PACKED_TENSOR]
    assert tensors(config("preprocessing").input) == [*HOME_TENSORS, PACKED_TENSOR]


def test_a_single_home_brings_its_zipcode_as_its_only_tensor() -> None:
    assert tensors(config("house_price_single").input) == [tensor for tensor in HOME_TENSORS if tensor[0] == "zipcode"]


@pytest.mark.parametrize(
    ("model", "optional"),
    [
        ("house_price", set()),
        ("house_price_minimal", set(HOME_COLUMN_NAMES) - set(REQUIRED_COLUMN_NAMES)),
        (ANALYSIS, set(HOME_COLUMN_NAMES) - set(REQUIRED_COLUMN_NAMES)),
        ("house_price_packed", set()),
        ("house_price_single", set()),
        ("preprocessing", {*HOME_COLUMN_NAMES, PACKED_INPUT}),
    ],
)
def test_what_may_be_left_out(model: str, optional: set[str]) -> None:
    assert {entry.name for entry in config(model).input if entry.optional} == optional


@pytest.mark.parametrize("model", [*ENSEMBLES, "price_model"])
def test_every_model_of_prices_answers_the_same(model: str) -> None:
    assert tensors(config(model).output) == PRICE_TENSORS


def test_features_pass_from_preprocessing_to_the_price_model() -> None:
    features = [("features", "FP32", [len(FEATURE_NAMES)])]
    assert tensors(config("preprocessing").output) == features
    assert tensors(config("price_model").input) == features


@pytest.mark.parametrize("model", ENSEMBLES)
def test_the_ensembles_chain_both_steps_by_name(model: str) -> None:
    first, second = config(model).ensemble_scheduling.step
    assert (first.model_name, second.model_name) == ("preprocessing", "price_model")
    assert (first.model_version, second.model_version) == (-1, -1)
    assert dict(first.input_map) == {entry.name: entry.name for entry in config(model).input}
    assert dict(first.output_map) == dict(second.input_map) == {"features": "features"}
    assert dict(second.output_map) == {name: name for name in OUTPUTS}


@pytest.mark.parametrize("model", ["preprocessing", "price_model"])
def test_the_composing_models_batch(model: str) -> None:
    assert config(model).HasField("dynamic_batching")


def test_a_price_model_proves_itself_before_it_serves() -> None:
    (warmup,) = config("price_model").model_warmup
    ((name, sample),) = warmup.inputs.items()
    assert (name, sample.input_data_file, list(sample.dims)) == ("features", "features", [len(FEATURE_NAMES)])
    # A preprocessing version values the example home while it loads; a sample would be counted as a caller's home.
    assert not config("preprocessing").model_warmup


@pytest.mark.parametrize("model", [*ENSEMBLES, "preprocessing", "price_model"])
def test_all_take_batches_of_the_same_size(model: str) -> None:
    assert config(model).name == model
    assert config(model).max_batch_size == MOST_HOMES


def test_the_analysis_answers_what_its_configuration_says_and_asks_no_more_than_the_price_model_takes() -> None:
    kinds = {"float32": "FP32", "int32": "INT32", "int64": "INT64", "object": "STRING"}
    answers = empty_answers(1).items()
    assert sorted(tensors(config(ANALYSIS).output)) == sorted(
        (name, kinds[values.dtype.name], [values.shape[1]]) for name, values in answers
    )
    assert config("price_model").max_batch_size == MOST_ROWS


def test_the_previous_price_model_stays_loaded() -> None:
    assert config("price_model").version_policy.latest.num_versions == 2
