"""What the desk's page of the model makes of a card, and what passes from the desk to the service."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path

import pytest
import yaml

from desk.card_facts import FEW_SALES, read_facts
from desk.pass_on import paths
from desk.the_model import known_versions, refused
from publishing.card import Card
from tests.conftest import ROOT

HELD_OUT = {"sales": 5_000, "mdape": 8.0, "ppe10": 60.0, "ppe20": 85.0, "bias": 0.5}
AREAS = [
    {"name": "98103", "sales": 600, "mdape": 7.0, "ppe10": 66.0, "bias": -1.0},
    {"name": "98039", "sales": 50, "mdape": 14.0, "ppe10": 34.0, "bias": 2.0},
    {"name": "98010", "sales": FEW_SALES - 1, "mdape": 8.0, "ppe10": 60.0, "bias": 0.0},
]


def serve(folder: Path, number: int, **card: object) -> Path:
    """Write a card as if the door had let its version in; return the served folder."""
    version = folder / "models" / "price_model" / str(number)
    version.mkdir(parents=True)
    (version / "card.json").write_text(json.dumps(card))
    return folder


def test_a_real_card_is_read_in_full(published: tuple[Path, Card]) -> None:
    card = published[1]
    facts = read_facts(json.loads(json.dumps(card, default=lambda part: part.__dict__)))
    assert facts.price_model == card.price_model
    assert facts.sales == card.data.sales
    assert facts.last_sale == date.fromisoformat(card.data.last_sale)
    assert facts.whole is not None
    assert facts.whole.half_within == pytest.approx(card.held_out.mdape / 100)
    assert facts.coverage == card.price_range.coverage
    assert {spread.column for spread in facts.seen} >= {"sqft_living", "grade"}
    assert sum(group.sales for group in facts.areas) == sum(group.sales for group in facts.prices) > 0


@pytest.mark.parametrize("card", [{}, {"held_out": 3, "data": [], "accuracy_by": {"area": "x", "price": [1, {}]}}])
def test_an_older_card_is_no_error(card: dict[str, object]) -> None:
    facts = read_facts(card)
    assert (facts.whole, facts.areas, facts.prices, facts.seen, facts.sales) == (None, (), (), (), None)
    assert facts.days_old(date(2026, 1, 1)) == 0


def test_weak_spots_are_where_it_errs_more_or_was_hardly_tried() -> None:
    facts = read_facts({"held_out": HELD_OUT, "accuracy_by": {"area": AREAS}})
    assert [group.name for group in facts.weak_areas] == ["98039", "98010"]
    assert [group.of_ten for group in facts.areas] == [7, 3, 6]


def test_prices_are_as_old_as_the_market_that_they_are_for() -> None:
    market = {"market": {"valued_for": "2015-06-11"}, "data": {"last_sale": "2015-05-27"}}
    assert read_facts(market).days_old(date(2015, 7, 11)) == 30
    assert read_facts({"data": market["data"]}).days_old(date(2015, 7, 11)) == 45
    assert read_facts(market).days_old(date(2015, 6, 1)) == 0


def test_the_version_that_answers_is_the_one_whose_name_the_service_gives(tmp_path: Path) -> None:
    serve(tmp_path, 1, price_model="old")
    serve(tmp_path, 2, price_model="new")
    answering = {
        name: [v.number for v in known_versions(tmp_path, name) if v.answers] for name in ("old", "new", "", "x")
    }
    assert answering == {"old": [1], "new": [2], "": [2], "x": []}
    assert all(version.since for version in known_versions(tmp_path, "new"))


def test_what_the_door_refused_is_told_with_its_reason(tmp_path: Path) -> None:
    assert refused(tmp_path) == []
    verdicts = {
        "1": {"state": "admitted", "reason": ""},
        "3": {"state": "refused", "reason": "it is worse"},
    }
    (tmp_path / "door.json").write_text(json.dumps({"verdicts": verdicts}))
    assert [(one.number, one.reason) for one in refused(tmp_path)] == [(3, "it is worse")]


def test_what_passes_to_the_service_is_what_its_description_names() -> None:
    described = yaml.safe_load((ROOT / "docs" / "openapi.yaml").read_text())["paths"]
    models = {path.split("/")[3] for path in described if path.endswith("/generate")}
    for method in ("GET", "POST"):
        named = {
            path.replace("{model}", model)
            for path, ways in described.items()
            if method.lower() in ways
            for model in models
        }
        assert named <= set(paths(method)), method
