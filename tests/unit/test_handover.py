"""A model that somebody hands over is published, or says why it can't be."""

from __future__ import annotations

import json
import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import sklearn
from typer.testing import CliRunner

from conversion import Refused
from conversion.converted import Converted, convert_estimator
from conversion.handover import main as convert_handover
from conversion.handover import pickled_with, read_pickle
from publishing.__main__ import app
from publishing.card import Card
from publishing.publish import publish_converted
from publishing.repository import (
    PRICE_MODEL,
)
from tests.conftest import ROOT
from training.basic import save, train_basic
from training.sales import Sales


def test_a_handed_over_pickle_is_published(sales: Sales, repository: Path, tmp_path: Path) -> None:
    model, features = save(train_basic(sales[sales.training]), tmp_path)
    held_out = sales.table[sales.held_out]
    estimator = read_pickle(model, features, tmp_path / "handover", held_out)
    assert publish_converted(convert_estimator(estimator, held_out), sales, repository) == 2
    assert Card.read(repository / PRICE_MODEL / "2").price_model.startswith("model-20")


def test_a_pickle_of_another_scikit_learn_is_told_how_to_convert_it(sales: Sales, tmp_path: Path) -> None:
    model, features = save(train_basic(sales[:500]), tmp_path)
    model.write_bytes(
        pickle.dumps(pickle.loads(model.read_bytes())).replace(
            sklearn.__version__.encode(), "1.3.2".ljust(len(sklearn.__version__)).encode()
        )
    )
    with pytest.raises(Refused, match=r"was pickled with scikit-learn 1\.3\.2") as refused:
        read_pickle(model, features, tmp_path / "handover", sales.table[:50])
    assert "scikit-learn==1.3.2" in str(refused.value)
    assert f"make publish CONVERTED={tmp_path / 'handover'}" in str(refused.value)
    assert (tmp_path / "handover" / "features.npy").is_file()


def test_what_another_environment_converted_is_published(sales: Sales, repository: Path, tmp_path: Path) -> None:
    folder, held_out = tmp_path / "handover", sales.table[sales.held_out]
    model, features = save(train_basic(sales[sales.training]), tmp_path)
    folder.mkdir()
    np.save(folder / "features.npy", held_out)
    convert_handover(model, features, folder)
    assert publish_converted(Converted.read(folder, held_out), sales, repository) == 2
    assert Card.read(repository / PRICE_MODEL / "2").parity.differing == 0


@pytest.mark.slow
def test_a_handed_over_pickle_converts_where_only_what_that_takes_is_installed(sales: Sales, tmp_path: Path) -> None:
    """Its environment holds an older scikit-learn, skl2onnx, onnxruntime and pandas, and nothing of the rest."""
    model, features = save(train_basic(sales[:500]), tmp_path)
    np.save(tmp_path / "features.npy", sales.table[:20])
    absent = "import sys; sys.modules.update(dict.fromkeys(('mapie', 'pandera', 'pydantic', 'typer', 'rich')));"
    convert = "import runpy; runpy.run_module('conversion.handover', run_name='__main__')"
    paths = map(str, (model, features, tmp_path))
    subprocess.run([sys.executable, "-c", absent + convert, *paths], cwd=ROOT, check=True)
    assert Converted.read(tmp_path, sales.table[:20]).parity.homes == 20


def test_options_that_each_name_a_model_are_refused(tmp_path: Path) -> None:
    for options in (["--train", "basic", "--version", "x"], ["--model", "m.pkl", "--converted", "y"]):
        result = CliRunner().invoke(app, ["publish", *options])
        assert result.exit_code == 2
        assert "each name the model to publish" in " ".join(result.output.split())


def test_a_conversion_on_other_data_is_refused(sales: Sales, tmp_path: Path) -> None:
    converted = convert_estimator(train_basic(sales[sales.training]), sales.table[:100])
    converted.write(tmp_path)
    with pytest.raises(Refused, match="convert it again with today's data"):
        Converted.read(tmp_path, sales.table[100:200])


def test_an_incomplete_conversion_is_refused(tmp_path: Path, sales: Sales) -> None:
    with pytest.raises(Refused, match=r"lacks point\.onnx, prices\.npy, converted\.json"):
        Converted.read(tmp_path, sales.table[:10])


def test_a_pickle_of_something_else_is_refused() -> None:
    with pytest.raises(Refused, match="no scikit-learn estimator"):
        pickled_with(pickle.dumps({"a": "dictionary"}))


@pytest.mark.parametrize(
    ("names", "reason"),
    [(["bedrooms", "colour"], "does not have: colour"), (["bedrooms"], "names 1 columns, the model reads 33")],
)
def test_a_pickle_with_other_columns_is_refused(names: list[str], reason: str, sales: Sales, tmp_path: Path) -> None:
    model, features = save(train_basic(sales[:500]), tmp_path)
    features.write_text(json.dumps(names))
    with pytest.raises(Refused, match=reason):
        read_pickle(model, features, tmp_path / "handover", sales.table[:50])
