"""The client learns the inputs from the server, fits the homes to them and sends no batch too large."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from client.errors import HomeRefused, WrongColumns
from client.transports import Tensors
from client.valuation import Input, Valuation, ValuationClient, batches

MOST = 4


class Memory:
    """Act as the service: a home is worth its rooms in dollars, and more than 13 rooms are refused.

    Like the embedded server on Python 3.13 it ends names with blanks.
    """

    def __init__(self) -> None:
        self.sent: list[Tensors] = []

    def config(self, model: str) -> dict[str, Any]:
        return {
            "name": model,
            "max_batch_size": MOST,
            "input": [
                {"name": "rooms", "data_type": "TYPE_FP32"},
                {"name": "zipcode", "data_type": "TYPE_INT64", "optional": False},
                {"name": "lat", "data_type": "TYPE_FP32", "optional": True},
            ],
        }

    def infer(self, model: str, columns: Tensors) -> dict[str, list[Any]]:
        self.sent.append(columns)
        rooms = columns["rooms"].tolist()
        if max(rooms) > 13:
            raise HomeRefused(f"rooms is {max(rooms)}")
        return {"price_model": ["memory  "] * len(rooms), "price": rooms, "price_low": rooms, "price_high": rooms}

    def close(self) -> None:
        self.sent.clear()


def client_of(memory: Memory) -> ValuationClient:
    return ValuationClient(transport=memory)


def homes_with(rooms: list[int]) -> dict[str, list[int]]:
    return {"rooms": rooms, "zipcode": [98118] * len(rooms)}


def test_inputs_come_from_the_server() -> None:
    client = client_of(Memory())
    assert client.inputs == (
        Input("rooms", "FP32", required=True),
        Input("zipcode", "INT64", required=True),
        Input("lat", "FP32", required=False),
    )
    assert client.max_batch_size == MOST


@pytest.mark.parametrize("batch", [None, 1, 3, 100])
def test_homes_go_in_batches_and_come_back_in_order(batch: int | None) -> None:
    memory = Memory()
    valuations = client_of(memory).value(homes_with(list(range(1, 11))), batch)
    assert valuations == [Valuation(rooms, rooms, rooms, "memory") for rooms in range(1, 11)]
    size = min(batch or MOST, MOST)
    assert [len(columns["rooms"]) for columns in memory.sent[:-1]] == [size] * (len(memory.sent) - 1)
    assert len(memory.sent[-1]["rooms"]) <= size


def test_a_list_of_homes_is_as_good_as_columns() -> None:
    columns = client_of(Memory()).value({"rooms": np.array([1, 2]), "zipcode": np.array([98118, 98115])})
    assert columns == client_of(Memory()).value([{"rooms": 1, "zipcode": 98118}, {"zipcode": 98115, "rooms": 2}])


def test_values_are_sent_as_the_type_of_their_input() -> None:
    memory = Memory()
    client_of(memory).value([{"rooms": 1, "zipcode": 98118.0, "lat": 47.5}])
    assert {name: values.dtype for name, values in memory.sent[0].items()} == {
        "rooms": np.float32,
        "zipcode": np.int64,
        "lat": np.float32,
    }


@pytest.mark.parametrize("nothing", [[], {"rooms": [], "zipcode": []}])
def test_no_homes_need_no_request(nothing: Any) -> None:
    memory = Memory()
    assert client_of(memory).value(nothing) == []
    assert memory.sent == []


@pytest.mark.parametrize(
    ("homes", "fault"),
    [
        ({"rooms": [1]}, "house_price cannot take these columns: zipcode missing. It takes rooms, zipcode, lat"),
        ({}, "rooms, zipcode missing"),
        ([{"rooms": 1, "zipcode": 98118, "long": -122.0}], "long unknown"),
        ({"rooms": [1, 2], "zipcode": [98118]}, "differ in length: rooms 2, zipcode 1"),
        ([{"rooms": 1, "zipcode": 98118}, {"rooms": 1}], r"homes 0 and 1 name different columns \(zipcode\)"),
        ({"rooms": [1], "zipcode": [98118.5]}, "zipcode must be whole numbers"),
        ({"rooms": [1], "zipcode": [float("nan")]}, "zipcode must be whole numbers"),
        ({"rooms": ["three"], "zipcode": [98118]}, "rooms is not a plain sequence of numbers"),
        ({"rooms": [[1]], "zipcode": [98118]}, "rooms is not a plain sequence of numbers"),
    ],
)
def test_columns_that_do_not_fit_are_named_before_anything_is_sent(homes: Any, fault: str) -> None:
    memory = Memory()
    with pytest.raises(WrongColumns, match=fault):
        client_of(memory).value(homes)
    assert memory.sent == []


def test_a_batch_must_hold_a_home() -> None:
    with pytest.raises(ValueError, match="batch of 0 homes"):
        client_of(Memory()).value(homes_with([1]), batch=0)


def test_value_raises_for_a_refused_home() -> None:
    with pytest.raises(HomeRefused, match="rooms is 14"):
        client_of(Memory()).value(homes_with([1, 14]))


@given(st.lists(st.integers(1, 20), min_size=1, max_size=20))
def test_value_each_loses_only_the_refused_homes(rooms: list[int]) -> None:
    outcomes = client_of(Memory()).value_each(homes_with(rooms))
    assert [None if isinstance(outcome, HomeRefused) else outcome.price for outcome in outcomes] == [
        None if count > 13 else count for count in rooms
    ]


@given(st.integers(0, 50), st.integers(1, 60))
def test_batches_are_the_columns_in_pieces(homes: int, size: int) -> None:
    pieces = list(batches({"a": np.arange(homes), "b": -np.arange(homes)}, size))
    assert [value for piece in pieces for value in piece["a"]] == list(range(homes))
    assert all(len(piece["a"]) <= size and np.array_equal(piece["a"], -piece["b"]) for piece in pieces)


def test_leaving_the_context_gives_the_connection_back() -> None:
    memory = Memory()
    with client_of(memory) as client:
        client.value(homes_with([1]))
    assert memory.sent == []
