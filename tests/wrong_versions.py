"""Wrong versions of the price model, each as somebody may drop it, and a word of what the operator must be told."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from conversion.graph import FEATURES, run, session
from publishing.card import CARD_FILE
from publishing.contract import MODEL_FILE

PRICES = ("price", "price_low", "price_high")

Change = Callable[[onnx.ModelProto], None]


def rewrite(version: Path, change: Change) -> None:
    """Change a version's graph, and have its card vouch for it."""
    graph = onnx.load_model(version / MODEL_FILE)
    change(graph)
    vouch(version, graph.SerializeToString())


def vouch(version: Path, content: bytes) -> None:
    """Put this graph into a version, with a card that was forged for it: file and example homes agree."""
    (version / MODEL_FILE).write_bytes(content)
    digests = {name: hashlib.sha256((version / name).read_bytes()).hexdigest() for name in card_files(version)}
    edit_card(version, files=digests, examples=answered(content, version))


def card_files(version: Path) -> list[str]:
    """Return the names of the files that a version's card names."""
    return list(json.loads((version / CARD_FILE).read_text())["files"])


def answered(graph: bytes, version: Path) -> list[dict[str, Any]]:
    """Return the card's example homes with what this graph answers for them; as they are where it answers nothing."""
    examples: list[dict[str, Any]] = json.loads((version / CARD_FILE).read_text())["examples"]
    if b"endless" in graph or b"enormous" in graph:
        return examples
    table = np.array([home["features"] for home in examples], dtype=np.float32)
    try:
        answers = run(session(graph), table)
        prices = [{name: float(answers[name][row]) for name in PRICES} for row in range(len(table))]
        return [home | answer for home, answer in zip(examples, prices, strict=True)]
    except Exception:  # a broken graph is what the tests are about
        return examples


def edit_card(version: Path, **entries: Any) -> None:
    """Change entries of a card: of a section only the named ones, unless it is emptied."""
    card = json.loads((version / CARD_FILE).read_text())
    for name, value in entries.items():
        card[name] = {**card[name], **value} if isinstance(value, dict) and value else value
    (version / CARD_FILE).write_text(json.dumps(card))


def insert(graph: onnx.ModelProto, operator: str, inputs: Sequence[str], outputs: Sequence[str] = PRICES) -> None:
    """Put an operator between each of these outputs and what made it; ``before`` among the inputs stands for that."""
    for output in outputs:
        producer = next(node for node in graph.graph.node if output in node.output)
        producer.output[list(producer.output).index(output)] = f"{output}_before"
        given = [f"{output}_before" if name == "before" else name for name in inputs]
        graph.graph.node.append(helper.make_node(operator, given, [output]))


def constant(graph: onnx.ModelProto, name: str, value: Any, dtype: Any = np.float32) -> str:
    graph.graph.initializer.append(numpy_helper.from_array(np.array(value, dtype), name))
    return name


def times(graph: onnx.ModelProto, factor: float) -> None:
    """Multiply price and range, as a graph does that was made for thousands of dollars or another currency."""
    insert(graph, "Mul", ["before", constant(graph, "factor", factor)])


def reverse_rows(graph: onnx.ModelProto) -> None:
    """Answer a batch's homes in reverse: each price is right, and another caller's."""
    names = [constant(graph, name, [value], np.int64) for name, value in _REVERSE.items()]
    insert(graph, "Slice", ["before", *names])


_REVERSE = {"starts": -1, "ends": -(2**31), "axes": 0, "steps": -1}


def one_price(graph: onnx.ModelProto) -> None:
    """Answer the mean price of the batch for each of its homes."""
    zero = constant(graph, "zero", 0.0)
    for output in PRICES:
        producer = next(node for node in graph.graph.node if output in node.output)
        producer.output[list(producer.output).index(output)] = f"{output}_each"
        graph.graph.node.extend(
            [
                helper.make_node("ReduceMean", [f"{output}_each"], [f"{output}_mean"], axes=[0], keepdims=1),
                helper.make_node("Mul", [f"{output}_each", zero], [f"{output}_none"]),
                helper.make_node("Add", [f"{output}_none", f"{output}_mean"], [output]),
            ]
        )


def not_a_number_without_a_grade(graph: onnx.ModelProto) -> None:
    """Answer NaN for a home whose grade is not given, and the right price for others."""
    column = constant(graph, "column", [8], np.int64)
    zero = constant(graph, "zero", 0.0)
    graph.graph.node.extend(
        [
            helper.make_node("Gather", [FEATURES, column], ["grade"], axis=1),
            helper.make_node("Mul", ["grade", zero], ["nothing"]),
        ]
    )
    insert(graph, "Add", ["before", "nothing"])


def permute(graph: onnx.ModelProto) -> None:
    """Read the columns in another order."""
    _change_places(graph, lambda values: values[::-1].copy())


def fail_at_a_home(graph: onnx.ModelProto) -> None:
    """Load, have the right tensors, and fail at the first home: reads beyond the 44 features."""
    _change_places(graph, lambda values: np.array([*values[:-1], 99]))


def _change_places(graph: onnx.ModelProto, change: Callable[[Any], Any]) -> None:
    places = next(tensor for tensor in graph.graph.initializer if tensor.name == "places")
    places.CopyFrom(numpy_helper.from_array(change(numpy_helper.to_array(places)), "places"))


def ask_for_terabytes(graph: onnx.ModelProto) -> None:
    shape = constant(graph, "enormous", [2_000_000, 1_000_000], np.int64)
    graph.graph.node.extend(
        [
            helper.make_node("ConstantOfShape", [shape], ["much"]),
            helper.make_node("ReduceMax", ["much"], ["nothing"], keepdims=0),
        ]
    )
    insert(graph, "Add", ["before", "nothing"])


def never_end(graph: onnx.ModelProto) -> None:
    """Value every home in a loop of 2^62 rounds."""
    kinds = {"round": TensorProto.INT64, "on": TensorProto.BOOL, "sum": TensorProto.FLOAT}
    ins = [helper.make_tensor_value_info(name, kind, []) for name, kind in kinds.items()]
    outs = [
        helper.make_tensor_value_info("still_on", TensorProto.BOOL, []),
        helper.make_tensor_value_info("next_sum", TensorProto.FLOAT, []),
    ]
    nodes = [helper.make_node("Identity", ["on"], ["still_on"]), helper.make_node("Sin", ["sum"], ["next_sum"])]
    rounds = constant(graph, "endless", 2**62, np.int64)
    yes, start = constant(graph, "yes", True, np.bool_), constant(graph, "start", 0.0)
    body = helper.make_graph(nodes, "body", ins, outs)
    graph.graph.node.append(helper.make_node("Loop", [rounds, yes, start], ["nothing"], body=body))
    insert(graph, "Add", ["before", "nothing"])


def of_a_newer_onnx(graph: onnx.ModelProto) -> None:
    graph.ir_version = 999


def with_operators_of_its_own(graph: onnx.ModelProto) -> None:
    graph.opset_import.append(helper.make_opsetid("com.example", 1))
    graph.graph.node.append(helper.make_node("Magic", [FEATURES], ["magic"], domain="com.example"))


def with_weights_elsewhere(graph: onnx.ModelProto) -> None:
    tensor = next(one for one in graph.graph.initializer if one.name == "places")
    tensor.data_location = TensorProto.EXTERNAL
    entry = tensor.external_data.add()
    entry.key, entry.value = "location", "weights.bin"


def without_an_output(graph: onnx.ModelProto) -> None:
    del graph.graph.output[1]


def narrower(graph: onnx.ModelProto) -> None:
    graph.graph.input[0].type.tensor_type.shape.dim[1].dim_value = 43


def of_another_type(graph: onnx.ModelProto) -> None:
    name = "price_high"  # no other step reads it
    insert(graph, "Cast", ["before"], [name])
    graph.graph.node[-1].attribute.append(helper.make_attribute("to", TensorProto.DOUBLE))
    (answered,) = (output for output in graph.graph.output if output.name == name)
    answered.type.tensor_type.elem_type = TensorProto.DOUBLE


def upside_down(graph: onnx.ModelProto) -> None:
    insert(graph, "Mul", ["before", constant(graph, "half", 0.5)], ["price_high"])


def vouched(change: Change) -> Callable[[Path], None]:
    return lambda version: rewrite(version, change)


def permuted_under_its_old_card(version: Path) -> None:
    examples = json.loads((version / CARD_FILE).read_text())["examples"]
    rewrite(version, permute)
    edit_card(version, examples=examples)


def of_random_bytes(version: Path) -> None:
    (version / MODEL_FILE).write_bytes(os.urandom(100_000))


def of_vouched_random_bytes(version: Path) -> None:
    vouch(version, b"\xff" * 100_000)


def cut_off(name: str) -> Callable[[Path], None]:
    def cut(version: Path) -> None:
        content = (version / name).read_bytes()
        (version / name).write_bytes(content[: len(content) // 2])

    return cut


def without(name: str) -> Callable[[Path], None]:
    return lambda version: (version / name).unlink()


def empty(version: Path) -> None:
    for path in version.iterdir():
        path.unlink()


def with_a_folder_as_its_graph(version: Path) -> None:
    (version / MODEL_FILE).unlink()
    (version / MODEL_FILE).mkdir()


def with_a_link_as_its_graph(version: Path) -> None:
    (version / MODEL_FILE).rename(version.parent / f"{version.name}.graph")
    (version / MODEL_FILE).symlink_to(version.parent / f"{version.name}.graph")


def with_a_pipe_as_its_graph(version: Path) -> None:
    (version / MODEL_FILE).unlink()
    os.mkfifo(version / MODEL_FILE)


def a_link(version: Path) -> None:
    elsewhere = version.with_name(f"{version.name}.elsewhere")
    version.rename(elsewhere)
    version.symlink_to(elsewhere)


def with_another_file(version: Path) -> None:
    (version / "weights.bin").write_bytes(b"0" * 100)


def of_a_huge_file(version: Path) -> None:
    with (version / MODEL_FILE).open("wb") as file:
        file.truncate(300 << 20)


def with_a_path_in_its_card(version: Path) -> None:
    edit_card(version, files={"../1/card.json": "0" * 64})


def with_an_older_card(version: Path) -> None:
    card = json.loads((version / CARD_FILE).read_text())
    del card["examples"]
    (version / CARD_FILE).write_text(json.dumps(card))


WRONG: dict[str, tuple[Callable[[Path], object], str]] = {
    "graph cut off": (cut_off(MODEL_FILE), "incomplete: model.onnx is not the file"),
    "graph missing": (without(MODEL_FILE), "incomplete: model.onnx is missing"),
    "random bytes": (of_random_bytes, "incomplete: model.onnx is not the file"),
    "empty": (empty, "incomplete: card.json is missing"),
    "no card": (without(CARD_FILE), "incomplete: card.json is missing"),
    "card cut off": (cut_off(CARD_FILE), "incomplete: card.json is not JSON"),
    "older card": (with_an_older_card, "card.json lacks examples"),
    "path in the card": (with_a_path_in_its_card, "no plain name"),
    "folder as graph": (with_a_folder_as_its_graph, "model.onnx is not a plain file"),
    "link as graph": (with_a_link_as_its_graph, "model.onnx is not a plain file"),
    "pipe as graph": (with_a_pipe_as_its_graph, "model.onnx is not a plain file"),
    "folder is a link": (a_link, "it is a symbolic link"),
    "another file": (with_another_file, "it holds weights.bin"),
    "huge file": (of_a_huge_file, "at most 268,435,456 are allowed"),
    "vouched random bytes": (of_vouched_random_bytes, "is no ONNX model"),
    "newer ONNX": (vouched(of_a_newer_onnx), "does not load"),
    "operators of its own": (vouched(with_operators_of_its_own), "uses operators of com.example"),
    "weights elsewhere": (vouched(with_weights_elsewhere), "keeps places in another file"),
    "output missing": (vouched(without_an_output), "outputs must be"),
    "43 features": (vouched(narrower), r"input features must be tensor\(float\) \[N,44\]"),
    "another type": (vouched(of_another_type), r"output price_high must be tensor\(float\)"),
    "another's name": (lambda version: edit_card(version, price_model="somebody-else"), "its card somebody-else"),
    "permuted under its old card": (permuted_under_its_old_card, "does not belong to its card"),
    "permuted": (vouched(permute), "whatever the reason|worse than"),
    "NaN": (vouched(lambda graph: times(graph, float("nan"))), "outputs are not finite"),
    "NaN without a grade": (vouched(not_a_number_without_a_grade), "not finite for a home with only the required"),
    "negative": (vouched(lambda graph: times(graph, -1.0)), "0 < price_low"),
    "range upside down": (vouched(upside_down), "price <= price_high does not hold"),
    "price x10": (vouched(lambda graph: times(graph, 10.0)), "whatever the reason"),
    "price x1.15": (vouched(lambda graph: times(graph, 1.15)), "whatever the reason|worse than"),
    "rows reversed": (vouched(reverse_rows), "depends on the homes that are valued with it"),
    "one price for all": (vouched(one_price), "depends on the homes that are valued with it"),
    "fails at a home": (vouched(fail_at_a_home), "does not value a home"),
    "asks for terabytes": (vouched(ask_for_terabytes), "does not value a home|ended by|memory"),
    "never ends": (vouched(never_end), "s of processor time"),
}
"""By name: what is done to a copy of a good version, and the reason that must be given, as a pattern."""

NO_VERSIONS = ("0", "01", "٣", "12345678901234567890", "lost+found", "2.bak", ".ipynb_checkpoints")
"""Names of folders that are no version anywhere."""


def prepare(name: str, good: Path, folder: Path) -> Path:
    """Make a wrong version in a new folder, from a good one; return it."""
    shutil.copytree(good, folder)
    WRONG[name][0](folder)
    return folder
