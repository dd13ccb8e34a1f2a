"""What the slides show of the evaluation: its findings, the invented homes, and charts of both."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from evaluation.ablation import IMPROVED as IMPROVED_STEP
from evaluation.findings import Findings, Learned
from evaluation.invented_homes import PriceWithRange, ValuedHome, ValuedHomes
from evaluation.metrics import CONFIDENCE, Estimate
from evaluation.plots import BASIC, IMPROVED, REQUIRED
from evaluation.report import ZILLOW_2015, Zestimate
from evaluation.runs import GivenColumns
from evaluation.slides import SlidesError, charts
from evaluation.splits import Split
from preprocessing.columns import (
    EXAMPLE_HOME,
    FEATURE_NAMES,
    HOME_COLUMN_NAMES,
    REQUIRED_COLUMN_NAMES,
)
from training.relative_range import TARGET_COVERAGE

MINUS = "\N{MINUS SIGN}"

_DRIVERS = {
    "where it is (ZIP code, its demographics, lat, long)": "Where it is",
    "how big it is (living area, above and below ground)": "How big it is",
    "grade": "How well it is built",
    "yr_built": "When it was built",
    "sqft_lot": "Its lot",
    "view": "Its view",
    "waterfront": "On the water or not",
    "condition": "Its condition",
}
_SPLITS = {
    Split.RANDOM: "random\n(the firm's)",
    Split.GROUPED: "homes\nnever seen",
    Split.TEMPORAL: "after\nFebruary",
    Split.ROLLING: "refitted\nmonthly",
    Split.ZIP: "areas\nnever seen",
}


class FiguresError(SlidesError):
    """The figures are missing, or don't go with the homes or the words on the slides; the message says what to do."""


@dataclass(frozen=True)
class SpokenHome:
    """Hold a home in words, and its price and range as people say them."""

    title: str
    description: str
    low: str
    price: str
    high: str


@dataclass(frozen=True)
class Shown:
    """Hold all that the templates may show, under the names that they use.

    Percentages are in percent, amounts in dollars. ``cells`` holds the metrics of each cell of the evaluation
    by its name, ``pictures`` the charts and the map as data URIs.
    """

    f: Findings
    cells: dict[str, dict[str, Estimate]]
    homes: list[SpokenHome]
    valued_for: str
    """The day whose market the homes are valued for."""
    pictures: dict[str, str]
    notice: str
    """Stands on every slide when the market is made up; else empty."""
    target: int
    """How many of a hundred sale prices a range should hold."""
    confidence: int
    half_width: float
    """How far a range reaches to each side, on average."""
    beyond_20: int
    """How many of a hundred homes are valued further off than 20 %."""
    saved: dict[str, Estimate]
    """By how much the average error is lower than the basic model's, by what is told."""
    resold: float
    """How much more homes brought when they were sold again."""
    off: dict[str, str]
    """Biases in words."""
    change: dict[str, str]
    """What each step of the ablation changes the average error by, by its key, told all columns."""
    change_required: dict[str, str]
    """The same, told the required columns."""
    zillow: Zestimate
    learned: list[Learned]
    """The last two points on the improved model's learning curve."""
    columns: dict[str, int]
    request: str
    reply: str


def read_figures(path: Path) -> Findings:
    """Read what the evaluation wrote. Raises FiguresError when it is missing or not whole."""
    if not path.is_file():
        raise FiguresError(f"{path} is missing: write it with `python -m evaluation report`")
    try:
        return Findings.read(path)
    except ValidationError as error:
        problem = error.errors(include_url=False)[0]
        place = ".".join(map(str, problem["loc"]))
        raise FiguresError(
            f"{path}: {place or 'the file'}: {problem['msg']}; write it anew with `python -m evaluation report`"
        ) from error


def shown(findings: Findings, valued: ValuedHomes, pictures: Path) -> Shown:
    """Derive what the slides show; ``pictures`` is the folder of the evaluation's plots.

    Raises FiguresError when the homes were valued by a model of other data, and when the figures contradict a
    sentence on the slides.
    """
    _require_that_words_hold(findings)
    data = findings.data
    if valued.fingerprint != data.fingerprint:
        raise FiguresError(
            f"the invented homes were valued from data {valued.fingerprint}, the figures come from "
            f"{data.fingerprint}: build without --as-valued, on the data of the evaluation"
        )
    cells = findings.by_cell
    grouped = cells["grouped_improved_full"]
    return Shown(
        f=findings,
        cells=cells,
        homes=[_spoken(home) for home in valued.homes],
        valued_for=valued.valued_for,
        pictures={
            "map": _data_uri((pictures / "map.png").read_bytes(), "png"),
            **{name: _data_uri(drawn.encode(), "svg+xml") for name, drawn in _charts(findings, valued)},
        },
        notice="Stand-in market: homes, prices and every figure are made up." if data.standin else "",
        target=round(TARGET_COVERAGE * 100),
        confidence=round(CONFIDENCE * 100),
        half_width=grouped["width"].value / 2,
        beyond_20=100 - round(grouped["ppe20"].value),
        saved={told.value: _saved(findings.gain[f"grouped_{told.value}"]["mae"]) for told in GivenColumns},
        resold=(findings.resales.price_factor - 1) * 100,
        off={
            "left_alone": _off(cells["temporal_improved_full_average"]["bias"].value),
            "renewed": _off(cells["rolling_improved_full"]["bias"].value),
            "dear": _off(findings.dear["improved_full"]["bias"]),
        },
        change={row.key: _change(row.gain, row.noise) for row in findings.ablation},
        change_required={row.key: _change(row.gain_required, row.noise_required) for row in findings.ablation},
        zillow=ZILLOW_2015,
        learned=findings.learning["improved"][-2:],
        columns={
            "home": len(HOME_COLUMN_NAMES),
            "required": len(REQUIRED_COLUMN_NAMES),
            "features": len(FEATURE_NAMES),
        },
        request=json.dumps({name: EXAMPLE_HOME[name] for name in REQUIRED_COLUMN_NAMES}),
        reply=_reply(valued.homes[0].required),
    )


def _require_that_words_hold(findings: Findings) -> None:
    """Raise FiguresError when the improved model reads the demographics, which the slides deny."""
    (read,) = (one.dollars for one in findings.importance["improved"] if one.columns == "demographics alone")
    if read != 0:
        raise FiguresError(
            f"shuffling the demographics costs the improved model ${read:,.0f}, but the slides say that it doesn't "
            "read them: change the slides"
        )


def _reply(found: PriceWithRange) -> str:
    return json.dumps({"price": round(found.price), "price_low": round(found.low), "price_high": round(found.high)})


def _saved(gain: Estimate) -> Estimate:
    return Estimate(-gain.value, -gain.high, -gain.low)


def _off(bias: float) -> str:
    return f"{abs(bias):.1f} percent too {'high' if bias > 0 else 'low'}"


def _change(gain: float, noise: float) -> str:
    return f"{MINUS if gain > 0 else '+'}${abs(gain):,.0f} ± {noise:,.0f}"


def _steps(findings: Findings) -> Iterable[tuple[str, float, str, str]]:
    """Yield the bars of the way from the basic model to the improved one."""
    for row in findings.ablation:
        if row.compared == IMPROVED_STEP.key:
            continue
        mae, first, last = f"${row.mae:,.0f}", not row.compared, row.key == IMPROVED_STEP.key
        text = mae if first else f"{mae}  ({_change(row.gain, row.noise)})"
        yield row.step.partition(":")[0], row.mae, text, BASIC if first else IMPROVED if last else REQUIRED


def _spoken(home: ValuedHome) -> SpokenHome:
    full = home.full
    return SpokenHome(
        home.title,
        home.description.replace("\n", ", "),
        low=charts.dollars(full.low),
        price=charts.dollars(full.price),
        high=charts.dollars(full.high),
    )


def _charts(findings: Findings, valued: ValuedHomes) -> Iterable[tuple[str, str]]:
    """Yield every chart by its name, as SVG."""
    cells = findings.by_cell
    basic, full, eight = (cells[f"grouped_{name}"] for name in ("basic_full", "improved_full", "improved_required"))
    yield "hundred", charts.squares(full["ppe10"].value, full["ppe20"].value)
    yield "hundred_basic", charts.squares(basic["ppe10"].value, basic["ppe20"].value)
    yield (
        "errors",
        charts.bars(
            [
                (label, found["mae"].value, f"${found['mae'].value:,.0f}", colour)
                for label, found, colour in (
                    ("The first model", basic, BASIC),
                    ("The new one, told eight facts", eight, REQUIRED),
                    ("The new one, told eighteen", full, IMPROVED),
                )
            ],
            height=3.4,
        ),
    )
    matters = {one.columns: one.dollars for one in findings.importance["improved"]}
    drivers = sorted(((matters[name], label) for name, label in _DRIVERS.items()), reverse=True)
    yield "drivers", charts.bars([(label, dollars, "", IMPROVED) for dollars, label in drivers], height=4.8)
    yield "steps", charts.bars(list(_steps(findings)), height=5.4, room=1.75)
    yield "homes", charts.ranges(valued.homes, eight=False)
    yield "told", charts.ranges(valued.homes, eight=True)
    yield (
        "splits",
        charts.pairs(
            {
                label: (cells[f"{split.value}_basic_full"]["mae"], cells[f"{split.value}_improved_full"]["mae"])
                for split, label in _SPLITS.items()
            }
        ),
    )
    yield (
        "coverage",
        charts.coverages(
            [
                (
                    f"{label.replace(chr(10), ' ')}, {told}",
                    cells[f"{split.value}_improved_{columns}"]["coverage"],
                    colour,
                )
                for split, label in _SPLITS.items()
                for columns, told, colour in (("full", "18 columns", IMPROVED), ("required", "8 columns", REQUIRED))
            ],
            TARGET_COVERAGE * 100,
        ),
    )
    moved = findings.months
    yield (
        "months",
        charts.months(
            {
                "trained to February, left alone": moved["temporal_average"],
                "refitted each month": moved["rolling_average"],
                "refitted, with the market index": moved["rolling_latest"],
            },
            sorted(moved["grouped"]),
        ),
    )


def _data_uri(content: bytes, kind: str) -> str:
    return f"data:image/{kind};base64,{base64.b64encode(content).decode()}"
