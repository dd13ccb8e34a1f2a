"""A new version takes over only from one that it does not make worse."""

from __future__ import annotations

import json
import os
import pty
import shutil
import subprocess
import sys
from contextlib import suppress
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest
from sklearn.neighbors import KNeighborsRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import RobustScaler

from conversion import Refused
from conversion.converted import convert_estimator
from conversion.improved import convert_improved
from data.files import DATA_DIR, DataError, DataFiles
from data.standin import standin_data
from publishing.admission import refuse_early
from publishing.card import CARD_FILE, Card
from publishing.comparison import Comparison, Difference
from publishing.gate import FEWEST_COMPARED, basis, compare, judge
from publishing.judged import Judged
from publishing.publish import asks_for_reason, publish_converted, publish_folder, publish_trained
from publishing.repository import PRICE_MODEL, new_repository, served, versions
from tests.conftest import ROOT, copied
from training import Kind
from training.basic import BASIC_COLUMNS, Estimator, pick, train_basic
from training.improved import ImprovedModel
from training.sales import Sales, with_sales


@pytest.fixture
def repository(published: tuple[Path, Card], tmp_path: Path) -> Path:
    return copied(published[0], tmp_path / "own")


def neighbours(sales: Sales, count: int, columns: tuple[str, ...] = BASIC_COLUMNS) -> Estimator:
    regressor = make_pipeline(RobustScaler(), KNeighborsRegressor(n_neighbors=count))
    regressor.fit(pick(sales.table[sales.training], columns), sales.prices[sales.training])
    return Estimator("challenger", regressor, columns)


def publish(estimator: Estimator, sales: Sales, repository: Path, accept: str = "") -> int:
    return publish_converted(convert_estimator(estimator, sales.table[sales.held_out]), sales, repository, accept)


def test_the_same_model_trained_again_is_published(sales: Sales, repository: Path) -> None:
    assert publish(train_basic(sales[sales.training]), sales, repository) == 2
    gate = Comparison.read(repository / PRICE_MODEL / "2")
    assert gate is not None
    assert (gate.sales, gate.basis, gate.certain) == (len(sales.held_out), "held out from both", True)
    assert gate.all_columns.difference == pytest.approx(0, abs=0.01)  # dollars
    assert gate.moved == 0


def test_a_comparison_made_elsewhere_stays_there(sales: Sales, repository: Path, tmp_path: Path) -> None:
    """A version that was compared in one repository is the first of another."""
    assert publish(train_basic(sales[sales.training]), sales, repository) == 2
    other = new_repository(tmp_path / "other" / "model_repository")
    assert publish_folder(repository / PRICE_MODEL / "2", sales, other) == 1
    assert Comparison.read(other / PRICE_MODEL / "1") is None


def test_the_first_version_was_compared_with_none(repository: Path) -> None:
    assert Comparison.read(repository / PRICE_MODEL / "1") is None


def test_a_better_model_is_published_once_its_prices_are_accepted(
    improved: ImprovedModel, sales: Sales, repository: Path
) -> None:
    converted = convert_improved(improved, sales.table[sales.held_out])
    assert converted.parity.differing == 0
    with pytest.raises(Refused, match=r"changes the price of \d+% of the example homes .* --accept"):
        publish_converted(converted, sales, repository)
    assert versions(repository / PRICE_MODEL) == [1]

    assert publish_converted(converted, sales, repository, "it knows grade, view and location") == 2
    card = Card.read(repository / PRICE_MODEL / "2")
    assert card.price_model.startswith("improved-")
    assert card.held_out.mae < card.held_out_required.mae
    assert card.market == improved.market
    assert card.held_out.sales == len(improved.proof)
    assert card.training.sales == len(improved.proof.among(sales)[1])
    assert card.training.mae < card.held_out.mae
    gate = Comparison.read(repository / PRICE_MODEL / "2")
    assert gate is not None
    assert gate.accepted == "it knows grade, view and location"
    assert gate.all_columns.high < 0


def test_a_worse_model_is_refused(sales: Sales, repository: Path) -> None:
    with pytest.raises(Refused, match=r"worse than basic.*mean absolute error .* higher"):
        publish(neighbours(sales, 500), sales, repository, "whatever")
    assert versions(repository / PRICE_MODEL) == [1]


def test_a_model_trained_with_shuffled_columns_is_refused(sales: Sales, repository: Path) -> None:
    """It reads its columns in another order than it was trained on: its graph is valid, its prices are wrong."""
    order = np.random.default_rng(1).permutation(len(BASIC_COLUMNS))
    shuffled = neighbours(sales, 5, tuple(BASIC_COLUMNS[place] for place in order))
    wrong = replace(shuffled, columns=BASIC_COLUMNS)
    wrong.regressor.steps[0][1].feature_names_in_ = np.array(BASIC_COLUMNS, dtype=object)
    with pytest.raises(Refused, match=r"median error \(MdAPE\) is .* whatever the reason"):
        publish(wrong, sales, repository, "whatever")


def test_a_range_of_raw_quantiles_is_refused(improved: ImprovedModel, sales: Sales, repository: Path) -> None:
    """Without the conformal correction a range is too narrow."""
    narrow = replace(improved, range=replace(improved.range, factors=improved.range.factors * 0.6))
    with pytest.raises(Refused, match=r"share of sale prices within the range is .* whatever the reason"):
        publish_converted(convert_improved(narrow, sales.table[sales.held_out]), sales, repository, "whatever")


def say_of_real_sales(repository: Path) -> None:
    """Let the card of the version that serves tell of real sales, whatever market the tests run on."""
    path = served(repository) / PRICE_MODEL / "1" / CARD_FILE
    card = json.loads(path.read_text())
    path.write_text(json.dumps({**card, "data": {**card["data"], "standin": False}}))


def test_made_up_prices_never_take_the_place_of_real_ones(sales: Sales, repository: Path) -> None:
    made_up = replace(sales, summary=replace(sales.summary, standin=True))
    say_of_real_sales(repository)
    with pytest.raises(Refused, match=r"with the stand-in market alone nothing replaces basic.* set DATA_DIR"):
        publish(train_basic(sales[sales.training]), made_up, repository, "whatever")
    assert versions(repository / PRICE_MODEL) == [1]


@pytest.fixture
def known(published: tuple[Path, Card], sales: Sales) -> Judged:
    """Return a version made from today's data, without a proof."""
    found = Judged.read(published[0] / PRICE_MODEL / "1", sales)
    return replace(found, card=replace(found.card, price_model="basic-1"))


def of_other_data(known: Judged, last: object) -> Judged:
    data = replace(known.card.data, fingerprint="other data", last_sale=str(last))
    return replace(known, card=replace(known.card, data=data))


def older(known: Judged, sales: Sales, later: int) -> Judged:
    """Return a version of other data: at most ``later`` of today's held-out sales are after its last."""
    return of_other_data(known, np.sort(sales.days[sales.held_out])[-later - 1])


def test_versions_of_other_data_are_compared_on_held_out_sales_after_the_last_that_they_know(
    known: Judged, sales: Sales
) -> None:
    serving = older(known, sales, 2 * FEWEST_COMPARED)
    found = basis(known, serving, sales)
    assert found.certain and found.market == "served"
    assert FEWEST_COMPARED <= len(found.rows) <= 2 * FEWEST_COMPARED
    assert set(found.rows) < set(sales.held_out)
    assert (sales.days[found.rows] > np.datetime64(serving.card.data.last_sale)).all()
    assert f"sold after {serving.card.data.last_sale}, the last day that basic-1 knows" in found.words


def test_a_challenger_of_other_data_is_not_compared_on_what_it_may_know(known: Judged, sales: Sales) -> None:
    """A folder from another repository: neither it nor the serving version was kept from today's held-out sales."""
    early, late = (older(known, sales, times * FEWEST_COMPARED) for times in (4, 1))
    found = basis(late, early, sales)
    assert found.certain
    assert (sales.days[found.rows] > np.datetime64(late.card.data.last_sale)).all()
    assert len(found.rows) > len(set(found.rows) & set(sales.held_out))


def test_with_too_few_later_sales_the_comparison_says_what_it_is_worth(known: Judged, sales: Sales) -> None:
    other = of_other_data(known, sales.summary.last_sale)
    found = basis(known, other, sales)
    assert not found.certain
    assert found.rows.tolist() == sales.held_out.tolist()
    assert "may have been trained on some of them" in found.words
    assert f"only 0 were sold after {sales.summary.last_sale}, and {FEWEST_COMPARED} are needed" in found.words


def test_later_sales_are_valued_as_served_others_at_the_average_market(
    known: Judged, sales: Sales, repository: Path, tmp_path: Path
) -> None:
    """Both have the same graph; the challenger's card claims that a third of its price is the rise of the market."""
    serving, challenger = repository / PRICE_MODEL / "1", tmp_path / "challenger"
    shutil.copytree(serving, challenger)
    edit(challenger, market={"reference": sales.summary.last_sale, "factor": 1.5, "sales": 100})
    assert compare(challenger, serving, sales).all_columns.difference > 0
    edit(serving, data=asdict(older(known, sales, 2 * FEWEST_COMPARED).card.data))
    assert compare(challenger, serving, sales).all_columns.difference == pytest.approx(0, abs=0.01)


def edit(version: Path, **entries: object) -> None:
    path = version / CARD_FILE
    path.write_text(json.dumps({**json.loads(path.read_text()), **entries}))


@pytest.mark.parametrize("kind", ["basic", "improved"])
def test_nothing_is_trained_for_a_version_that_is_refused_anyway(
    kind: Kind, sales: Sales, repository: Path, caplog: pytest.LogCaptureFixture
) -> None:
    say_of_real_sales(repository)
    made_up = replace(sales, summary=replace(sales.summary, standin=True))
    with caplog.at_level("INFO"), pytest.raises(Refused, match="nothing replaces basic"):
        publish_trained(kind, made_up, repository)
    assert "training" not in caplog.text


def test_too_few_sales_are_refused_before_training(
    sales: Sales, repository: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A file of only one month's new sales is an example."""
    few = sales[:999]
    with caplog.at_level("INFO"), pytest.raises(Refused, match=r"999 sales are too few .* not only the new ones"):
        publish_trained("basic", few, repository)
    assert "training" not in caplog.text


def test_sales_from_beside_the_stamp_of_the_stand_in_market_are_made_up(tmp_path: Path) -> None:
    standin = standin_data()
    assert with_sales(DataFiles(tmp_path, standin=False), standin.sales).standin


def test_a_missing_file_of_sales_is_named(tmp_path: Path, files: DataFiles) -> None:
    with pytest.raises(DataError, match=r"new\.csv is no file"):
        with_sales(files, tmp_path / "new.csv")


SAME = Difference(100_000, 100_000, 0, -500, 500)
FINE = Comparison(
    "basic-1", "basic-2", 5_404, "held out", True, SAME, SAME, moved=0.0, largest_move=0.0, speed_ratio=1.0
)


def test_a_challenger_that_changes_little_passes() -> None:
    judge(FINE)
    judge(replace(FINE, moved=0.1, speed_ratio=4.0))


@pytest.mark.parametrize(
    ("comparison", "reason"),
    [
        (replace(FINE, speed_ratio=4.1), "slow: it takes 4.1 times as long"),
        (replace(FINE, moved=0.11), "changes the price of 11% of the example homes"),
        (replace(FINE, all_columns=Difference(1e5, 1.1e5, 1e4, 1, 2e4)), "with all columns given"),
        (replace(FINE, required_columns=Difference(1e5, 1.1e5, 1e4, 1, 2e4)), "with only required columns given"),
    ],
)
def test_each_reason_to_refuse(comparison: Comparison, reason: str) -> None:
    with pytest.raises(Refused, match=reason):
        judge(comparison)


def test_a_reason_helps_where_the_serving_version_may_know_the_sales() -> None:
    doubtful = replace(FINE, certain=False, all_columns=Difference(1e5, 1.1e5, 1e4, 1, 2e4))
    with pytest.raises(Refused, match=r"bring later sales, or publish with --accept"):
        judge(doubtful)
    judge(replace(doubtful, accepted="it serves what it was trained on"))
    with pytest.raises(Refused, match="worse than basic-1"):
        judge(replace(doubtful, certain=True, accepted="whatever"))


@pytest.mark.parametrize("terminal", [False, True])
def test_a_model_of_another_kind_needs_a_reason_before_it_is_trained(
    terminal: bool, repository: Path, files: DataFiles
) -> None:
    """It is asked for where somebody can answer; an empty answer is no reason."""
    ours, theirs = pty.openpty()
    with os.fdopen(ours, "wb", buffering=0) as keyboard, os.fdopen(theirs, "rb", buffering=0) as stdin:
        keyboard.write(b"\n")
        done = subprocess.run(
            [sys.executable, "-m", "publishing", "publish", "--repository", str(repository)],
            cwd=ROOT,
            env={**os.environ, DATA_DIR: str(files.folder)},
            stdin=stdin if terminal else subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
    assert done.returncode == 1
    assert "say why" in done.stderr
    assert ("Why?" in done.stdout) == terminal
    assert "training" not in done.stderr
    assert versions(repository / PRICE_MODEL) == [1]


def test_a_model_of_the_same_kind_needs_no_reason(repository: Path, files: DataFiles) -> None:
    assert asks_for_reason("basic", files.standin, repository) is None
    assert asks_for_reason("improved", not files.standin, repository) is None


def test_only_a_change_of_prices_can_be_accepted() -> None:
    judge(replace(FINE, moved=0.5, accepted="new grades"))
    with pytest.raises(Refused, match="slow"):
        judge(replace(FINE, speed_ratio=9, accepted="new grades"))


def test_of_two_publishers_the_second_is_judged_against_the_first(sales: Sales, repository: Path) -> None:
    """One is placed while the other is examined: that one was compared with a version that no longer serves."""
    homes = sales.table[sales.held_out]
    slow, quick = (convert_estimator(neighbours(sales, count), homes) for count in (6, 5))
    compared: list[str] = []

    def publish_the_other(comparison: Comparison) -> None:
        compared.append(comparison.serving)
        if len(compared) == 1:
            assert publish_converted(quick, sales, repository) == 2

    # Whether it is better or worse than the other differs between markets, and is not what is asked here.
    with suppress(Refused):
        publish_converted(slow, sales, repository, "", publish_the_other)
    assert compared == [Card.read(repository / PRICE_MODEL / number).price_model for number in "12"]


def test_made_up_prices_replace_no_real_ones_below_a_broken_card(repository: Path) -> None:
    say_of_real_sales(repository)
    (served(repository) / PRICE_MODEL / "2").mkdir()
    with pytest.raises(Refused, match="with the stand-in market alone nothing replaces"):
        refuse_early(standin=True, repository=repository)
