"""A model that somebody hands over is published, or says why it can't be."""

from __future__ import annotations

import json
import os
import pickle
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import joblib
import numpy as np
import pytest
import sklearn
import skops.io
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, RobustScaler
from typer.testing import CliRunner

from conversion import Refused
from conversion.converted import Converted, convert_estimator
from conversion.handover import FEATURES_FILE, read_model, written_with
from conversion.handover import main as convert_here
from data.files import DataFiles
from publishing.__main__ import app
from publishing.card import Card
from publishing.confinement import Limits
from publishing.opening import LIMITS, open_apart
from publishing.publish import publish_converted
from publishing.repository import PRICE_MODEL, new_repository
from tests.conftest import ROOT
from tests.handed_over import CATALOGUE, FORMATS, fitted
from training.basic import BASIC_COLUMNS, Estimator, basic_pipeline, save, train_basic
from training.sales import Sales


@pytest.fixture(scope="module")
def basic(sales: Sales) -> Estimator:
    return train_basic(sales[sales.training])


@pytest.fixture
def saved(basic: Estimator, tmp_path: Path) -> tuple[Path, Path]:
    """Save the basic model; return the paths of the model and of its features."""
    return save(basic, tmp_path)


def with_release(model: Path, release: str) -> None:
    """Say in a pickle that another scikit-learn wrote it."""
    own = sklearn.__version__.encode()
    model.write_bytes(model.read_bytes().replace(own, release.encode().ljust(len(own), b".")))


def opened(model: Path, folder: Path, sales: Sales, limits: Limits = LIMITS) -> Converted:
    """Open a model apart, on a few held-out sales."""
    return open_apart(model, model.with_name("model_features.json"), folder, sales.table[sales.held_out[:200]], limits)


@pytest.mark.slow
def test_a_model_of_another_scikit_learn_is_told_how_to_convert_it(
    sales: Sales, saved: tuple[Path, Path], tmp_path: Path
) -> None:
    with_release(saved[0], "1.3.2")
    with pytest.raises(Refused, match=r"was written with scikit-learn 1\.3\.2") as refused:
        opened(saved[0], tmp_path / "handover", sales)
    assert "scikit-learn==1.3.2" in str(refused.value)
    assert f"make publish CONVERTED={tmp_path / 'handover'}" in str(refused.value)
    assert (tmp_path / "handover" / FEATURES_FILE).is_file()


def test_what_another_environment_converted_is_published(
    sales: Sales, saved: tuple[Path, Path], repository: Path, tmp_path: Path
) -> None:
    folder, held_out = tmp_path / "handover", sales.table[sales.held_out]
    folder.mkdir()
    np.save(folder / FEATURES_FILE, held_out)
    convert_here(*saved, folder)
    assert publish_converted(Converted.read(folder, held_out), sales, repository) == 2
    assert Card.read(repository / PRICE_MODEL / "2").parity.differing == 0


@pytest.mark.parametrize("kind", FORMATS)
def test_the_release_that_wrote_a_model_is_found_without_opening_it(
    kind: str, basic: Estimator, tmp_path: Path
) -> None:
    FORMATS[kind](basic.regressor, tmp_path / "model")
    assert written_with(tmp_path / "model") == sklearn.__version__


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_the_release_is_found_in_pickles_of_every_protocol(protocol: int, basic: Estimator, tmp_path: Path) -> None:
    (tmp_path / "model.pkl").write_bytes(pickle.dumps(basic.regressor, protocol))
    assert written_with(tmp_path / "model.pkl") == sklearn.__version__


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    content=st.binary(max_size=200),
    start=st.sampled_from([b"", b"\x1f\x8b", b"BZh9", b"\xfd7zXZ\x00", b"\x5d\x00", b"x\x9c", b"PK"]),
)
def test_any_bytes_are_refused_in_one_line(content: bytes, start: bytes, tmp_path: Path) -> None:
    (tmp_path / "model.pkl").write_bytes(start + content)
    with pytest.raises(Refused) as refused:
        written_with(tmp_path / "model.pkl")
    assert "\n" not in str(refused.value)


class _Harmful:
    """Do something while it is unpickled: the state of an estimator follows, so that it is opened at all."""

    def __init__(self, code: str) -> None:
        self.code = code

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return exec, (self.code,)


def harmful(code: str, path: Path) -> Path:
    """Pickle a harmful model."""
    path.write_bytes(pickle.dumps([_Harmful(code), RobustScaler().fit([[1.0], [2.0]])]))
    return path


CODE = {
    "network": ("import socket; socket.create_connection(('127.0.0.1', 1))", "PermissionError"),
    "network of a child": (
        "import subprocess, sys; subprocess.run([sys.executable, '-c', 'import socket; socket.socket()'], check=True)",
        "CalledProcessError",
    ),
    "memory": ("bytearray(1 << 40)", "MemoryError"),
    "time": ("while True: pass", "more than 5 s of processor time"),
    "a large file": ("open('/tmp/' + 'x' * 8, 'wb').write(bytes(2 << 20))", "SIGXFSZ|File too large"),
    "an exit": ("import os; os._exit(5)", "exit code 5"),
    "a false answer": (
        "import os\nfor d in range(3, 20):\n    try:\n        os.write(d, b'{}')\n    except OSError:\n        pass",
        "what it never should",
    ),
    "keys": ("import os; assert 'AWS_SECRET_ACCESS_KEY' not in os.environ; raise ValueError('none')", "none"),
}


@pytest.mark.slow
@pytest.mark.parametrize("harm", CODE)
def test_a_pickle_that_means_harm_is_opened_where_it_does_none(
    harm: str, sales: Sales, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "a key")
    code, reason = CODE[harm]
    model = harmful(code.replace("/tmp/", f"{tmp_path}/"), tmp_path / "model.pkl")
    limits = replace(LIMITS, processor_s=5 if harm == "time" else 120, file_bytes=1 << 20)
    with pytest.raises(Refused, match=reason) as refused:
        opened(model, tmp_path / "handover", sales, limits)
    assert "\n" not in str(refused.value)


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


@pytest.mark.parametrize(
    ("found", "reason"),
    [
        ({"a": "dictionary"}, "holds no scikit-learn estimator"),
        ({"model": RobustScaler(), "note": "of May"}, "holds a dict with model in it, not an estimator: save"),
        ([RobustScaler()], "holds a list, not an estimator"),
        (RobustScaler(), "holds a RobustScaler, which predicts no price"),
        (Path, "holds no scikit-learn estimator"),
        (basic_pipeline(), "holds a Pipeline that is not fitted"),
    ],
)
def test_a_pickle_of_something_else_is_refused(found: object, reason: str, tmp_path: Path) -> None:
    (tmp_path / "model.pkl").write_bytes(pickle.dumps(found))
    with pytest.raises(Refused, match=reason):
        read_model(tmp_path / "model.pkl", tmp_path / "model_features.json", tmp_path)


def test_a_pickle_that_needs_what_is_not_here_says_so(basic: Estimator, tmp_path: Path) -> None:
    model, features = save(basic, tmp_path)
    model.write_bytes(model.read_bytes().replace(b"sklearn.neighbors._regression", b"skxxxxx.neighbors._regression"))
    with pytest.raises(Refused, match="needs the module skxxxxx, which is not here"):
        read_model(model, features, tmp_path)


def test_a_skops_file_with_types_of_its_own_names_them(tmp_path: Path) -> None:
    scaled = make_pipeline(FunctionTransformer(_twice), RobustScaler()).fit([[1.0], [2.0]])
    skops.io.dump(scaled, tmp_path / "model.skops")
    with pytest.raises(Refused, match=r"does not know to be safe: .*_twice"):
        read_model(tmp_path / "model.skops", tmp_path / "model_features.json", tmp_path)


def _twice(columns: object) -> object:
    return columns


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (json.dumps(["bedrooms", "colour"]), "does not have: colour"),
        (json.dumps(["bedrooms"]), "names 1 columns, the model reads 33"),
        (json.dumps(BASIC_COLUMNS[::-1]), "names per_prfsnl as column 0, the model was fitted with bedrooms there"),
        (json.dumps({"bedrooms": 1}), "must be a JSON list of column names"),
        ("bedrooms, bathrooms", "is no JSON"),
    ],
)
def test_a_model_with_other_columns_is_refused(
    content: str, reason: str, saved: tuple[Path, Path], tmp_path: Path
) -> None:
    model, features = saved
    features.write_text(content)
    with pytest.raises(Refused, match=reason):
        read_model(model, features, tmp_path)


@pytest.mark.training
@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("grid search of the basic pipeline", "joblib, zlib"),
        ("forest that learnt from gaps", "skops"),
        ("columns by name, one-hot ZIP codes", "joblib"),
    ],
)
def test_the_command_publishes_what_is_handed_over(
    name: str, kind: str, sales: Sales, files: DataFiles, tmp_path: Path
) -> None:
    (one,) = (one for one in CATALOGUE if one.name == name)
    model = tmp_path / "model"
    FORMATS[kind](fitted(one, sales, 3_000).model, model)
    repository = new_repository(tmp_path / "model_repository")
    done = subprocess.run(
        [sys.executable, "-B", "-m", "publishing", "publish", "--model", str(model), "--repository", str(repository)],
        cwd=ROOT,
        env={**os.environ, "DATA_DIR": str(files.folder)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert "Published version 1." in done.stdout
    assert ("a pickle is code" in done.stderr) == (kind != "skops")


@pytest.mark.training
def test_the_command_refuses_in_one_line(sales: Sales, tmp_path: Path) -> None:
    model = tmp_path / "model.joblib"
    joblib.dump({"model": basic_pipeline().fit([[1.0]] * 9, [1.0] * 9)}, model)
    options = ["publish", "--model", str(model), "--repository", str(new_repository(tmp_path / "model_repository"))]
    result = CliRunner().invoke(app, options)
    assert isinstance(result.exception, Refused)
    assert "holds a dict with model in it, not an estimator" in str(result.exception)
