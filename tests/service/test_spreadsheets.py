"""Homes as agents keep them, in spreadsheets, are valued by the real service like the plain file they came from."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import openpyxl
import pandas as pd
import pytest

from client.valuation import OUTPUTS, ValuationClient
from serving.embedded import EmbeddedServer
from tests.conftest import ROOT
from tests.service.conftest import Service

HOMES = 20
RESULTS = [*OUTPUTS]


@pytest.fixture(scope="module")
def homes(service: Service) -> pd.DataFrame:
    """Return some examples as an agent keeps them: with columns of their own, in another order and spelling."""
    examples: pd.DataFrame = pd.read_csv(service.data.unseen, nrows=HOMES)
    examples = examples[examples.columns[::-1]].rename(columns=lambda name: name.replace("_", " ").title())
    examples.insert(0, "Street", [f"Café {number}; Way, {number}" for number in range(HOMES)])
    examples.insert(3, "price", 1.5)
    examples.loc[3, "Grade"] = 14
    return examples


@pytest.fixture(scope="module")
def expected(service: Service, homes: pd.DataFrame) -> pd.DataFrame:
    with ValuationClient(service.http, "http") as client:
        good = homes[homes["Grade"] < 14].drop(columns=["Street", "price"])
        valued = client.value(good.rename(columns=lambda name: str(name).replace(" ", "_").lower()))
    prices: pd.DataFrame = pd.DataFrame([vars(valuation) for valuation in valued], index=good.index)
    return prices


def run(*arguments: object, command: str = "value_homes") -> tuple[int, str]:
    done = subprocess.run(
        [sys.executable, "-m", f"client.{command}", *map(str, arguments)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert "Traceback" not in done.stderr, done.stderr
    return done.returncode, " ".join((done.stdout + done.stderr).split())


def as_workbook(homes: pd.DataFrame, path: Path) -> None:
    book = openpyxl.Workbook()
    for row in [[*homes.columns], *homes.astype(object).to_numpy().tolist()]:
        book.active.append(row)
    book.save(path)


def as_german(homes: pd.DataFrame, path: Path) -> None:
    homes.to_csv(path, index=False, sep=";", decimal=",", encoding="cp1252", lineterminator="\r\n")


def as_unicode_text(homes: pd.DataFrame, path: Path) -> None:
    homes.to_csv(path, index=False, sep="\t", encoding="utf-16")


def as_american(homes: pd.DataFrame, path: Path) -> None:
    marked = homes.copy()
    for name in (str(name) for name in homes if str(name).startswith("Sqft")):
        marked[name] = homes[name].map("{:,}".format)
    path.write_bytes((marked.to_csv(index=False) + "," * (len(homes.columns) - 1) + "\n").encode("utf-8-sig"))


@pytest.mark.parametrize(
    ("write", "suffix", "read"),
    [
        (as_workbook, "xlsx", pd.read_excel),
        (as_german, "csv", lambda path: pd.read_csv(path, sep=";", decimal=",", encoding="utf-8-sig")),
        (as_unicode_text, "txt", lambda path: pd.read_csv(path, sep="\t", encoding="utf-8-sig")),
        (as_american, "csv", lambda path: pd.read_csv(path, thousands=",", encoding="utf-8-sig")),
    ],
)
def test_results_stand_beside_the_given_rows_in_the_same_kind_of_file(
    write: Callable[[pd.DataFrame, Path], None],
    suffix: str,
    read: Callable[[Path], pd.DataFrame],
    service: Service,
    homes: pd.DataFrame,
    expected: pd.DataFrame,
    tmp_path: Path,
) -> None:
    path = tmp_path / f"homes.{suffix}"
    write(homes, path)
    code, said = run(path, "--url", service.http, "--model", "house_price")
    assert code == 1, said
    assert f"{HOMES} homes: {HOMES - 1} valued, 1 rejected" in said
    assert {file.name for file in tmp_path.iterdir()} == {
        path.name,
        f"homes.valued.{suffix}",
        f"homes.valued.rejected.{suffix}",
    }
    valued, rejected = (read(tmp_path / f"homes.{kind}.{suffix}") for kind in ("valued", "valued.rejected"))
    pd.testing.assert_frame_equal(valued[RESULTS], expected.reset_index(drop=True), check_dtype=False, rtol=1e-6)
    given = valued.drop(columns=["line", *RESULTS]).rename(columns={"given_price": "price"})
    pd.testing.assert_frame_equal(given, homes.drop(index=3).reset_index(drop=True), check_dtype=False)
    assert rejected["line"].tolist() == [5]
    assert rejected["reason"].str.contains("grade is 14").all()
    assert rejected["Street"].tolist() == [homes["Street"][3]]


def test_what_was_valued_can_be_valued_again(service: Service, homes: pd.DataFrame, tmp_path: Path) -> None:
    as_workbook(homes, tmp_path / "homes.xlsx")
    run(tmp_path / "homes.xlsx", "--url", service.http)
    code, said = run(tmp_path / "homes.valued.xlsx", "--url", service.http, "--output", tmp_path / "again.xlsx")
    assert code == 0, said
    first, again = (pd.read_excel(tmp_path / name) for name in ("homes.valued.xlsx", "again.xlsx"))
    pd.testing.assert_frame_equal(again.drop(columns="line"), first.drop(columns="line"))


def test_send_examples_reads_a_workbook_and_survives_a_broken_sales_file(
    service: Service, homes: pd.DataFrame, expected: pd.DataFrame, tmp_path: Path
) -> None:
    as_workbook(homes, tmp_path / "homes.xlsx")
    (tmp_path / "kc_house_data.csv").write_text("id,date,price\n1,2\n")
    code, said = run("--file", tmp_path / "homes.xlsx", "--url", service.http, command="send_examples")
    assert code == 1, said
    assert "without sale prices: " in said and "kc_house_data.csv, line 2: 2 cells, the header has 3" in said
    assert "not sent, since house_price has no such input: Street, price" in said
    assert all(f"${price:,.0f}" in said for price in expected["price"])


@pytest.mark.parametrize("command", ["value_homes", "send_examples"])
@pytest.mark.parametrize("protocol", ["generate", "http", "grpc"])
def test_the_port_of_the_metrics_is_said_to_be_the_wrong_one(
    command: str, protocol: str, shared_server: EmbeddedServer, service: Service, tmp_path: Path
) -> None:
    homes = [service.data.unseen] if command == "value_homes" else ["--file", service.data.unseen]
    output = ["--output", tmp_path / "v.csv"] if command == "value_homes" else []
    address = shared_server.metrics_address
    code, said = run(*homes, *output, "--url", address, "--protocol", protocol, command=command)
    assert code == 2, said
    assert address in said
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("protocol", ["generate", "http", "grpc"])
def test_a_data_frame_is_valued_over_every_protocol(
    protocol: str, service: Service, homes: pd.DataFrame, expected: pd.DataFrame
) -> None:
    columns = homes.drop(columns=["Street", "price"]).rename(columns=lambda name: str(name).replace(" ", "_").lower())
    good = columns[columns["grade"] < 14].convert_dtypes().astype({"zipcode": "string"})
    address = service.grpc if protocol == "grpc" else service.http
    with ValuationClient(address, protocol) as client:
        prices = [valuation.price for valuation in client.value(good)]
        (one,) = client.value(good.iloc[0])
    np.testing.assert_allclose(prices, expected["price"], rtol=1e-6)
    assert one.price == pytest.approx(prices[0])
