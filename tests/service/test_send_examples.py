"""``send_examples.py`` as its user runs it: a process of its own, against the real service."""

from __future__ import annotations

import csv
import json
import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import urllib3

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = "future_unseen_examples.csv"
MODELS = ("house_price", "house_price_minimal")
PROTOCOLS = ("generate", "http", "grpc")

AS_SCRIPT = ("client/send_examples.py",)
AS_MODULE = ("-m", "client.send_examples")


def run(
    service: Any, *arguments: str, form: tuple[str, ...] = AS_SCRIPT, **environ: str
) -> subprocess.CompletedProcess[str]:
    ports = {"HTTP_PORT": service.http.rpartition(":")[2], "GRPC_PORT": service.grpc.rpartition(":")[2]}
    return subprocess.run(
        [sys.executable, *form, *arguments],
        cwd=ROOT,
        env={**os.environ, "DATA_DIR": str(service.data.folder), **ports, **environ},
        capture_output=True,
        text=True,
        check=False,
    )


def records(done: subprocess.CompletedProcess[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in done.stdout.splitlines()]


def examples(service: Any) -> list[dict[str, str]]:
    with (service.data.folder / EXAMPLES).open(newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture
def second_refused(service: Any, tmp_path: Path) -> str:
    """Write three examples, of which the second, on line 3, has a grade that no house has."""
    homes = examples(service)[:3]
    homes[1]["grade"] = "14"
    path = tmp_path / "homes.csv"
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, homes[0].keys())
        writer.writeheader()
        writer.writerows(homes)
    return str(path)


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_every_example_gets_a_price_within_its_range(service: Any, protocol: str, model: str) -> None:
    done = run(service, "--protocol", protocol, "--model", model, "--json")
    assert (done.returncode, done.stderr) == (0, "")
    valued = records(done)
    assert [record["line"] for record in valued] == list(range(2, len(examples(service)) + 2))
    for record in valued:
        assert 0 < record["price_low"] <= record["price"] <= record["price_high"]
        assert record["price_model"]
        assert len(record["home"]) == (18 if model == "house_price" else 8)


@pytest.mark.parametrize("model", MODELS)
def test_homes_that_are_sent_one_by_one_go_to_the_endpoint_for_one(service: Any, model: str) -> None:
    def valued() -> int:
        reply = urllib3.request("GET", f"http://{service.http}/v2/models/house_price_single/stats")
        return sum(int(stats["inference_count"]) for stats in reply.json()["model_stats"])

    before = valued()
    many = run(service, "--model", model, "--limit", "5", "--json")
    assert valued() == before
    one = run(service, "--model", model, "--limit", "5", "--json", "--batch", "1")
    assert valued() == before + 5
    assert records(one) == records(many)


@pytest.mark.parametrize("model", MODELS)
def test_all_ways_of_asking_agree(service: Any, model: str) -> None:
    one_by_one = run(service, "--model", model, "--limit", "12", "--batch", "1", "--json")
    assert len(records(one_by_one)) == 12
    for protocol in PROTOCOLS:
        together = run(service, "--model", model, "--limit", "12", "--protocol", protocol, "--json", form=AS_MODULE)
        for record, same in zip(records(together), records(one_by_one), strict=True):
            assert record == {
                **same,
                **{name: pytest.approx(same[name]) for name in ("price", "price_low", "price_high")},
            }


@pytest.mark.parametrize("form", [AS_SCRIPT, AS_MODULE], ids=["script", "module"])
def test_a_person_reads_home_price_range_and_model(service: Any, form: tuple[str, ...]) -> None:
    done = run(service, "--limit", "1", form=form)
    assert done.returncode == 0, done.stderr
    (record,) = records(run(service, "--limit", "1", "--json"))
    for name in ("price", "price_low", "price_high"):
        assert f"${record[name]:,.0f}" in done.stdout
    assert f"{record['home']['sqft_living']:,} sq ft, {record['home']['zipcode']}" in done.stdout
    assert record["price_model"] in done.stdout


def test_true_prices_are_shown_for_past_sales_only(service: Any) -> None:
    done = run(service, "--limit", "5")
    sold = [record for record in records(run(service, "--limit", "5", "--json")) if "sold_price" in record]
    assert ("sold for" in done.stdout) == ("not unseen" in " ".join(done.stdout.split())) == bool(sold)
    assert bool(sold) == (not service.data.standin)


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_refused_home_is_named_and_its_neighbours_are_valued(
    service: Any, protocol: str, second_refused: str
) -> None:
    done = run(service, "--protocol", protocol, "--file", second_refused, "--json")
    assert done.returncode == 1
    first, refused, third = records(done)
    assert first["price"] > 0 and third["price"] > 0
    assert refused["line"] == 3 and "grade is 14" in refused["refused"]
    assert "line 3: home refused: grade is 14" in done.stderr


def test_the_minimal_model_sends_optional_columns_on_demand(service: Any, second_refused: str) -> None:
    ask = ("--model", "house_price_minimal", "--file", second_refused)
    assert run(service, *ask).returncode == 0
    assert run(service, *ask, "--all-columns").returncode == 1


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_an_unknown_model_is_said_to_be_unknown(service: Any, protocol: str) -> None:
    done = run(service, "--protocol", protocol, "--model", "house_prices")
    assert done.returncode == 2
    assert "serves no model 'house_prices'" in done.stderr


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_service_that_is_down_is_said_to_be_down(service: Any, protocol: str) -> None:
    with socket.socket() as held:  # bound, so that nobody else can, but not listening
        held.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{held.getsockname()[1]}"
        done = run(service, "--protocol", protocol, "--url", address)
    assert done.returncode == 2
    assert f"listens at {address}: start the service with `make up`" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_missing_file_says_where_it_was_looked_for(service: Any, tmp_path: Path) -> None:
    done = run(service, DATA_DIR=str(tmp_path))
    assert done.returncode == 2
    assert f"{EXAMPLES} is not in {tmp_path}" in done.stderr


def test_columns_that_the_model_does_not_take_are_left_out_and_named(service: Any) -> None:
    done = run(service, "--file", str(service.data.folder / "kc_house_data.csv"), "--limit", "1", "--json")
    assert done.returncode == 0
    assert "not sent, since house_price has no such input: id, date, price" in done.stderr


def test_a_file_of_something_else_names_the_missing_columns(service: Any) -> None:
    done = run(service, "--file", str(service.data.folder / "zipcode_demographics.csv"), "--limit", "1")
    assert done.returncode == 2
    assert "bedrooms, bathrooms" in done.stderr and "missing" in done.stderr
