"""One model answers the whole of an analysis while versions come and go, with and without a market or sales."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from conversion.improved import convert_improved
from market_analysis.past_sales import COMPARABLES_FILE
from market_analysis.reasons import GROUPS
from market_analysis.versions import write_versions
from preprocessing.columns import EXAMPLE_HOME, OPTIONAL_COLUMN_NAMES, ZIPCODE
from preprocessing.demographics import Demographics
from publishing.admission import roll_back
from publishing.card import CARD_FILE, Card
from publishing.ensure import prepare
from publishing.publish import publish_converted
from publishing.repository import ANALYSIS, PRICE_MODEL, add, newest, served
from serving.embedded import EmbeddedServer
from serving.replica import Replica
from tests.service.analysing import Analyst, Analysts, Columns, Outputs, check, check_alone, check_never_itself
from tests.service.asking import columns_of
from tests.service.callers import DEADLINE_S
from tests.service.conftest import look_until
from training.improved import ImprovedModel
from training.sales import Sales

pytestmark = pytest.mark.once

OMISSIONS = [(), *((name,) for name in OPTIONAL_COLUMN_NAMES), ("lat", "long"), OPTIONAL_COLUMN_NAMES]
"""What is left out: nothing, each optional column in turn, the place, and all of them."""
HOME: Columns = {name: [value] for name, value in EXAMPLE_HOME.items()}


@pytest.fixture(scope="module")
def analyst(shared_server: EmbeddedServer) -> Iterator[Analyst]:
    analyst = Analyst(shared_server.http_address, shared_server.grpc_address)
    yield analyst
    analyst.close()


@pytest.fixture(scope="module")
def improved_card(
    analyst: Analyst,
    shared_server: EmbeddedServer,
    shared_repository: Path,
    improved: ImprovedModel,
    sales: Sales,
    demographics: Demographics,
    published: tuple[Path, Card],
) -> Card:
    """Publish the improved model while analyses are asked for; return its card."""
    basic = published[1].price_model
    with Analysts(shared_server.http_address, shared_server.grpc_address) as analysts:
        analysts.wait_for(basic)
        converted = convert_improved(improved, sales.table[sales.held_out[:200]])
        number = publish_converted(converted, sales, shared_repository, "it knows more columns")
        card = Card.read(shared_repository / PRICE_MODEL / str(number))
        prepare(shared_repository, demographics)
        analysts.wait_for(card.price_model)
    analysts.check({basic, card.price_model})
    return card


@pytest.mark.parametrize("left_out", OMISSIONS, ids=lambda names: "+".join(names) or "nothing")
def test_every_example_home_keeps_the_promises(
    left_out: tuple[str, ...], analyst: Analyst, improved_card: Card, sales: Sales
) -> None:
    columns = columns_of(sales.example_table)
    found = analyst.ask({name: values for name, values in columns.items() if name not in left_out})
    check(found)
    assert set(found["price_model"][:, 0]) == {improved_card.price_model}
    assert improved_card.market is not None
    assert set(found["valued_for"][:, 0]) == {improved_card.market.valued_for}
    for place, group in enumerate(GROUPS.values()):
        if not set(group) - {ZIPCODE} - set(left_out):
            assert not found["reason_dollars"][:, place].any(), "a reason of which nothing was given"


def test_adjusted_prices_equal_their_formula(
    analyst: Analyst, improved_card: Card, improved: ImprovedModel, sales: Sales
) -> None:
    """Paid, times the market then and now, times the ratio of what both homes are worth."""
    found, proof, market = analyst.ask(columns_of(sales.example_table)), improved.proof, improved.market
    where = {(str(home), str(day)): row for row, (home, day) in enumerate(zip(proof.homes, proof.days, strict=True))}
    moved = 0
    for row, count in enumerate(found["comparables_count"][:, 0]):
        for place in range(count):
            sold = where[found["comparable_id"][row, place], found["comparable_sale_date"][row, place]]
            assert found["comparable_sale_price"][row, place] == proof.paid[sold]
            to_now = market.factor / market.at(proof.days[[sold]])[0]
            line = proof.paid[sold] * (to_now - 1)
            assert found["comparable_market_adjustment"][row, place] == pytest.approx(line, rel=1e-4, abs=1)
            worth = float(found["price"][row, 0]) / market.factor / proof.whole.price[sold]
            expected = proof.paid[sold] * to_now * worth
            assert found["comparable_adjusted_price"][row, place] == pytest.approx(expected, rel=1e-5, abs=1)
            moved += abs(line) >= 1
    assert moved > 100, "a market index that moves hardly any sale proves nothing"


def test_a_sold_home_is_not_among_its_comparables(
    analyst: Analyst, improved_card: Card, improved: ImprovedModel, sales: Sales
) -> None:
    _, rows = improved.proof.among(sales)
    rows = rows[:64]
    check_never_itself(analyst.ask(columns_of(sales.table[rows])), sales.homes[rows])


def test_a_version_without_its_sales_serves_under_a_used_number_and_says_so(
    analyst: Analyst,
    improved_card: Card,
    shared_server: EmbeddedServer,
    shared_repository: Path,
    demographics: Demographics,
    published: tuple[Path, Card],
) -> None:
    basic = published[1].price_model
    with Analysts(shared_server.http_address, shared_server.grpc_address) as analysts:
        analysts.wait_for(improved_card.price_model)
        roll_back(shared_repository)
        analysts.wait_for(basic)
        add(without_sales(shared_repository), served(shared_repository) / PRICE_MODEL)  # as 2, which was another
        prepare(shared_repository, demographics)
        found = asked_until(analyst, "published without its sales")
    analysts.check({basic, improved_card.price_model})
    check(found)
    assert not found["comparables_count"].any()
    assert not found["reason_dollars"].any()


def test_a_price_of_an_unknown_version_comes_alone(
    analyst: Analyst, improved_card: Card, shared_repository: Path, tmp_path: Path
) -> None:
    model = served(shared_repository) / ANALYSIS
    knows_none = Path(shutil.copytree(str(newest(model)), tmp_path / "version"))
    write_versions([], knows_none)
    add(knows_none, model)
    found = asked_until(analyst, "ask again")
    check_alone(found)


def test_an_analysis_that_died_keeps_no_price_away(
    analyst: Analyst, shared_server: EmbeddedServer, shared_repository: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """It is named, and loaded again where what Triton polls may be written, as by `make up`."""
    in_a_container = Replica(shared_server.ports.http, Path("/proc"))
    look_until(in_a_container, lambda: in_a_container.analyses)
    assert "valuation_analysis_success 1" in in_a_container.metrics()
    assert shared_server.pid is not None
    for stub in psutil.Process(shared_server.pid).children(recursive=True):
        if f"/{ANALYSIS}/" in " ".join(stub.cmdline()):
            stub.kill()
    look_until(in_a_container, lambda: "cannot be loaded again from here" in caplog.text)
    assert "no analysis from Triton, prices go on" in caplog.text
    assert "valuation_analysis_success 0" in in_a_container.metrics()
    assert analyst.post(EXAMPLE_HOME, "house_price")[0] == 200
    look_until(in_a_container, lambda: in_a_container.ready)

    at_home = Replica(shared_server.ports.http, served(shared_repository))
    look_until(at_home, lambda: at_home.analyses is False)
    look_until(at_home, lambda: at_home.analyses)
    look_until(in_a_container, lambda: in_a_container.analyses)
    shared_server.kill()  # told to stop, it would wait ten seconds for what died


def without_sales(repository: Path) -> Path:
    """Return a copy of version 1 as it was before sales were published with a model."""
    folder = Path(shutil.copytree(repository / PRICE_MODEL / "1", repository.parent / "without"))
    (folder / COMPARABLES_FILE).unlink()
    card = json.loads((folder / CARD_FILE).read_text())
    del card["files"][COMPARABLES_FILE]
    (folder / CARD_FILE).write_text(json.dumps(card))
    return folder


def asked_until(analyst: Analyst, notice: str) -> Outputs:
    """Return the first analysis whose notice says this."""
    deadline = time.monotonic() + DEADLINE_S
    while notice not in (found := analyst.ask(HOME))["notice"][0, 0]:
        assert time.monotonic() < deadline, found["notice"]
        time.sleep(0.1)
    return found
