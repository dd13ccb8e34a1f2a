"""The desk's own parts: what an address says, where things stand in pictures, what is asked, what is allowed."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from itertools import pairwise
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import pytest
from starlette.applications import Starlette

from client.analysis import Analysis, Comparable, Reason
from client.errors import WrongAddress
from client.valuation import Valuation
from desk import asking, drawing, fields, form, wording
from desk.app import create
from desk.security import content_security_policy
from desk.served import newest
from desk.settings import Settings, WrongSetting
from desk.static_files import StaticFiles
from preprocessing.columns import EXAMPLE_HOME, HOME_COLUMN_NAMES, LABELS, REQUIRED_COLUMN_NAMES, WORDS
from tests.unit.test_architecture import IMPORTS

FEW = {name: EXAMPLE_HOME[name] for name in REQUIRED_COLUMN_NAMES}


def comparable(place: int) -> Comparable:
    sold = {**EXAMPLE_HOME, "lat": 47.542 + 0.003 * place, "long": -122.268 - 0.004 * place, "grade": 7 + place % 2}
    sold = {name: value for name, value in sold.items() if name not in asking.INSTEAD}
    price = 400_000.0 + 10_000 * place
    return Comparable(f"{place}", date(2015, 3, 1), price, 0.2, 90.0, 5_000.0, -2_000.0, 1.75, price + 3_000, sold)


ANALYSIS = Analysis(
    price=430_000.0,
    price_low=330_000.0,
    price_high=560_000.0,
    price_model="improved-2026-01-01-abcdef01-standin",
    valued_for=date(2015, 6, 15),
    confidence="medium",
    fsd=0.16,
    comparables=tuple(comparable(place) for place in range(5)),
    comparables_price=423_000.0,
    comparables_low=403_000.0,
    comparables_high=443_000.0,
    comparables_level=0,
    reference_price=400_000.0,
    reasons=(Reason("lot", 0.0), Reason("quality", 50_000.0), Reason("condition", -20_000.0)),
    notice="",
)


# What an address says


def test_a_home_survives_its_address() -> None:
    again = form.read(dict(parse_qsl(form.of_home(EXAMPLE_HOME).query())))
    assert again.home == EXAMPLE_HOME
    assert again.wrong == {}
    assert again.query() == form.of_home(EXAMPLE_HOME).query()


@pytest.mark.parametrize(
    ("typed", "number"),
    [("1900", 1900), ("1,900", 1900), ("$1,900", 1900), ("10,000,000", 1e7), ("2.25", 2.25), (" -122.268 ", -122.268)],
)
def test_numbers_are_read_as_people_type_them(typed: str, number: float) -> None:
    assert form.read({"bedrooms": typed}).home == {"bedrooms": number}


@pytest.mark.parametrize("typed", ["two", "1e", "1;2", "<b>", "nan", "inf", "1,90", "--1", "1.900,5"])
def test_what_is_no_number_is_said_beside_its_field(typed: str) -> None:
    wrong = form.read({**dict.fromkeys(REQUIRED_COLUMN_NAMES, "1"), "floors": typed}).wrong
    assert wrong == {"floors": f"is “{typed}”, but must be a number"}


def test_what_is_needed_is_said_and_nothing_else_is() -> None:
    assert form.read({"grade": "7"}).wrong.keys() == set(REQUIRED_COLUMN_NAMES)
    assert form.read({"grade": " ", "caller": "crm"}).typed == {}


# Words


def test_every_column_has_a_field_and_every_rank_its_word() -> None:
    assert list(fields.fields()) == list(HOME_COLUMN_NAMES) == list(LABELS)
    shown = {name for _, names in fields.groups() for name in names} | set(fields.PLACE)
    assert shown == set(HOME_COLUMN_NAMES)
    for name, words in WORDS.items():
        field = fields.fields()[name]
        assert len(field.choices) == len(words) == (field.column.high or 0) - field.column.low + 1


def test_values_are_said_in_words() -> None:
    assert fields.in_words("grade", 8) == "8 (good)"
    assert fields.in_words("waterfront", 1) == "yes"
    assert fields.in_words("yr_renovated", 0) == "never"
    assert fields.in_words("sqft_lot", 6000) == "6,000 square feet"
    assert fields.in_words("zipcode", 98118) == "98118"


def test_amounts_and_dates_are_written_as_americans_do() -> None:
    assert wording.dollars(433_200.4) == "$433,200"
    assert wording.change(-1_200) == "\N{MINUS SIGN}$1,200"
    assert wording.change(12_000) == "+$12,000"
    assert wording.day(date(2015, 3, 5)) == "March 5, 2015"
    assert wording.short_day(date(2015, 3, 5)) == "3/5/2015"


# Pictures


def test_a_scale_is_straight_and_holds_everything() -> None:
    scale = drawing.Scale.around([300_000, 500_000, 700_000])
    low, middle, high = (scale.at(value) for value in (300_000, 500_000, 700_000))
    assert 0 < low < high < 100
    assert middle - low == pytest.approx(high - middle, abs=0.02)
    assert all(scale.low <= tick <= scale.high for tick in scale.ticks())
    assert 0 < drawing.Scale.around([5.0, 5.0]).at(5.0) < 100


def test_the_range_is_drawn_to_scale_and_numbers_do_not_cover_each_other() -> None:
    picture = drawing.range_picture(ANALYSIS)
    assert picture.low < picture.price < picture.high
    share = (ANALYSIS.price - ANALYSIS.price_low) / (ANALYSIS.price_high - ANALYSIS.price_low)
    assert (picture.price - picture.low) / (picture.high - picture.low) == pytest.approx(share, abs=0.01)
    for row in range(picture.rows):
        places = sorted(dot.at for dot in picture.dots if dot.row == row)
        assert all(after - before >= drawing.NEAR for before, after in pairwise(places))


def test_the_waterfall_leads_from_the_typical_home_to_this_one() -> None:
    steps = drawing.waterfall(ANALYSIS)
    assert [step.label for step in steps] == ["quality", "condition"]
    assert steps[0].end == steps[1].start
    assert ANALYSIS.reference_price + sum(step.dollars for step in steps) == ANALYSIS.price


def test_the_sketch_has_north_above_and_the_sales_within_its_rings() -> None:
    sketch = drawing.sketch(47.542, -122.268, ANALYSIS.comparables)
    assert sketch is not None
    last = sketch.spots[-1]
    assert last.y < drawing.SKETCH / 2 and last.x < drawing.SKETCH / 2  # north-west of the home
    assert all(0 < spot.x < drawing.SKETCH and 0 < spot.y < drawing.SKETCH for spot in sketch.spots)
    assert drawing.sketch(None, -122.268, ANALYSIS.comparables) is None
    assert drawing.sketch(47.542, -122.268, ()) is None


# Questions


class Service:
    """Answers with prices that follow the living area, from the models that it is told, one a question."""

    def __init__(self, *models: str) -> None:
        self.models = list(models)
        self.asked: list[Sequence[asking.Home]] = []

    def analyse(self, homes: Sequence[asking.Home]) -> list[Analysis]:
        """Return the analysis, by the next model."""
        return [replace(ANALYSIS, price_model=self.models.pop(0))]

    def value(self, homes: Sequence[asking.Home]) -> list[Valuation]:
        """Return prices; the range is narrower the more is told."""
        self.asked.append(homes)
        return [
            Valuation(price, price * (1 - 1 / len(home)), price * (1 + 1 / len(home)), self.models[0])
            for home in homes
            for price in [200 * home["sqft_living"]]
        ]


def test_variants_are_possible_homes() -> None:
    service = Service("a", "a")
    answer = asking.ask(EXAMPLE_HOME, service, service)
    assert not answer.mixed
    for home in service.asked[0]:
        assert home["sqft_above"] + home["sqft_basement"] == home["sqft_living"]
    assert [one.value for one in answer.variants_of("condition")] == [2, 3, 4, 5]
    assert [one.value for one in answer.variants_of("grade") if one.own] == [7]
    assert answer.sharper == ()  # nothing is missing


def test_what_is_missing_is_tried_with_what_the_comparables_are_like() -> None:
    service = Service("a", "a")
    answer = asking.ask(FEW, service, service)
    told = {one.columns for one in answer.sharper}
    assert ("lat", "long") in told and ("grade",) in told
    assert answer.sharper[0].columns == tuple(name for name in HOME_COLUMN_NAMES if name not in FEW)  # all of it
    grades = {home["grade"] for homes in service.asked for home in homes if "grade" in home}
    assert grades == {7, 8}
    assert answer.variants_of("grade") == []


def test_everything_is_asked_again_where_another_version_took_over() -> None:
    assert not asking.ask(EXAMPLE_HOME, swapped := Service("old", "new", "new"), swapped).mixed
    never = Service(*"abcdefgh")
    assert asking.ask(EXAMPLE_HOME, never, never).mixed


# Settings and headers


def test_settings_come_from_the_environment() -> None:
    assert Settings.read({}) == Settings()
    read = Settings.read({"DESK_PORT": "9005", "TILES_URL": "https://{s}.tile.example.org/{z}/{x}/{y}.png"})
    assert read.port == 9005
    assert read.tiles_origin == "https://*.tile.example.org"
    assert "https://*.tile.example.org" in content_security_policy(read.tiles_origin)


@pytest.mark.parametrize(
    "wrong", [{"DESK_PORT": "many"}, {"DESK_PORT": "70000"}, {"TILES_URL": "https://x/;script-src *"}]
)
def test_a_wrong_setting_is_named(wrong: dict[str, str]) -> None:
    with pytest.raises(WrongSetting, match=next(iter(wrong))):
        Settings.read(wrong)


def test_a_service_that_cannot_be_is_refused_at_the_start() -> None:
    with pytest.raises(WrongAddress):
        create(Settings(service_url="nowhere"))


def test_files_of_packages_are_there_and_their_address_changes_with_them() -> None:
    files = StaticFiles.find()
    assert files.url("htmx.js").endswith(f"{files.fingerprint}/htmx.js")
    assert files.files["leaflet/leaflet.js"].stat().st_size > 100_000
    with pytest.raises(KeyError, match="VENDORED"):
        files.url("other.js")


def test_nothing_served_is_no_error(tmp_path: Path) -> None:
    assert newest(tmp_path) is None
    broken = tmp_path / "models" / "price_model" / "3"
    broken.mkdir(parents=True)
    (broken / "card.json").write_text("{")
    assert newest(tmp_path) is None


def ask_page(app: Starlette, path: str, method: str = "GET", **headers: str) -> tuple[int, str]:
    """Return the status and the page that the application answers with."""
    sent: list[Any] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "method": method,
        "path": path.partition("?")[0],
        "root_path": "",
        "query_string": path.partition("?")[2].encode(),
        "headers": [
            (b"host", b"desk"),
            *((name.replace("_", "-").encode(), one.encode()) for name, one in headers.items()),
        ],
    }
    asyncio.run(app(scope, receive, send))
    return sent[0]["status"], b"".join(message.get("body", b"") for message in sent[1:]).decode()


@pytest.mark.parametrize(("site", "status"), [("same-origin", 405), ("none", 405), ("cross-site", 403)])
def test_other_sites_pages_cannot_send_anything(site: str, status: int) -> None:
    assert ask_page(create(Settings()), "/", "POST", sec_fetch_site=site)[0] == status


# States that the service rarely gives


class Always(Service):
    """Answers with one analysis, whatever is asked."""

    def __init__(self, analysis: Analysis) -> None:
        super().__init__(analysis.price_model)
        self.analysis = analysis

    def analyse(self, homes: Sequence[asking.Home]) -> list[Analysis]:
        """Return the analysis."""
        return [self.analysis]


def answered(monkeypatch: pytest.MonkeyPatch, home: dict[str, float], **other: Any) -> str:
    """Return the words of the page for a home whose analysis differs from the usual one."""
    stub = Always(replace(ANALYSIS, **other))
    monkeypatch.setattr("desk.service.Service.client", lambda service, model, request: stub)
    status, page = ask_page(create(Settings()), f"/?{form.of_home(home).query()}")
    assert status == 200
    return " ".join(re.sub(r"<[^>]+>", " ", page).split())


def test_without_comparables_the_page_says_so_and_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    nothing = {
        "comparables": (),
        "comparables_level": -1,
        "comparables_price": 0.0,
        "notice": "No past sale is comparable",
    }
    page = answered(monkeypatch, EXAMPLE_HOME, **nothing)
    assert "No past sale is comparable enough to put before a seller" in page
    assert "they come to" not in page
    assert "range shrinks" in answered(monkeypatch, FEW, **nothing)  # with an ordinary home's columns


def test_a_wide_range_is_shown_before_its_middle(monkeypatch: pytest.MonkeyPatch) -> None:
    page = answered(monkeypatch, EXAMPLE_HOME, confidence="low")
    assert "Estimated value $330,000 to $560,000 The middle is $430,000" in page
    assert "Low confidence" in page


def test_an_answer_without_reasons_or_day_is_complete_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    page = answered(monkeypatch, EXAMPLE_HOME, reasons=(), valued_for=None, reference_price=430_000.0)
    assert "no reasons can be given" in page
    assert "None" not in page


def test_comparables_that_differ_a_lot_are_flagged(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "less alike than usual" in answered(monkeypatch, EXAMPLE_HOME, comparables_level=4)


def test_a_made_up_market_is_named_loudly_and_a_real_one_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "Made-up market" in answered(monkeypatch, EXAMPLE_HOME)
    assert "ade-up market" not in answered(monkeypatch, EXAMPLE_HOME, price_model="improved-2026-01-01-abcdef01")


def test_of_preprocessing_the_desk_knows_the_columns_alone() -> None:
    known = {name for module, found in IMPORTS.items() if module.startswith("desk") for name in found}
    assert {name for name in known if name.startswith("preprocessing")} <= {"preprocessing", "preprocessing.columns"}
