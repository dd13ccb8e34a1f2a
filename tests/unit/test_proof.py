"""A version that has learned from every sale is judged by what its procedure said before it had seen them."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import numpy.typing as npt
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import helper
from sklearn.model_selection import GroupKFold, cross_val_predict
from sklearn.tree import DecisionTreeRegressor

from conversion import Refused
from conversion.converted import Converted, convert_estimator
from conversion.graph import HIGH, LOW, POINT, PRICE
from conversion.improved import convert_improved
from market_analysis.past_sales import COMPARABLES_FILE
from preprocessing.columns import HOME_COLUMN_NAMES
from publishing.admission import roll_back
from publishing.card import CARD_FILE, PROOF_FILE, Card
from publishing.claims import check_claims
from publishing.comparison import GATE_FILE, Comparison
from publishing.contract import MODEL_FILE
from publishing.examination import Task, findings_of
from publishing.intake import Incomplete, take_in
from publishing.judged import Judged
from publishing.proof_file import read_proof, write_proof
from publishing.publish import publish_converted
from publishing.repository import PRICE_MODEL, served
from publishing.version import write_version
from tests.wrong_versions import constant, edit_card, rewrite
from training.basic import BASIC_COLUMNS, Estimator, pick
from training.improved import ImprovedModel, train_improved
from training.proof import Proof
from training.relative_range import RelativeRange, calibrate
from training.sales import Sales
from training.valuations import Valuations

Floats = npt.NDArray[np.float64]


@pytest.fixture
def converted(improved: ImprovedModel, sales: Sales) -> Converted:
    return convert_improved(improved, sales.table[:200])


@pytest.fixture
def serving(converted: Converted, sales: Sales, repository: Path) -> Path:
    """Let a proven version serve; return its folder."""
    number = publish_converted(converted, sales, repository, "it knows more columns")
    return served(repository) / PRICE_MODEL / str(number)


@pytest.fixture
def version(converted: Converted, sales: Sales, tmp_path: Path) -> Path:
    return written(converted, sales, tmp_path)


def written(converted: Converted, sales: Sales, folder: Path) -> Path:
    version = folder / "version"
    version.mkdir()
    write_version(converted, sales, version)
    return version


def refusal(version: Path, sales: Sales, serving: Path | None = None) -> str:
    return findings_of(Task(version, serving, sales, "whatever")).refusal


def claim(version: Path, proof: Proof) -> None:
    """Put another proof into a version, and have its card vouch for it."""
    write_proof(proof, version)
    rewrite(version, lambda graph: None)


def distinct(proof: Proof) -> int:
    """Count the sales of a proof; the stand-in market has a home that was sold twice on one day."""
    return len({*zip(proof.homes.tolist(), proof.days.tolist(), strict=True)})


def test_a_version_retrained_on_more_sales_is_compared_by_both_proofs(
    serving: Path, improved: ImprovedModel, sales: Sales, repository: Path
) -> None:
    later = train_improved(sales[sales.unexampled[:5_000]], seed=1, rounds=60).at("latest")
    number = publish_converted(convert_improved(later, sales.table[:200]), sales, repository)
    gate = Comparison.read(repository / PRICE_MODEL / str(number))
    assert gate is not None
    assert (gate.sales, gate.certain) == (distinct(improved.proof), True)
    assert gate.basis == "that each valued before it had seen the home"


def test_a_proof_holds_each_sale_that_was_learned_from_and_is_worse_than_the_memory_of_it(
    improved: ImprovedModel, sales: Sales
) -> None:
    rows = sales.unexampled[:4_000]
    proof = improved.proof
    assert proof.homes.tolist() == sales.homes[rows].tolist()
    assert proof.paid.tolist() == sales.prices[rows].tolist()
    remembered = improved.at("average").value(sales.table[rows]).of(proof.paid, proof.homes)
    assert remembered.accuracy.mae < proof.told().accuracy.mae < proof.told(required=True).accuracy.mae
    for required in (False, True):
        assert proof.told(required).coverage == pytest.approx(0.9, abs=0.015)


def test_a_proof_finds_its_sales_in_any_order(improved: ImprovedModel, sales: Sales) -> None:
    shuffled = sales[np.random.default_rng(0).permutation(len(sales))]
    places, rows = improved.proof.among(shuffled)
    assert len(places) == distinct(improved.proof)
    assert (improved.proof.homes[places] == shuffled.homes[rows]).all()
    assert (improved.proof.days[places] == shuffled.days[rows]).all()


# A worse procedure is refused, whatever its proof says.


def leaking() -> DecisionTreeRegressor:
    """Return a model whose target leaks: half of what a leaf says of a sale is that sale's own price."""
    return DecisionTreeRegressor(min_samples_leaf=2, random_state=0)


def remembered(sales: Sales) -> Floats:
    columns = pick(sales.table, BASIC_COLUMNS)
    return np.asarray(leaking().fit(columns, sales.prices).predict(columns))


def out_of_fold(sales: Sales) -> Floats:
    columns = pick(sales.table, BASIC_COLUMNS)
    said = cross_val_predict(leaking(), columns, sales.prices, groups=sales.homes, cv=GroupKFold(5))
    return np.asarray(said, dtype=np.float64)


def leaking_version(sales: Sales, known: Sales, said: Callable[[Sales], Floats], folder: Path) -> Path:
    """Write a version of a model whose target leaks; ``said`` makes the prices [N] of its proof."""
    regressor = leaking().fit(pick(known.table, BASIC_COLUMNS), known.prices)
    converted = convert_estimator(Estimator("leaking", regressor, BASIC_COLUMNS), sales.table[sales.held_out[:200]])
    price = said(known)
    price_range = calibrate(price, known.prices)
    valued = price_range.around(price)
    proof = Proof(known.homes, known.days, known.prices, valued, valued)
    return written(replace(converted, point=with_range(converted.point, price_range), proof=proof), sales, folder)


def with_range(point: onnx.ModelProto, price_range: RelativeRange) -> onnx.ModelProto:
    """Give a converted estimator a range of its own."""
    ranged = onnx.ModelProto()
    ranged.CopyFrom(point)
    kind = point.graph.output[0].type.tensor_type.elem_type
    del ranged.graph.output[:]
    for output, factor in ((PRICE, 1), (LOW, 1 - price_range.below), (HIGH, 1 + price_range.above)):
        name = constant(ranged, f"{output}_times", factor, helper.tensor_dtype_to_np_dtype(kind))
        ranged.graph.node.append(helper.make_node("Mul", [POINT, name], [f"{output}_dollars"]))
        ranged.graph.node.append(helper.make_node("Cast", [f"{output}_dollars"], [output], to=onnx.TensorProto.FLOAT))
        ranged.graph.output.append(helper.make_tensor_value_info(output, onnx.TensorProto.FLOAT, ["N", 1]))
    return ranged


def test_a_target_that_leaks_is_worse_out_of_fold(serving: Path, sales: Sales, tmp_path: Path) -> None:
    version = leaking_version(sales, sales[sales.training], out_of_fold, tmp_path)
    assert Card.read(version).training.mae < Card.read(serving).held_out.mae, "in sample it looks better"
    found = refusal(version, sales, serving)
    assert re.search(r"worse than improved-.* that each valued before it had seen the home", found), found


def test_a_proof_whose_target_leaks_is_told_by_sales_that_it_does_not_list(
    serving: Path, sales: Sales, tmp_path: Path
) -> None:
    version = leaking_version(sales, sales[sales.training], remembered, tmp_path)
    assert Card.read(version).held_out.mae < Card.read(serving).held_out.mae, "it claims to be better"
    assert refusal(version, sales, serving)
    with pytest.raises(Refused, match=r"sales that it does not list .* prices that it claims not to have known"):
        check_claims(Judged.read(version, sales))


def test_a_proof_whose_target_leaks_is_told_by_later_sales(sales: Sales, tmp_path: Path) -> None:
    last = np.sort(sales.days)[len(sales) * 3 // 4]
    version = leaking_version(sales, sales[sales.days <= last], remembered, tmp_path)
    edit_card(version, data={"fingerprint": "other data", "last_sale": str(last)})
    with pytest.raises(Refused, match=rf"sales made after {last} the graph is off by .* not to have known"):
        check_claims(Judged.read(version, sales))


def swapped(one: str, other: str) -> Callable[[onnx.ModelProto], None]:
    """Return what lets a graph read one column for another and the other way round."""

    def swap(graph: onnx.ModelProto) -> None:
        places = next(tensor for tensor in graph.graph.initializer if tensor.name == "home_places")
        order = onnx.numpy_helper.to_array(places).copy()
        pair = [HOME_COLUMN_NAMES.index(name) for name in (one, other)]
        order[pair] = order[pair[::-1]]
        places.CopyFrom(onnx.numpy_helper.from_array(order, places.name))

    return swap


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("sqft_living", "grade"),
        ("grade", "condition"),
        ("bedrooms", "bathrooms"),
        ("sqft_living", "sqft_living15"),
        ("view", "condition"),
    ],
)
def test_a_graph_that_reads_shuffled_columns_is_not_that_of_its_proof(
    version: Path, sales: Sales, one: str, other: str
) -> None:
    """Even of few sales, of which it remembers much, and under a card that vouches for it."""
    rewrite(version, swapped(one, other))
    with pytest.raises(Refused, match="they are not of one model"):
        check_claims(Judged.read(version, sales))


def narrow(valued: Valuations, factor: float = 0.75) -> Valuations:
    """Return ranges that are narrower, as those that are calibrated on errors of sales that were learned from."""
    return replace(
        valued,
        low=valued.price * (valued.low / valued.price) ** factor,
        high=valued.price * (valued.high / valued.price) ** factor,
    )


def test_a_range_that_was_calibrated_in_sample_is_refused(
    improved: ImprovedModel, sales: Sales, tmp_path: Path
) -> None:
    """Its graph may be as narrow: what it says of sales that it has seen hides that."""
    narrower = replace(
        improved,
        range=replace(improved.range, factors=improved.range.factors * 0.75),
        proof=replace(improved.proof, whole=narrow(improved.proof.whole), required=narrow(improved.proof.required)),
    )
    version = written(convert_improved(narrower, sales.table[:200]), sales, tmp_path)
    edit_card(version, price_range=asdict(Card.read(version).price_range) | {"coverage": 0.9, "coverage_required": 0.9})
    found = refusal(version, sales[sales.unexampled[:4_000]])
    assert re.search("share of sale prices within the range is .* says its proof", found), found


def test_a_range_wider_than_that_of_the_graph_is_not_that_of_its_graph(
    improved: ImprovedModel, sales: Sales, tmp_path: Path
) -> None:
    rows = sales.unexampled[:4_000]
    narrower = replace(improved, range=replace(improved.range, factors=improved.range.factors * 0.7))
    version = written(convert_improved(narrower, sales.table[:200]), sales, tmp_path)
    found = refusal(version, sales[rows])
    assert "times as wide as the graph's" in found or "whatever the reason" in found, found


# A proof is what somebody claims.


@pytest.mark.parametrize(
    ("forged", "reason"),
    [
        (lambda proof: replace(proof, paid=proof.whole.price), "paid differs from the price in the file of sales for"),
        (
            lambda proof: replace(proof, homes=proof.homes + 1),
            "sales .* are among those that its card says it was made",
        ),
        (
            lambda proof: replace(proof, whole=closer(proof), required=closer(proof)),
            "yet the graph, which has seen them, is off by|sales that it does not list",
        ),
    ],
    ids=["other prices", "other homes", "too good"],
)
def test_a_forged_proof_is_refused(
    forged: Callable[[Proof], Proof], reason: str, version: Path, improved: ImprovedModel, sales: Sales
) -> None:
    claim(version, forged(improved.proof))
    found = refusal(version, sales)
    assert re.search(reason, found), found


def closer(proof: Proof) -> Valuations:
    """Return valuations that come twice as close to what was paid, with ranges as wide as before."""
    factor = np.sqrt(proof.paid / proof.whole.price)
    return Valuations(proof.whole.price * factor, proof.whole.low * factor, proof.whole.high * factor)


def test_an_index_of_single_days_is_refused(version: Path, sales: Sales) -> None:
    market = Card.read(version).market
    assert market is not None
    days = {str(day): market.factor for day in np.unique(sales.days)}
    edit_card(version, market=asdict(replace(market, levels=days)))
    assert re.search(r"levels of the market for \d+ months of sales", refusal(version, sales))


BROKEN: dict[str, tuple[Callable[[dict[str, Any]], object], str]] = {
    "an array is missing": (lambda arrays: arrays.pop("paid"), r"must hold homes, days, paid, whole, required; found"),
    "fewer prices": (lambda arrays: arrays.update(whole=arrays["whole"][1:]), r"whole must be float32 \[\d+, 3\]"),
    "another type": (lambda arrays: arrays.update(homes=arrays["homes"].astype(float)), "homes must be int64"),
    "no sales": (
        lambda arrays: arrays.update({name: values[:0] for name, values in arrays.items()}),
        "one row or more",
    ),
    "not a number": (lambda arrays: arrays["whole"].__setitem__((0, 1), np.nan), "whole must be 0 < low <= price"),
    "objects": (lambda arrays: arrays.update(homes=np.array([{}] * 3, dtype=object)), "is no proof"),
    "nothing was paid": (lambda arrays: arrays["paid"].__setitem__(0, 0.0), "paid must be above 0"),
}


@pytest.mark.parametrize(("change", "reason"), BROKEN.values(), ids=BROKEN)
def test_a_broken_proof_is_refused(
    change: Callable[[dict[str, Any]], object], reason: str, version: Path, sales: Sales
) -> None:
    with np.load(version / PROOF_FILE) as file:
        arrays = {name: file[name] for name in file.files}
    change(arrays)
    np.savez_compressed(version / PROOF_FILE, **arrays)
    found = refusal(version, sales)
    assert re.search(reason, found), found


@pytest.mark.parametrize("content", [b"", b"PK", b"no archive at all"])
def test_what_is_no_archive_is_no_proof(content: bytes, version: Path, sales: Sales) -> None:
    (version / PROOF_FILE).write_bytes(content)
    assert "proof.npz is no proof" in refusal(version, sales)


@settings(max_examples=20)
@given(seed=st.integers(0, 2**32 - 1), count=st.integers(1, 50))
def test_a_proof_is_read_as_it_was_written(seed: int, count: int, tmp_path_factory: pytest.TempPathFactory) -> None:
    folder, proof = tmp_path_factory.mktemp("proof"), made_up(count, seed)
    write_proof(proof, folder)
    card = cast(Card, SimpleNamespace(files={PROOF_FILE: ""}))
    read = read_proof(folder, card)
    assert read is not None
    for name in ("homes", "days", "paid"):
        assert (getattr(read, name) == getattr(proof, name)).all()
    for ours, theirs in ((read.whole, proof.whole), (read.required, proof.required)):
        for name in ("price", "low", "high"):
            assert getattr(ours, name) == pytest.approx(getattr(theirs, name), rel=1e-6)


def made_up(count: int, seed: int = 0) -> Proof:
    rng = np.random.default_rng(seed)
    paid = rng.integers(75, 7_700, count) * 1_000.0
    price = paid * rng.normal(1, 0.1, count).clip(0.5)
    days = np.datetime64("2014-05-02") + rng.integers(0, 390, count).astype("timedelta64[D]")
    valued = Valuations(price, price * 0.8, price * 1.3)
    return Proof(rng.integers(1, 2**33, count), days, paid, valued, valued)


def test_the_proof_of_a_year_of_sales_is_small(tmp_path: Path) -> None:
    write_proof(made_up(22_000), tmp_path)
    assert (tmp_path / PROOF_FILE).stat().st_size < 1 << 20


# A version that was published before there were proofs.


def test_an_older_version_serves_is_compared_and_rolls_back(
    converted: Converted, sales: Sales, repository: Path
) -> None:
    of_the_firms_sales = train_improved(sales[sales.training[:2_000]], rounds=40).at("latest")
    older = replace(convert_improved(of_the_firms_sales, sales.table[:200]), proof=None)
    number = publish_converted(older, sales, repository, "it knows more columns")
    for folder in (repository, served(repository)):
        path = folder / PRICE_MODEL / str(number) / CARD_FILE
        card = json.loads(path.read_text())
        assert PROOF_FILE not in card["files"]
        card["market"] = {"reference": "2015-05-27", "factor": card["market"]["factor"], "sales": 100}
        path.write_text(json.dumps(card))
    market = Card.read(served(repository) / PRICE_MODEL / str(number)).market
    assert market is not None
    assert (market.valued_for, market.levels) == ("2015-05-27", {})

    newer = publish_converted(converted, sales, repository, "it knows more sales")
    gate = Comparison.read(served(repository) / PRICE_MODEL / str(newer))
    assert gate is not None
    assert gate.sales == len(set(sales.held_out) & set(sales.unexampled[:4_000]))
    assert roll_back(repository) == (newer, number)


def test_a_proof_is_admitted_with_its_version_and_nothing_else_is(serving: Path) -> None:
    assert {path.name for path in serving.iterdir()} == {MODEL_FILE, CARD_FILE, PROOF_FILE, COMPARABLES_FILE, GATE_FILE}
    assert set(Card.read(serving).files) == {MODEL_FILE, PROOF_FILE, COMPARABLES_FILE}


def test_a_proof_that_was_changed_after_its_card_was_written_is_not_taken_in(version: Path, tmp_path: Path) -> None:
    (version / PROOF_FILE).write_bytes((version / PROOF_FILE).read_bytes()[:-1])
    with pytest.raises(Incomplete, match=r"proof\.npz is not the file that its card was written for"):
        take_in(version, tmp_path / "copy")
