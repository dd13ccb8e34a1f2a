"""The figures of the evaluation under the names that the slides call them by."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from evaluation.ablation import IMPROVED as IMPROVED_STEP
from evaluation.findings import Cell
from evaluation.metrics import CONFIDENCE, Estimate
from evaluation.plots import BASIC, IMPROVED, REQUIRED
from evaluation.report import ZILLOW_2015
from evaluation.runs import Columns, Level, Model
from evaluation.slides import SlidesError, charts
from evaluation.slides.invented_homes import Range, Valued, ValuedHome
from evaluation.splits import Split
from preprocessing.columns import (
    EXAMPLE_HOME,
    FEATURE_NAMES,
    HOME_COLUMN_NAMES,
    REQUIRED_COLUMN_NAMES,
)
from training.relative_range import TARGET_COVERAGE

Figures = dict[str, Any]

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


def read_figures(path: Path) -> Figures:
    """What the evaluation wrote. Raises FiguresError when it isn't there or contradicts a sentence on the slides."""
    if not path.is_file():
        raise FiguresError(f"{path} is missing: write it with `python -m evaluation report`")
    figures: Figures = json.loads(path.read_text())
    read = {found["columns"]: found["dollars"] for found in figures["importance"]["improved"]}["demographics alone"]
    if read != 0:
        raise FiguresError(
            f"shuffling the demographics costs the improved model ${read:,.0f}, but the slides say that it doesn't "
            "read them: change the slides"
        )
    return figures


def placeholders(figures: Figures, valued: Valued, pictures: Path) -> Figures:
    """Everything that the slides may show, by name; ``pictures`` is the folder of the evaluation's plots.

    Raises FiguresError when the homes were valued by a model of other data.
    """
    data = figures["data"]
    if valued.fingerprint != data["fingerprint"]:
        raise FiguresError(
            f"the invented homes were valued from data {valued.fingerprint}, the figures come from "
            f"{data['fingerprint']}: build without --as-valued, on the data of the evaluation"
        )
    cells = _cells(figures)
    grouped = cells["grouped_improved_full"]
    return {
        **figures,
        **cells,
        "notice": "Stand-in market: homes, prices and every figure are made up." if data["standin"] else "",
        "target": round(TARGET_COVERAGE * 100),
        "confidence": round(CONFIDENCE * 100),
        "half_width": grouped["width"].value / 2,
        "beyond_20": 100 - round(grouped["ppe20"].value),
        "saved": {columns.value: _saved(figures["gain"][f"grouped_{columns.value}"]["mae"]) for columns in Columns},
        "resold": (figures["resales"]["price_factor"] - 1) * 100,
        "off": {
            "left_alone": _off(cells["temporal_improved_full_average"]["bias"].value),
            "renewed": _off(cells["rolling_improved_full"]["bias"].value),
            "dear": _off(figures["dear"]["improved_full"]["bias"]),
        },
        "dear": figures["dear"]["improved_full"],
        "change": {row["key"]: _change(row["gain"], row["noise"]) for row in figures["ablation"]},
        "change_required": {
            row["key"]: _change(row["gain_required"], row["noise_required"]) for row in figures["ablation"]
        },
        "zillow": ZILLOW_2015,
        "learned": figures["learning"]["improved"][-2:],
        "columns": {
            "home": len(HOME_COLUMN_NAMES),
            "required": len(REQUIRED_COLUMN_NAMES),
            "features": len(FEATURE_NAMES),
        },
        "request": json.dumps({name: EXAMPLE_HOME[name] for name in REQUIRED_COLUMN_NAMES}),
        "reply": _reply(valued.homes[0].required),
        "home": {place: _spoken(home) for place, home in enumerate(valued.homes)},
        "map": _picture((pictures / "map.png").read_bytes(), "png"),
        **{f"chart_{name}": _picture(drawn.encode(), "svg+xml") for name, drawn in _charts(figures, cells, valued)},
    }


def _cells(figures: Figures) -> dict[str, dict[str, Estimate]]:
    found = {}
    for cell in figures["cells"]:
        kind = Split(cell["split"]), Model(cell["model"]), Columns(cell["columns"]), Level(cell["level"])
        name = Cell(*kind, cell["sales"], {}).name
        found[name] = _estimates(cell["metrics"])
    return found


def _estimates(metrics: Figures) -> dict[str, Estimate]:
    return {metric: Estimate(**estimate) for metric, estimate in metrics.items()}


def _reply(found: Range) -> str:
    return json.dumps({"price": round(found.price), "price_low": round(found.low), "price_high": round(found.high)})


def _saved(gain: dict[str, float]) -> Estimate:
    return Estimate(-gain["value"], -gain["high"], -gain["low"])


def _off(bias: float) -> str:
    return f"{abs(bias):.1f} percent too {'high' if bias > 0 else 'low'}"


def _change(gain: float, noise: float) -> str:
    return f"{MINUS if gain > 0 else '+'}${abs(gain):,.0f} ± {noise:,.0f}"


def _steps(figures: Figures) -> Iterable[tuple[str, float, str, str]]:
    """The way from the basic model to the improved one."""
    for row in figures["ablation"]:
        if row["compared"] == IMPROVED_STEP.key:
            continue
        mae, first, last = f"${row['mae']:,.0f}", not row["compared"], row["key"] == IMPROVED_STEP.key
        text = mae if first else f"{mae}  ({_change(row['gain'], row['noise'])})"
        yield row["step"].partition(":")[0], row["mae"], text, BASIC if first else IMPROVED if last else REQUIRED


def _spoken(home: ValuedHome) -> Figures:
    """A home's title, description and its ranges to the thousand, as one says them."""
    say = {name: charts.dollars(getattr(home.full, name)) for name in ("low", "price", "high")}
    return {"title": home.title, "description": home.description.replace("\n", ", "), **say}


def _charts(figures: Figures, cells: dict[str, dict[str, Estimate]], valued: Valued) -> Iterable[tuple[str, str]]:
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
    matters = {found["columns"]: found["dollars"] for found in figures["importance"]["improved"]}
    drivers = sorted(((matters[name], label) for name, label in _DRIVERS.items()), reverse=True)
    yield "drivers", charts.bars([(label, dollars, "", IMPROVED) for dollars, label in drivers], height=4.8)
    yield "steps", charts.bars(list(_steps(figures)), height=5.4, room=1.75)
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
    moved = figures["months"]
    yield (
        "months",
        charts.months(
            {
                "trained to February, left alone": moved["temporal_average"],
                "refitted each month": moved["rolling_average"],
                "refitted, with the market level": moved["rolling_latest"],
            },
            sorted(moved["grouped"]),
        ),
    )


def _picture(content: bytes, kind: str) -> str:
    return f"data:image/{kind};base64,{base64.b64encode(content).decode()}"
