"""What must not serve says why it does not appear, and what may serve appears."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest

from conversion import Refused
from data.files import DATA_DIR, FILE_NAMES, STANDIN_STAMP, DataError, DataFiles
from market_analysis.past_sales import COMPARABLES_FILE
from preprocessing.columns import EXAMPLE_HOME
from preprocessing.demographics import Demographics
from publishing.card import CARD_FILE, Card
from publishing.comparison import GATE_FILE, Comparison
from publishing.contract import MODEL_FILE, check_version
from publishing.ensure import ensure, example
from publishing.examination import Task, findings_of
from publishing.preprocessing_version import publish_preprocessing
from publishing.publish import publish_folder
from publishing.repository import (
    PREPROCESSING,
    PRICE_MODEL,
    new_repository,
    served,
    versions,
)
from tests.conftest import ROOT
from tests.wrong_versions import edit_card, reverse_rows, rewrite, times
from training.sales import Sales


def initializer(graph: onnx.ModelProto, name: str) -> onnx.TensorProto:
    return next(tensor for tensor in graph.graph.initializer if tensor.name == name)


def scale(graph: onnx.ModelProto, name: str, value: float) -> None:
    tensor = initializer(graph, name)
    tensor.CopyFrom(onnx.numpy_helper.from_array(np.array(value), name))


def rename_input(graph: onnx.ModelProto) -> None:
    graph.graph.input[0].name = "house"
    for node in graph.graph.node:
        node.input[:] = ["house" if name == "features" else name for name in node.input]


def drop_output(graph: onnx.ModelProto) -> None:
    del graph.graph.output[1]


def reshape_input(graph: onnx.ModelProto) -> None:
    graph.graph.input[0].type.tensor_type.shape.dim[1].dim_value = 43


def fix_batch(graph: onnx.ModelProto) -> None:
    graph.graph.input[0].type.tensor_type.shape.dim[0].dim_value = 1


def shuffle_names(graph: onnx.ModelProto) -> None:
    properties = {entry.key: entry for entry in graph.metadata_props}
    names = json.loads(properties["feature_names"].value)
    names[0], names[1] = names[1], names[0]
    properties["feature_names"].value = json.dumps(names)


def forget_names(graph: onnx.ModelProto) -> None:
    del graph.metadata_props[:]


def covering(all_columns: float, required: float) -> dict[str, object]:
    return {"price_range": {"coverage": all_columns, "coverage_required": required, "measured_sales": 2702}}


BROKEN_GRAPHS = {
    "renamed input": (rename_input, "inputs must be features; found house"),
    "missing output": (drop_output, "outputs must be price, price_high, price_low, price_model; found"),
    "narrow input": (reshape_input, r"input features must be tensor\(float\) \[N,44\]"),
    "one home only": (fix_batch, r"input features must be tensor\(float\) \[N,44\]"),
    "other features": (shuffle_names, "feature 0 must be bedrooms, found bathrooms"),
    "no feature names": (forget_names, "found 0 of 44 names"),
    "not finite": (lambda graph: scale(graph, "price_high_factor", np.nan), "not finite for a home with all columns"),
    "range upside down": (lambda graph: scale(graph, "price_low_factor", 1.1), "price_low <= price"),
    "price of nothing": (lambda graph: scale(graph, "price_low_factor", 0.0), "0 < price_low"),
}


@pytest.mark.parametrize(("change", "reason"), BROKEN_GRAPHS.values(), ids=BROKEN_GRAPHS)
def test_a_graph_that_breaks_the_contract_is_refused(
    change: Callable[[onnx.ModelProto], None], reason: str, version: Path, sales: Sales
) -> None:
    rewrite(version, change)
    assert re.search(reason, findings_of(Task(version, None, sales)).refusal)


@pytest.mark.parametrize(
    ("entries", "reason"),
    [
        ({"parity": {"homes": 5404, "differing": 3, "largest_difference": 51000.0}}, "3 of 5404 homes are priced diff"),
        ({"parity": {"homes": 0, "differing": 0, "largest_difference": 0.0}}, "0 of 0 homes"),
        (covering(0.8, 0.9), "with all columns given it held 80.0% of 2702 held-out sale prices"),
        (covering(0.9, 0.8), "with only required columns given it held 80.0% of 2702"),
        (covering(float("nan"), 0.9), "at least 87% are asked for"),
        ({"parity": {}}, r"lacks parity\.homes"),
        ({"files": {}}, "its card names no file, a version is made of model.onnx"),
        ({"examples": []}, "needs examples of 44 features each"),
        ({"price_model": "somebody else"}, "its card somebody else"),
    ],
)
def test_a_card_that_admits_a_fault_is_refused(
    entries: dict[str, object], reason: str, version: Path, sales: Sales
) -> None:
    edit_card(version, **entries)
    assert re.search(reason, findings_of(Task(version, None, sales)).refusal)


def test_a_missing_card_is_refused(version: Path, sales: Sales) -> None:
    (version / CARD_FILE).unlink()
    with pytest.raises(Refused, match=r"card\.json is missing"):
        check_version(version, sales.table[:10])


@pytest.mark.parametrize(
    ("text", "reason"), [("{", "is not JSON"), ("{}", "lacks price_model, created_at"), ("[]", "should be an object")]
)
def test_a_broken_card_is_refused(text: str, reason: str, version: Path, sales: Sales) -> None:
    (version / CARD_FILE).write_text(text)
    with pytest.raises(Refused, match=reason):
        check_version(version, sales.table[:10])


def test_an_entry_of_the_wrong_type_is_named(version: Path, sales: Sales) -> None:
    edit_card(version, held_out={"mae": "little"})
    with pytest.raises(Refused, match=r"card\.json has held_out\.mae 'little': .*number"):
        check_version(version, sales.table[:10])


def test_a_card_is_read_as_it_was_written(published: tuple[Path, Card], tmp_path: Path) -> None:
    published[1].write(tmp_path)
    assert Card.read(tmp_path) == published[1]


def test_a_truncated_graph_is_refused(version: Path, sales: Sales) -> None:
    path = version / MODEL_FILE
    path.write_bytes(path.read_bytes()[:100_000])
    with pytest.raises(Refused, match=r"model\.onnx is no ONNX model"):
        check_version(version, sales.table[:10])


def test_a_good_folder_becomes_the_next_version(version: Path, sales: Sales, repository: Path) -> None:
    assert publish_folder(version, sales, repository) == 2
    assert versions(repository / PRICE_MODEL) == [1, 2]
    assert {path.name for path in (repository / PRICE_MODEL / "2").iterdir()} == {
        MODEL_FILE,
        CARD_FILE,
        GATE_FILE,
        COMPARABLES_FILE,
    }
    assert version.is_dir()


def test_preprocessing_is_published_once(repository: Path, demographics: Demographics) -> None:
    assert publish_preprocessing(served(repository), demographics) is None
    assert versions(served(repository) / PREPROCESSING) == [1]


def test_other_demographics_are_another_preprocessing_version(repository: Path, demographics: Demographics) -> None:
    fewer = Demographics(demographics.zipcodes[:-1], demographics.figures[:-1])
    assert publish_preprocessing(served(repository), fewer) == 2


def test_preprocessing_that_cannot_value_the_example_home_is_refused(
    repository: Path, demographics: Demographics
) -> None:
    broken = Demographics(demographics.zipcodes, demographics.figures[:, :1])
    with pytest.raises(Refused, match="does not value the example home"):
        publish_preprocessing(served(repository), broken)
    assert versions(served(repository) / PREPROCESSING) == [1]


def test_a_repository_with_a_model_is_left_as_it_is(repository: Path, files: DataFiles) -> None:
    folders = (repository, served(repository))
    before = {path: path.stat().st_mtime_ns for folder in folders for path in folder.rglob("*")}
    ensure(repository, {DATA_DIR: str(files.folder)})
    assert {path: path.stat().st_mtime_ns for folder in folders for path in folder.rglob("*")} == before


def test_a_version_that_was_removed_while_nothing_ran_does_not_serve(version: Path, repository: Path) -> None:
    for folder in (repository, served(repository)):
        shutil.copytree(version, folder / PRICE_MODEL / "2")
    shutil.rmtree(repository / PRICE_MODEL / "2")
    ensure(repository, {})
    assert versions(served(repository) / PRICE_MODEL) == [1]


def saved_by_excel(files: DataFiles, folder: Path) -> Path:
    """Copy the data as Excel saves them: marked, with other line ends, and with a row of commas at the end."""
    folder.mkdir()
    for path in (files.sales, files.demographics, files.unseen):
        lines = path.read_text().splitlines()
        text = "\r\n".join([*lines, "," * lines[0].count(","), ""])
        (folder / path.name).write_bytes(text.encode("utf-8-sig"))
    if files.standin:
        shutil.copy(files.folder / STANDIN_STAMP, folder)
    return folder


@pytest.mark.training
def test_files_that_excel_saved_are_published_and_served(files: DataFiles, tmp_path: Path) -> None:
    repository = new_repository(tmp_path / "model_repository")
    folder = saved_by_excel(files, tmp_path / "data")
    for _ in range(2):  # the second start reads the demographics once more
        ensure(repository, {DATA_DIR: str(folder)})
    assert versions(served(repository) / PRICE_MODEL) == versions(served(repository) / PREPROCESSING) == [1]
    assert example(repository)["zipcode"]


@pytest.mark.parametrize("name", FILE_NAMES)
def test_nothing_is_published_before_every_file_has_been_read(name: str, files: DataFiles, tmp_path: Path) -> None:
    repository = new_repository(tmp_path / "model_repository")
    folder = saved_by_excel(files, tmp_path / "data")
    header, *rows = (folder / name).read_text(encoding="utf-8-sig").splitlines()
    cells = rows[7].split(",")
    cells[-1] = "many"
    rows[7] = ",".join(cells)
    (folder / name).write_text("\n".join([header, *rows]))
    with pytest.raises(DataError, match=f"{name}, line 9: [a-z_0-9]+ is many"):
        ensure(repository, {DATA_DIR: str(folder)})
    assert not list(tmp_path.rglob("[0-9]"))


def test_a_start_with_a_model_loads_no_training_library(repository: Path, files: DataFiles) -> None:
    program = (
        "import sys; from pathlib import Path; from publishing.ensure import ensure; "
        "ensure(Path(sys.argv[1])); print(*{'pandas', 'sklearn', 'onnx', 'mapie'} & set(sys.modules))"
    )
    command = [sys.executable, "-c", program, str(repository)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""


def test_real_data_replace_a_model_of_the_standin_market(repository: Path, real_files: DataFiles) -> None:
    made_up = {"standin": True, "fingerprint": "made up", "last_sale": "2015-05-27"}
    for folder in (repository, served(repository)):
        edit_card(folder / PRICE_MODEL / "1", data=made_up)
    ensure(repository, {"DATA_DIR": str(real_files.folder)})
    assert versions(repository / PRICE_MODEL) == [1, 2]
    assert not json.loads((repository / PRICE_MODEL / "2" / CARD_FILE).read_text())["data"]["standin"]


def test_an_empty_repository_has_no_example(tmp_path: Path) -> None:
    with pytest.raises(Refused, match="holds no preprocessing version"):
        example(new_repository(tmp_path / "model_repository"))


def test_the_example_home_is_the_documented_one(repository: Path) -> None:
    assert example(repository) == EXAMPLE_HOME


@pytest.mark.parametrize(
    "disguise",
    [
        lambda model: shutil.copytree(model / "1", model / "007"),
        lambda model: (model / "2").mkdir(),
        lambda model: (shutil.copytree(model / "1", model / "2"), (model / "2" / CARD_FILE).write_text("{")),
    ],
    ids=["007", "no card", "broken card"],
)
def test_what_lies_above_the_newest_version_spares_no_comparison(
    disguise: Callable[[Path], object], version: Path, sales: Sales, repository: Path
) -> None:
    disguise(repository / PRICE_MODEL)
    number = publish_folder(version, sales, repository)
    comparison = Comparison.read(repository / PRICE_MODEL / str(number))
    assert comparison is not None
    assert comparison.serving == Card.read(repository / PRICE_MODEL / "1").price_model


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda graph: times(graph, 10), r"MdAPE\) is \d+\.\d % .* whatever the reason"),
        (lambda graph: times(graph, 1.2), r"its bias is \d\d\.\d % .* allowed is -10 to 10 %, whatever the reason"),
        (reverse_rows, "depends on the homes that are valued with it"),
    ],
    ids=["x10", "x1.2", "reversed rows"],
)
def test_no_reason_lets_a_wrong_model_through(
    change: Callable[[onnx.ModelProto], None], reason: str, version: Path, sales: Sales, repository: Path
) -> None:
    rewrite(version, change)
    serving = served(repository) / PRICE_MODEL / "1"
    assert re.search(reason, findings_of(Task(version, serving, sales, "the market has changed")).refusal)
