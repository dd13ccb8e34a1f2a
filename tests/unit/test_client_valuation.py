"""The client learns the inputs from the server, fits the homes to them and sends no batch too large."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from client.errors import HomeRefused, ServiceFailed, WrongColumns
from client.transports import Tensors
from client.valuation import OUTPUTS, Input, Valuation, ValuationClient, batches

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


HOMES = {"rooms": [1, 2], "zipcode": [98118, 98115]}
FRAME = pd.DataFrame(HOMES)


@pytest.mark.parametrize(
    "homes",
    [
        HOMES,
        {name: tuple(values) for name, values in HOMES.items()},
        {name: np.array(values, np.uint32) for name, values in HOMES.items()},
        {name: np.array(values, object) for name, values in HOMES.items()},
        {name: [str(value) for value in values] for name, values in HOMES.items()},
        {"rooms": [Decimal("1.0"), Fraction(2)], "zipcode": ["98118.0", 98115]},
        [{"rooms": 1, "zipcode": 98118}, {"zipcode": 98115, "rooms": 2}],
        (home for home in [{"rooms": 1, "zipcode": 98118}, {"rooms": np.float32(2), "zipcode": np.int64(98115)}]),
        FRAME,
        FRAME.astype("Int64"),
        FRAME.astype("Float32"),
        FRAME.astype("string"),
        FRAME.astype({"zipcode": "category"}),
        FRAME.astype(object),
        FRAME.set_index(pd.Index([7, 9])),
        FRAME.to_dict("records"),
        [row for _, row in FRAME.iterrows()],
        dict(FRAME),
    ],
)
def test_homes_in_whatever_form_are_the_same_request(homes: Any) -> None:
    memory = Memory()
    assert [valuation.price for valuation in client_of(memory).value(homes)] == [1, 2]
    (sent,) = memory.sent
    assert {name: (values.tolist(), str(values.dtype)) for name, values in sent.items()} == {
        "rooms": ([1, 2], "float32"),
        "zipcode": ([98118, 98115], "int64"),
    }


@pytest.mark.parametrize(
    "home", [{"rooms": 2, "zipcode": "98118"}, FRAME.iloc[1], {"rooms": np.array(2), "zipcode": np.int32(98118)}]
)
def test_one_home_is_one_valuation(home: Any) -> None:
    assert client_of(Memory()).value(home) == [Valuation(2, 2, 2, "memory")]


@pytest.mark.parametrize("flags", [[True, False], np.array([True, False]), pd.array([True, False], dtype="boolean")])
def test_booleans_are_one_and_zero(flags: Any) -> None:
    memory = Memory()
    client_of(memory).value({**HOMES, "lat": flags})
    assert memory.sent[0]["lat"].tolist() == [1, 0]


@pytest.mark.parametrize("gap", [[47.5, None], [47.5, np.nan], pd.array([47.5, None], dtype="Float64")])
def test_what_is_missing_is_left_to_the_service_to_refuse(gap: Any) -> None:
    memory = Memory()
    client_of(memory).value({**HOMES, "lat": gap})
    assert np.isnan(memory.sent[0]["lat"]).tolist() == [False, True]


@pytest.mark.parametrize("nothing", [[], FRAME[:0], {"rooms": [], "zipcode": []}])
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
        ({"rooms": [1], "zipcode": [98118.5]}, "zipcode of home 0 is 98118.5, but must be a whole number"),
        ({"rooms": [1], "zipcode": [float("nan")]}, "zipcode of home 0 is missing, but must be a whole number"),
        ({"rooms": [1], "zipcode": [2**53]}, "zipcode of home 0 is 9007199254740992, but must be a whole number"),
        ({"rooms": [1, "three"], "zipcode": [98118] * 2}, "rooms of home 1 is 'three', but must be a number"),
        ({"rooms": [1, ""], "zipcode": [98118] * 2}, "rooms of home 1 is empty, but must be a number"),
        ({"rooms": ["1,900"], "zipcode": [98118]}, "rooms of home 0 is '1,900', which may mean 1900 or 1.9"),
        ({"rooms": [{}], "zipcode": [98118]}, "rooms of home 0 is {}, a dict, but must be a number"),
        ({"rooms": [[1]], "zipcode": [98118]}, "rooms is not one value for each home"),
        ({"rooms": [[1], [1, 2]], "zipcode": [1, 2]}, "rooms is not one value for each home"),
        ({"rooms": {1, 2}, "zipcode": [1, 2]}, "rooms is not one value for each home"),
        ({"rooms": np.array(["2014"], "datetime64[D]"), "zipcode": [1]}, r"rooms holds datetime64\[D\], but must hold"),
        ({"rooms": 1, "zipcode": [98118]}, r"some columns are single values \(rooms\)"),
        (pd.DataFrame([[1, 98118, 2]], columns=["rooms", "zipcode", "rooms"]), "a column is there twice: rooms,"),
        (pd.DataFrame([[1, 98118]]), "rooms, zipcode missing; 0, 1 unknown"),
        (np.zeros((2, 18)), "homes cannot be a ndarray, which has no names of columns"),
        ("homes.csv", "homes cannot be a str"),
        (3, "homes cannot be a int"),
        (None, "homes cannot be a NoneType"),
        ([(1, 98118)], "home 0 is a tuple: give each home as a mapping"),
    ],
)
def test_columns_that_do_not_fit_are_named_before_anything_is_sent(homes: Any, fault: str) -> None:
    memory = Memory()
    with pytest.raises(WrongColumns, match=fault):
        client_of(memory).value(homes)
    assert memory.sent == []


@pytest.mark.parametrize("answer", [{}, {"price": [1.0]}, {name: [1.0] for name in OUTPUTS}])
def test_a_model_that_gives_no_prices_is_named(answer: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    memory = Memory()
    monkeypatch.setattr(memory, "infer", lambda model, columns: answer)
    with pytest.raises(ServiceFailed, match=r"does not answer with price, .*ask for house_price"):
        client_of(memory).value(HOMES)


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
