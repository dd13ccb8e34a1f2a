"""The sales that travel with a version are a claim: the door believes none that its own file or the proof denies."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from conversion import Refused
from conversion.improved import convert_improved
from market_analysis.past_sales import COMPARABLES_FILE
from publishing.card import CARD_FILE, Card
from publishing.comparables_file import check_comparables
from publishing.examination import Task, findings_of
from publishing.judged import Judged
from publishing.repository import PRICE_MODEL, served
from publishing.version import write_version
from training.improved import ImprovedModel
from training.sales import Sales

Arrays = dict[str, Any]


@pytest.fixture(scope="module")
def proven(improved: ImprovedModel, sales: Sales, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write a version with a proof; leave it as it is."""
    folder = tmp_path_factory.mktemp("proven")
    write_version(convert_improved(improved, sales.table[:200]), sales, folder)
    return folder


@pytest.fixture(scope="module")
def judged(proven: Path, sales: Sales) -> Judged:
    return Judged.read(proven, sales)


@pytest.fixture(scope="module")
def kept_from(published: tuple[Path, Card], sales: Sales) -> tuple[Path, Judged]:
    """Return a version without a proof, which was kept from the sales that the firm holds out."""
    folder = served(published[0]) / PRICE_MODEL / "1"
    return folder, Judged.read(folder, sales)


def forged(version: Path, change: Callable[[Arrays], object], folder: Path) -> Path:
    """Return a folder with the comparables of a version, changed."""
    with np.load(version / COMPARABLES_FILE) as file:
        arrays = {name: file[name] for name in file.files}
    change(arrays)
    np.savez_compressed(folder / COMPARABLES_FILE, **arrays)
    return folder


def test_what_publishing_writes_is_let_through(
    proven: Path, judged: Judged, kept_from: tuple[Path, Judged], improved: ImprovedModel
) -> None:
    check_comparables(proven, judged)
    check_comparables(*kept_from)
    with np.load(proven / COMPARABLES_FILE) as file:
        assert len(file["ids"]) == len({*zip(improved.proof.homes, improved.proof.days, strict=True)})


def scaled(name: str, factor: float) -> Callable[[Arrays], None]:
    def change(arrays: Arrays) -> None:
        arrays[name] = (arrays[name] * factor).astype(arrays[name].dtype)

    return change


def rolled(name: str) -> Callable[[Arrays], None]:
    return lambda arrays: arrays.update({name: np.roll(arrays[name], 1, axis=0)})


FORGED: dict[str, tuple[Callable[[Arrays], object], str]] = {
    "prices times ten": (scaled("paid", 10), "price or columns differ from the file of sales for"),
    "valuations times ten": (scaled("valued", 10), "valuations are not what the version said"),
    "swapped valuations": (rolled("valued"), "valuations are not what the version said"),
    "swapped homes": (rolled("homes"), "price or columns differ from the file of sales for"),
    "other sales": (lambda arrays: arrays.update(ids=arrays["ids"] + 1), "sales .* are among those"),
    "other days": (lambda arrays: arrays.update(days=arrays["days"] + 4_000), "sales .* are among those"),
    "no number": (lambda arrays: arrays["valued"].__setitem__((0, 1), np.nan), "valued must be 0 < low <= price"),
    "no limit": (lambda arrays: arrays["paid"].__setitem__(0, np.inf), "valued must be .* all finite"),
    "nothing paid": (lambda arrays: arrays["paid"].__setitem__(0, 0.0), "paid must be above 0"),
    "an impossible home": (lambda arrays: arrays["homes"].__setitem__((0, 0), 1e9), "bedrooms is 1e\\+09 for a home"),
    "a home on no map": (lambda arrays: arrays["homes"].__setitem__(0, np.nan), "bedrooms is nan for a home"),
    "fewer prices": (lambda arrays: arrays.update(paid=arrays["paid"][1:]), r"paid must be float64 \[\d+\]"),
    "another type": (lambda arrays: arrays.update(ids=arrays["ids"].astype(float)), "ids must be int64"),
    "one column less": (lambda arrays: arrays.update(homes=arrays["homes"][:, 1:]), r"homes must be .*\[\d+, 18\]"),
    "no sales": (lambda arrays: arrays.update({k: v[:0] for k, v in arrays.items()}), "1 to 200,000 rows"),
    "an array more": (lambda arrays: arrays.update(more=arrays["paid"]), "must hold .*; found .*more"),
    "pickled objects": (lambda arrays: arrays.update(ids=np.array([{}] * 3, dtype=object)), "holds no sales"),
}


@pytest.mark.parametrize(("change", "reason"), FORGED.values(), ids=FORGED)
def test_forged_sales_are_refused(
    change: Callable[[Arrays], object], reason: str, proven: Path, judged: Judged, tmp_path: Path
) -> None:
    with pytest.raises(Refused, match=reason):
        check_comparables(forged(proven, change, tmp_path), judged)


@pytest.mark.parametrize("content", [b"", b"PK", b"no archive at all"])
def test_what_is_no_archive_holds_no_sales(content: bytes, judged: Judged, tmp_path: Path) -> None:
    (tmp_path / COMPARABLES_FILE).write_bytes(content)
    with pytest.raises(Refused, match="holds no sales"):
        check_comparables(tmp_path, judged)


def test_sales_that_a_model_knows_too_well_are_refused(
    kept_from: tuple[Path, Judged], sales: Sales, tmp_path: Path
) -> None:
    """Without a proof, only the held-out sales were valued before they were seen."""

    def learned(arrays: Arrays) -> None:
        row = sales.training[0]
        arrays["ids"][0], arrays["paid"][0], arrays["homes"][0] = (
            sales.homes[row],
            sales.prices[row],
            sales.table[row, :18],
        )
        arrays["days"][0] = sales.days[row].astype("datetime64[D]").astype(np.int32)

    version, judged = kept_from
    with pytest.raises(Refused, match="no sales but those that the firm holds out"):
        check_comparables(forged(version, learned, tmp_path), judged)


def test_the_sales_of_another_version_are_refused(proven: Path, judged: Judged, kept_from: tuple[Path, Judged]) -> None:
    with pytest.raises(Refused, match=f"{COMPARABLES_FILE}: .*"):
        check_comparables(kept_from[0], judged)
    with pytest.raises(Refused, match=f"{COMPARABLES_FILE}: .*"):
        check_comparables(proven, kept_from[1])


def test_the_door_looks_at_them_and_a_version_without_any_passes(proven: Path, sales: Sales, tmp_path: Path) -> None:
    version = Path(shutil.copytree(proven, tmp_path / "version"))
    forged(proven, scaled("paid", 10), version)
    found = findings_of(Task(version, None, sales, "whatever")).refusal
    assert re.search("price or columns differ from the file of sales", found), found
    (version / COMPARABLES_FILE).unlink()
    card = json.loads((version / CARD_FILE).read_text())
    del card["files"][COMPARABLES_FILE]
    (version / CARD_FILE).write_text(json.dumps(card))
    assert findings_of(Task(version, None, sales, "whatever")).refusal == ""


def test_a_few_corrected_sales_are_no_forgery(proven: Path, judged: Judged, sales: Sales) -> None:
    prices = sales.prices.copy()
    prices[:20] += 1_000
    check_comparables(proven, replace(judged, sales=replace(sales, prices=prices)))
