"""What bad input gets: one 400 that names the culprit, and the next request works."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import pytest
import urllib3

from preprocessing.columns import EXAMPLE_HOME, REQUIRED_COLUMN_NAMES
from tests.service.asking import PROTOCOLS, SINGLE, Answer, Asker, Columns
from tests.service.conftest import Service

everywhere = pytest.mark.parametrize("protocol", PROTOCOLS)
of_one_home = pytest.mark.parametrize("protocol", [*PROTOCOLS, SINGLE])

HOME: dict[str, list[float]] = {name: [value] for name, value in EXAMPLE_HOME.items()}
MINIMAL: dict[str, list[float]] = {name: HOME[name] for name in REQUIRED_COLUMN_NAMES}


def without(name: str) -> Columns:
    return {column: values for column, values in HOME.items() if column != name}


@pytest.fixture(autouse=True)
def next_request_works(asker: Asker) -> Iterator[None]:
    yield
    for protocol in PROTOCOLS:
        assert asker.ask(protocol, "house_price", HOME).outputs["price"][0] > 0


@of_one_home
@pytest.mark.parametrize(
    ("change", "culprit"),
    [
        ({"zipcode": [12345]}, "zipcode is 12345"),
        ({"grade": [float("nan")]}, "grade is nan"),
        ({"sqft_lot": [float("inf")]}, "sqft_lot is inf"),
        ({"lat": [float("-inf")]}, "lat is -inf"),
        ({"sqft_living": [-1900]}, "sqft_living is -1900"),
        ({"grade": [14]}, "grade is 14, allowed is a whole number from 1 to 13"),
        ({"sqft_basement": [0]}, "sqft_living is 1900, but sqft_above 1400 and sqft_basement 0"),
    ],
)
def test_an_impossible_value(protocol: str, change: dict[str, list[float]], culprit: str, asker: Asker) -> None:
    assert culprit in asker.ask(protocol, "house_price", {**HOME, **change}).refusal


@of_one_home
def test_an_unknown_zipcode_is_told_the_known_ones(protocol: str, asker: Asker) -> None:
    refusal = asker.ask(protocol, "house_price_minimal", {**MINIMAL, "zipcode": [98000]}).refusal
    sentences, _, last = refusal.partition("\n")
    assert "Known ZIP codes: 98001, 98002" in sentences
    assert sentences.endswith("98199")
    assert json.loads(last) == {"rows": {"0": {"zipcode": "is 98000, allowed is one of the known ZIP codes"}}}


@everywhere
@pytest.mark.parametrize("name", ["grade", "zipcode", "sqft_lot15"])
def test_a_missing_column(protocol: str, name: str, asker: Asker) -> None:
    assert name in asker.ask(protocol, "house_price", without(name)).refusal


@of_one_home
@pytest.mark.parametrize("name", REQUIRED_COLUMN_NAMES)
def test_a_missing_required_column(protocol: str, name: str, asker: Asker) -> None:
    minimal = {column: values for column, values in MINIMAL.items() if column != name}
    assert name in asker.ask(protocol, "house_price_minimal", minimal).refusal


@of_one_home
def test_a_misspelt_column(protocol: str, asker: Asker) -> None:
    refusal = asker.ask(protocol, "house_price_minimal", {**MINIMAL, "grad": [7]}).refusal
    assert "grad" in refusal
    if protocol in ("generate", SINGLE):  # of KServe's tensors Triton itself refuses an unknown one
        assert refusal.endswith("unknown column 'grad': did you mean 'grade'?")


OWN_TEXT = {"caller": "crm", "content_type": "application/json", "grad": "Ü 7"}


def ask_with(asker: Asker, protocol: str, parameters: dict[str, Any]) -> Answer:
    """Value the home with parameters of the caller's own, as each protocol carries them."""
    if protocol in ("generate", SINGLE):
        model = "house_price_single" if protocol == SINGLE else "house_price"
        return asker.generate(model, json.dumps({**EXAMPLE_HOME, **parameters}))
    return asker.ask(protocol, "house_price", HOME, parameters=parameters)


@of_one_home
def test_text_under_an_unknown_key_is_the_callers_own_business(protocol: str, asker: Asker) -> None:
    assert ask_with(asker, protocol, OWN_TEXT).outputs == asker.ask(protocol, "house_price", HOME).outputs


@of_one_home
@pytest.mark.parametrize("value", [7, True])
def test_a_number_under_an_unknown_key_is_a_misspelt_column(protocol: str, value: object, asker: Asker) -> None:
    refusal = ask_with(asker, protocol, {**OWN_TEXT, "grad": value}).refusal
    assert refusal.endswith("unknown column 'grad': did you mean 'grade'?")


@of_one_home
def test_thousands_of_unknown_keys_get_a_short_answer(protocol: str, asker: Asker) -> None:
    refusal = ask_with(asker, protocol, {f"sqft_livng{number}": number for number in range(10_000)}).refusal
    assert refusal.endswith("and 9995 more unknown columns")


def test_text_that_is_not_utf_8_fails_nobody_elses_request(asker: Asker) -> None:
    """Requests are valued in batches: what one of them brings must not fail its neighbours."""
    home = json.dumps({**EXAMPLE_HOME, "caller": "X"}).encode()
    for bad in (home.replace(b"X", b"\xff\xfe"), home.replace(b'"X"', b'"", "id": "\xff"')):
        with ThreadPoolExecutor(16) as pool:
            bodies = [bad if place % 4 == 0 else home for place in range(200)]
            answers = list(pool.map(partial(asker.generate, "house_price"), bodies))
        assert all(answer.outputs for place, answer in enumerate(answers) if place % 4)
        refusals = {answer.refusal for place, answer in enumerate(answers) if place % 4 == 0}
        assert refusals <= {"", "in ensemble 'house_price', the request holds text that is not UTF-8"}


@everywhere
def test_a_misspelt_required_column(protocol: str, asker: Asker) -> None:
    refusal = asker.ask(protocol, "house_price", {**without("sqft_living"), "sqft_livng": [1900]}).refusal
    assert "sqft_liv" in refusal


@everywhere
def test_an_empty_batch(protocol: str, asker: Asker) -> None:
    refusal = asker.ask(protocol, "house_price", {name: [] for name in HOME}).refusal
    assert any(name in refusal for name in HOME)


@everywhere
def test_columns_of_different_lengths(protocol: str, asker: Asker) -> None:
    uneven = {name: values * 3 for name, values in HOME.items()} | {"grade": [7, 7]}
    assert "grade" in asker.ask(protocol, "house_price", uneven).refusal


@everywhere
def test_a_batch_with_two_bad_rows_names_both(protocol: str, asker: Asker) -> None:
    batch = {name: values * 500 for name, values in HOME.items()}
    batch["grade"] = [14 if row == 3 else 7 for row in range(500)]
    batch["zipcode"] = [12345 if row == 417 else 98118 for row in range(500)]
    refusal = asker.ask(protocol, "house_price", batch).refusal
    assert "2 of 500 homes refused, rows counted from 0" in refusal
    assert "Row 3: grade is 14" in refusal
    assert "Row 417: zipcode is 12345" in refusal
    rows = json.loads(refusal.splitlines()[-1])["rows"]
    assert {row: list(columns) for row, columns in rows.items()} == {"3": ["grade"], "417": ["zipcode"]}


@everywhere
def test_a_batch_of_nothing_but_bad_rows(protocol: str, asker: Asker) -> None:
    worst = {name: [-1 if name == "zipcode" else -1.0] * 1024 for name in HOME}
    assert "1024 of 1024 homes refused" in asker.ask(protocol, "house_price", worst).refusal


@everywhere
def test_more_homes_than_a_batch_may_have(protocol: str, asker: Asker) -> None:
    batch = {name: values * 1025 for name, values in HOME.items()}
    assert "1024" in asker.ask(protocol, "house_price", batch).refusal


def test_a_bad_request_never_disturbs_its_neighbours(service: Service, asker: Asker) -> None:
    """Many ask at once, so that Triton batches good and bad homes together."""
    price = asker.ask("http", "house_price", HOME).outputs["price"]
    wrong: list[str] = []

    def ask(bad: bool) -> None:
        own = Asker(service.http, service.grpc)
        for _ in range(100):
            answer = own.ask("http", "house_price", {**HOME, "grade": [14]} if bad else HOME)
            fine = "grade is 14" in answer.refusal if bad else answer.outputs.get("price") == pytest.approx(price)
            if not fine:
                wrong.append(str(answer))
        own.close()

    callers = [threading.Thread(target=ask, args=(place % 3 == 0,)) for place in range(9)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()
    assert wrong == []


def test_homes_with_different_columns_may_share_a_batch(service: Service) -> None:
    """Each caller gives another optional column, and gets the price that it would get alone."""
    wrong: list[str] = []

    def ask(name: str) -> None:
        own = Asker(service.http, service.grpc)
        columns = {**MINIMAL, name: HOME[name]}
        alone = own.ask("grpc", "house_price_minimal", columns).outputs["price"]
        for _ in range(50):
            answer = own.ask("grpc", "house_price_minimal", columns)
            if answer.outputs.get("price") != pytest.approx(alone):
                wrong.append(str(answer))
        own.close()

    callers = [threading.Thread(target=ask, args=(name,)) for name in ("grade", "lat", "view", "yr_built")]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()
    assert wrong == []


@pytest.mark.parametrize("body", ["", "{", "[]", '{"bedrooms": "three"}', '{"bedrooms": null}', '{"bedrooms": 1e999}'])
def test_what_is_no_home_in_json_gets_a_reason(body: str, service: Service) -> None:
    """Triton answers broken JSON with 500 where 400 would be right; the reason is there all the same."""
    url = f"http://{service.http}/v2/models/house_price/generate"
    reply = urllib3.request("POST", url, body=body, retries=False)
    assert reply.status in (400, 500)
    assert json.loads(reply.data)["error"]
