"""``python -m evaluation``: one cell, on the stand-in market."""

from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner

from data.files import DATA_DIR
from data.standin import standin_data
from evaluation.__main__ import app
from evaluation.metrics import METRICS, band_names


@pytest.fixture(autouse=True)
def _standin(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(DATA_DIR, str(standin_data().folder))


def run(*arguments: str) -> str:
    result = CliRunner().invoke(app, arguments, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.stdout


def test_a_cell_is_one_json_object_with_every_metric() -> None:
    cell = json.loads(run("--seed", "7", "--split", "random", "--model", "basic", "--columns", "required", "--json"))
    assert {key: cell[key] for key in ("split", "model", "columns", "seed", "level")} == {
        "split": "random",
        "model": "basic",
        "columns": "required",
        "seed": 7,
        "level": "average",
    }
    assert cell["data"]["standin"]
    assert cell["sales"] == pytest.approx(cell["data"]["sales"] / 4, abs=1)
    assert list(cell["metrics"]) == list(METRICS)
    for found in cell["metrics"].values():
        assert found["low"] <= found["value"] <= found["high"]
    assert 85 < cell["metrics"]["coverage"]["value"] < 95
    assert set(cell["by_predicted_price"]) <= set(band_names())


def test_a_cell_repeats_itself() -> None:
    arguments = ("--split", "temporal", "--model", "basic", "--json")
    first, again = (json.loads(run(*arguments)) for _ in range(2))
    assert list(first) == list(again)
    for name, found in first["metrics"].items():
        assert again["metrics"][name] == pytest.approx(found), name


def test_without_json_it_is_a_table_for_people() -> None:
    assert "PPE10" in run("--split", "random", "--model", "basic")


@pytest.mark.parametrize(("option", "value"), [("--split", "monthly"), ("--model", "better"), ("--columns", "9")])
def test_a_wrong_choice_says_what_there_is(option: str, value: str) -> None:
    result = CliRunner().invoke(app, [option, value])
    assert result.exit_code == 2
    assert value in result.output
