"""The backend's rule: a configuration that describes the graph passes, any other is refused."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from serving.backends.onnxruntime.graph_check import CONFIG_TYPES, GraphTensor, Mismatch, check

dims = st.lists(st.integers(1, 9) | st.just(-1), min_size=1, max_size=3).map(tuple)
shapes_and_types = st.lists(st.tuples(dims, st.sampled_from(sorted(CONFIG_TYPES))), min_size=1, max_size=4)


def described(kind: str, tensors: list[GraphTensor]) -> list[dict[str, Any]]:
    return [
        {"name": tensor.name, "data_type": CONFIG_TYPES[tensor.type], "dims": list(tensor.dims[1:])}
        for tensor in tensors
    ]


@st.composite
def models(draw: st.DrawFn) -> tuple[dict[str, Any], list[GraphTensor], list[GraphTensor]]:
    sides = []
    for kind in ("in", "out"):
        tensors = draw(shapes_and_types)
        sides.append([GraphTensor(f"{kind}{n}", type_, (-1, *dims)) for n, (dims, type_) in enumerate(tensors)])
    inputs, outputs = sides
    config = {"max_batch_size": 8, "input": described("in", inputs), "output": described("out", outputs)}
    return config, inputs, outputs


@given(models())
def test_a_faithful_configuration_passes(model: tuple[dict[str, Any], list[GraphTensor], list[GraphTensor]]) -> None:
    check(*model)


@given(models(), st.data())
def test_any_single_change_is_refused_and_named(
    model: tuple[dict[str, Any], list[GraphTensor], list[GraphTensor]], data: st.DataObject
) -> None:
    config, inputs, outputs = copy.deepcopy(model[0]), model[1], model[2]
    entry = data.draw(st.sampled_from(config["input"] + config["output"]))
    name = entry["name"]
    match data.draw(st.sampled_from(["name", "type", "rank", "size"])):
        case "name":
            entry["name"] = "else"
        case "type":
            entry["data_type"] = data.draw(
                st.sampled_from([other for other in CONFIG_TYPES.values() if other != entry["data_type"]])
            )
        case "rank":
            entry["dims"] = [*entry["dims"], 1]
        case "size":
            # A free dimension of an input may be narrowed, so only a size that is fixed may be changed.
            entry["dims"] = [size + 1 if size > 0 else size for size in entry["dims"]]
            if all(size == -1 for size in entry["dims"]):
                entry["dims"] = [-1, *entry["dims"]]
    with pytest.raises(Mismatch, match=rf"'({name}|else)'"):
        check(config, inputs, outputs)


def test_a_free_input_dimension_may_be_narrowed_but_an_output_must_match() -> None:
    config = {
        "input": [{"name": "x", "data_type": "TYPE_FP32", "dims": [3]}],
        "output": [{"name": "y", "data_type": "TYPE_FP32", "dims": [3]}],
    }
    inputs = [GraphTensor("x", "tensor(float)", (-1,))]
    check(config, inputs, [GraphTensor("y", "tensor(float)", (3,))])
    with pytest.raises(Mismatch, match=r"output 'y' is \[3\] by the configuration, \[-1\] in the graph"):
        check(config, inputs, [GraphTensor("y", "tensor(float)", (-1,))])


def test_an_initializer_may_stay_optional_without_batching() -> None:
    config = {
        "input": [
            {"name": "x", "data_type": "TYPE_FP32", "dims": [3]},
            {"name": "w", "data_type": "TYPE_FP32", "dims": [3], "optional": True},
        ],
        "output": [{"name": "y", "data_type": "TYPE_FP32", "dims": [3]}],
    }
    tensors = {name: [GraphTensor(name, "tensor(float)", (3,))] for name in "xwy"}
    check(config, tensors["x"], tensors["y"], initializers=tensors["w"])


def test_with_batching_no_input_may_be_optional() -> None:
    config = {
        "max_batch_size": 4,
        "input": [{"name": "x", "data_type": "TYPE_FP32", "dims": [3], "optional": True}],
        "output": [{"name": "y", "data_type": "TYPE_FP32", "dims": [3]}],
    }
    inputs, outputs = ([GraphTensor(name, "tensor(float)", (-1, 3))] for name in "xy")
    with pytest.raises(Mismatch, match="input 'x' is optional"):
        check(config, inputs, outputs)
