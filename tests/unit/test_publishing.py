"""Versions appear and disappear whole, and one that must not serve says why it does not appear."""

from __future__ import annotations

import hashlib
import json
import os
import pickle
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import sklearn
from typer.testing import CliRunner

from conversion import Refused
from conversion.converted import Converted, convert_estimator
from conversion.handover import main as convert_handover
from conversion.handover import pickled_with, read_pickle
from data.files import DataFiles
from preprocessing.columns import EXAMPLE_HOME
from publishing.__main__ import app
from publishing.card import CARD_FILE, Card
from publishing.contract import MODEL_FILE, check_version
from publishing.ensure import ensure, example
from publishing.gate import GATE_FILE, Comparison
from publishing.preprocessing_version import publish_preprocessing
from publishing.publish import publish_converted, publish_folder
from publishing.repository import (
    PREPROCESSING,
    PRICE_MODEL,
    add,
    misnamed,
    new_repository,
    remove_newest,
    staged,
    versions,
)
from tests.conftest import ROOT
from training.basic import save, train_basic
from training.sales import Sales


@pytest.fixture
def version(repository: Path, tmp_path: Path) -> Path:
    """Copy a complete version folder, for a test to break."""
    return Path(shutil.copytree(repository / PRICE_MODEL / "1", tmp_path / "version"))


def rewrite(version: Path, change: Callable[[onnx.ModelProto], None]) -> None:
    """Change a version's graph, and have its card vouch for it."""
    graph = onnx.load_model(version / MODEL_FILE)
    change(graph)
    content = graph.SerializeToString()
    (version / MODEL_FILE).write_bytes(content)
    edit_card(version, model_sha256=hashlib.sha256(content).hexdigest())


def edit_card(version: Path, **entries: Any) -> None:
    """Change entries of a card: of a section only the named ones, unless it is emptied."""
    card = json.loads((version / CARD_FILE).read_text())
    for name, value in entries.items():
        card[name] = {**card[name], **value} if isinstance(value, dict) and value else value
    (version / CARD_FILE).write_text(json.dumps(card))


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
    "not finite": (lambda graph: scale(graph, "dollars_high_factor", np.nan), "not finite for a home with all columns"),
    "range upside down": (lambda graph: scale(graph, "dollars_low_factor", 1.1), "price_low <= price"),
    "price of nothing": (lambda graph: scale(graph, "dollars_low_factor", 0.0), "0 < price_low"),
}


@pytest.mark.parametrize(("change", "reason"), BROKEN_GRAPHS.values(), ids=BROKEN_GRAPHS)
def test_a_graph_that_breaks_the_contract_is_refused(
    change: Callable[[onnx.ModelProto], None], reason: str, version: Path, sales: Sales, repository: Path
) -> None:
    rewrite(version, change)
    with pytest.raises(Refused, match=reason):
        publish_folder(version, sales, repository)
    assert versions(repository / PRICE_MODEL) == [1]


@pytest.mark.parametrize(
    ("entries", "reason"),
    [
        ({"parity": {"homes": 5404, "differing": 3, "largest_difference": 51000.0}}, "3 of 5404 homes are priced diff"),
        ({"parity": {"homes": 0, "differing": 0, "largest_difference": 0.0}}, "0 of 0 homes"),
        (covering(0.8, 0.9), "with all columns given it held 80.0% of 2702 held-out sale prices"),
        (covering(0.9, 0.8), "with only required columns given it held 80.0% of 2702"),
        (covering(float("nan"), 0.9), "at least 87% are asked for"),
        ({"parity": {}}, r"lacks parity\.homes"),
        ({"model_sha256": "0" * 64}, "not the file that its card was written for"),
        ({"price_model": "somebody else"}, "its card somebody else"),
    ],
)
def test_a_card_that_admits_a_fault_is_refused(
    entries: dict[str, object], reason: str, version: Path, sales: Sales, repository: Path
) -> None:
    edit_card(version, **entries)
    with pytest.raises(Refused, match=reason):
        publish_folder(version, sales, repository)


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


def test_a_missing_graph_is_refused(version: Path, sales: Sales) -> None:
    (version / MODEL_FILE).unlink()
    with pytest.raises(Refused, match=r"model\.onnx is missing"):
        check_version(version, sales.table[:10])


def test_a_truncated_graph_is_refused(version: Path, sales: Sales) -> None:
    path = version / MODEL_FILE
    path.write_bytes(path.read_bytes()[:100_000])
    with pytest.raises(Refused, match=r"model\.onnx does not load"):
        check_version(version, sales.table[:10])


def test_a_good_folder_becomes_the_next_version(version: Path, sales: Sales, repository: Path) -> None:
    assert publish_folder(version, sales, repository) == 2
    assert versions(repository / PRICE_MODEL) == [1, 2]
    assert {path.name for path in (repository / PRICE_MODEL / "2").iterdir()} == {MODEL_FILE, CARD_FILE, GATE_FILE}
    assert version.is_dir()


def test_nothing_is_left_beside_the_repository(version: Path, sales: Sales, repository: Path) -> None:
    publish_folder(version, sales, repository)
    remove_newest(repository / PRICE_MODEL)
    left = [path.name for path in (repository.parent / ".staging").iterdir() if path.is_dir()]
    assert left == []


def test_a_repository_never_shows_half_a_version(repository: Path) -> None:
    """Whoever looks at any moment sees a version with all its files, or not at all."""
    model = repository / PRICE_MODEL
    done, halves = threading.Event(), []

    def look() -> None:
        while not done.is_set():
            for number in versions(model):
                present = {path.name for path in (model / str(number)).glob("*")}
                if present and present != {"a", "b"} and number > 1:
                    halves.append(present)

    watcher = threading.Thread(target=look)
    watcher.start()
    for _ in range(50):
        with staged(repository) as area:
            folder = area / "version"
            folder.mkdir()
            (folder / "a").write_bytes(b"1" * 10_000)
            (folder / "b").write_bytes(b"2" * 10_000)
            add(folder, model)
    done.set()
    watcher.join()
    assert halves == []
    assert versions(model) == list(range(1, 52))


def test_two_publishers_never_take_the_same_number(repository: Path) -> None:
    model, numbers = repository / PRICE_MODEL, []

    def publish() -> None:
        for _ in range(20):
            with staged(repository) as area:
                folder = area / "version"
                folder.mkdir()
                numbers.append(add(folder, model))

    publishers = [threading.Thread(target=publish) for _ in range(4)]
    for publisher in publishers:
        publisher.start()
    for publisher in publishers:
        publisher.join()
    assert sorted(numbers) == list(range(2, 82))


def test_rolling_back_removes_the_newest(version: Path, sales: Sales, repository: Path) -> None:
    publish_folder(version, sales, repository)
    assert remove_newest(repository / PRICE_MODEL) == (2, 1)
    assert versions(repository / PRICE_MODEL) == [1]


def test_the_last_version_stays(repository: Path) -> None:
    with pytest.raises(Refused, match="needs an earlier one"):
        remove_newest(repository / PRICE_MODEL)
    assert versions(repository / PRICE_MODEL) == [1]


def test_preprocessing_is_published_once(repository: Path, files: DataFiles) -> None:
    assert publish_preprocessing(repository, files.demographics) is None
    assert versions(repository / PREPROCESSING) == [1]


def test_other_demographics_are_another_preprocessing_version(
    repository: Path, files: DataFiles, tmp_path: Path
) -> None:
    fewer = tmp_path / "fewer.csv"
    fewer.write_text("\n".join(files.demographics.read_text().splitlines()[:-1]))
    assert publish_preprocessing(repository, fewer) == 2


def test_preprocessing_that_cannot_value_the_example_home_is_refused(repository: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken.csv"
    broken.write_text("zipcode,ppltn_qty\n98118,1\n")
    with pytest.raises(Refused, match="does not value the example home"):
        publish_preprocessing(repository, broken)
    assert versions(repository / PREPROCESSING) == [1]


def test_a_repository_with_a_model_is_left_as_it_is(repository: Path, files: DataFiles) -> None:
    before = {path: path.stat().st_mtime_ns for path in repository.rglob("*")}
    ensure(repository, {} if files.standin else {"DATA_DIR": str(files.folder)})
    assert {path: path.stat().st_mtime_ns for path in repository.rglob("*")} == before


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
    edit_card(repository / PRICE_MODEL / "1", data=made_up)
    ensure(repository, {"DATA_DIR": str(real_files.folder)})
    assert versions(repository / PRICE_MODEL) == [1, 2]
    assert not json.loads((repository / PRICE_MODEL / "2" / CARD_FILE).read_text())["data"]["standin"]


def test_an_empty_repository_has_no_example(tmp_path: Path) -> None:
    with pytest.raises(Refused, match="holds no preprocessing version"):
        example(new_repository(tmp_path / "model_repository"))


def test_the_example_home_is_the_documented_one(repository: Path) -> None:
    assert example(repository) == EXAMPLE_HOME


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


def test_what_is_named_like_no_version_is_none(repository: Path) -> None:
    model = repository / PRICE_MODEL
    wrong = ["0", "01", "007", "٣", "12345678901234567890", ".ipynb_checkpoints", "2.bak"]
    for name in wrong:
        shutil.copytree(model / "1", model / name)
    (model / "notes").mkdir()
    assert versions(model) == [1]
    assert misnamed(model) == sorted(wrong)
    with pytest.raises(Refused, match="needs an earlier one"):
        remove_newest(model)
    assert (model / "1").is_dir()


def test_a_start_names_what_is_no_version_and_refuses_what_would_end_the_server(
    repository: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (repository / PRICE_MODEL / "2.bak").mkdir()
    ensure(repository, {})
    assert "price_model/2.bak is no version" in caplog.text
    (repository / PRICE_MODEL / "20261125123000123456").mkdir()
    with pytest.raises(
        Refused, match="price_model/20261125123000123456: a version's folder is a number of one to 9 digits"
    ):
        ensure(repository, {})


def newest_date(model: Path) -> float:
    """Return what Triton compares from poll to poll."""
    return max(path.stat().st_mtime for path in [model, *model.rglob("*")])


def test_a_date_in_the_future_hides_no_later_version_and_no_rollback(
    version: Path, sales: Sales, repository: Path
) -> None:
    model, ahead = repository / PRICE_MODEL, time.time() + 3600
    os.utime(model / "1" / MODEL_FILE, (ahead, ahead))
    os.utime(version / MODEL_FILE, (ahead + 3600, ahead + 3600))
    before = newest_date(model)
    publish_folder(version, sales, repository)
    published = newest_date(model)
    assert before < published < ahead + 3600, "the copy's own date is not kept"
    remove_newest(model)
    assert newest_date(model) > published


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


def test_a_broken_card_is_a_line_and_no_traceback_at_a_start(
    repository: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (repository / PRICE_MODEL / "1" / CARD_FILE).write_text('{"data": 3')
    ensure(repository, {})
    assert "price_model version 1 was not published by this project: card.json is not JSON" in caplog.text


def test_two_publishers_are_judged_one_after_the_other(version: Path, sales: Sales, repository: Path) -> None:
    with ThreadPoolExecutor(2) as pool:
        numbers = list(pool.map(lambda _: publish_folder(version, sales, repository, "again"), range(2)))
    assert sorted(numbers) == [2, 3]
    compared = [Comparison.read(repository / PRICE_MODEL / str(number)) for number in (2, 3)]
    assert all(compared)


def times(graph: onnx.ModelProto, factor: float) -> None:
    """Multiply price and range, as a graph does that was made for thousands of dollars or another currency."""
    for output in ("price", "price_low", "price_high"):
        producer = next(node for node in graph.graph.node if output in node.output)
        producer.output[list(producer.output).index(output)] = f"{output}_before"
        factor_name = f"{output}_factor"
        kind = next(one.type.tensor_type.elem_type for one in graph.graph.output if one.name == output)
        scalar = np.array(factor, onnx.helper.tensor_dtype_to_np_dtype(kind))
        graph.graph.initializer.append(onnx.numpy_helper.from_array(scalar, factor_name))
        graph.graph.node.append(onnx.helper.make_node("Mul", [f"{output}_before", factor_name], [output]))


def reverse_rows(graph: onnx.ModelProto) -> None:
    """Answer a batch's homes in reverse."""
    producer = next(node for node in graph.graph.node if "price" in node.output)
    producer.output[list(producer.output).index("price")] = "price_in_order"
    for name, value in (("starts", [-1]), ("ends", [-(2**31)]), ("axes", [0]), ("steps", [-1])):
        graph.graph.initializer.append(onnx.numpy_helper.from_array(np.array(value, np.int64), name))
    graph.graph.node.append(
        onnx.helper.make_node("Slice", ["price_in_order", "starts", "ends", "axes", "steps"], ["price"])
    )


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda graph: times(graph, 10), r"MdAPE\) is \d+\.\d % .* whatever the reason"),
        (lambda graph: times(graph, 1.2), r"its bias is \d\d\.\d % .* allowed is -10 to 10 %, whatever the reason"),
        (reverse_rows, "depends on the homes that are valued with it|price_low <= price"),
    ],
    ids=["x10", "x1.2", "reversed rows"],
)
def test_no_reason_lets_a_wrong_model_through(
    change: Callable[[onnx.ModelProto], None], reason: str, version: Path, sales: Sales, repository: Path
) -> None:
    rewrite(version, change)
    with pytest.raises(Refused, match=reason):
        publish_folder(version, sales, repository, "the market has changed")
    assert versions(repository / PRICE_MODEL) == [1]
