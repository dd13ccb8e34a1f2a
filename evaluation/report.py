"""The report: its text with the figures in place, the plots, and the figures as JSON."""

from __future__ import annotations

from dataclasses import dataclass
from math import exp
from pathlib import Path
from typing import Any, Literal

import numpy as np

from evaluation.ablation import StepFigures
from evaluation.findings import LEAST_SALES, Findings
from evaluation.metrics import DRAWS, Estimate
from evaluation.plots import draw
from evaluation.runs import Runs
from evaluation.tables import tables
from training.location import LANDMARKS
from training.market_index import DAYS_AHEAD, MOST_AHEAD
from training.relative_range import TARGET_COVERAGE

TEMPLATE = Path(__file__).with_name("report.md")
REPORT = "evaluation.md"
PICTURES = "evaluation"
FIGURES = "figures.json"


@dataclass(frozen=True)
class Zestimate:
    """Hold the accuracy that Zillow published of its estimates, in percent."""

    county_mdape: float
    seattle_ppe5: int
    seattle_ppe10: int
    seattle_ppe20: int


ZILLOW_2015 = Zestimate(county_mdape=7.1, seattle_ppe5=36, seattle_ppe10=66, seattle_ppe20=89)
"""For King County and Seattle in 2015."""

NOTICE = (
    "> **Stand-in market.** Homes and prices are made up, and so is every figure here. The text was written for "
    "the real sales and may not fit.\n\n"
)


def write_report(findings: Findings, runs: Runs, folder: Path) -> list[Path]:
    """Write text, figures and plots into ``folder`` and return their paths; the runs hold the errors on the map."""
    pictures = draw(findings, runs, folder / PICTURES)
    report, figures = folder / REPORT, folder / PICTURES / FIGURES
    report.write_text(text(findings))
    findings.write(figures)
    return [report, figures, *pictures]


def text(findings: Findings) -> str:
    """Return the report as Markdown."""
    return TEMPLATE.read_text().format_map({**_figures(findings), **tables(findings)})


def _figures(findings: Findings) -> dict[str, Any]:
    """Return what the text shows, by the names that the template has for it."""
    cells = findings.by_cell
    known = [zipcode for zipcode in findings.zipcodes if zipcode.sales >= LEAST_SALES]
    return {
        **cells,
        "f": findings,
        "notice": NOTICE if findings.data.standin else "",
        "draws": DRAWS,
        "zillow": ZILLOW_2015,
        "libraries": ", ".join(f"{name} {version}" for name, version in findings.libraries.items()),
        "eight_columns_cost": cells["grouped_improved_required"]["mae"].value
        - cells["grouped_improved_full"]["mae"].value,
        "days_ahead": DAYS_AHEAD,
        "most_ahead": (exp(MOST_AHEAD) - 1) * 100,
        **{f"index_{split}": _changes(found) for split, found in findings.index_gain.items()},
        "months_served": _mean_error(findings, "served"),
        "months_kept": _mean_error(findings, "kept"),
        "level_gain": cells["rolling_improved_full_average"]["mae"].value - cells["rolling_improved_full"]["mae"].value,
        "ablation_seeds": findings.ablation_seeds,
        "landmarks": LANDMARKS,
        "change": {row.key: _change(row.gain, row.noise) for row in findings.ablation},
        "change_required": {row.key: _change(row.gain_required, row.noise_required) for row in findings.ablation},
        "demographics_worth": _worth(next(row for row in findings.ablation if row.key == "demographics")),
        "learned_basic": findings.learning["basic"][-1],
        "seed_ratio": float(np.mean(findings.seed_ratio)),
        "untouched": findings.untouched["improved_full"],
        "untouched_required": findings.untouched["improved_required"],
        "importance": {
            model: {one.columns: one.dollars for one in found} for model, found in findings.importance.items()
        },
        "dear_improved": findings.dear["improved_full"],
        "dear_basic": findings.dear["basic_full"],
        "seattle_grouped": findings.seattle["grouped"],
        "seattle_rolling": findings.seattle["rolling"],
        "worst_odd": sum(sale.odd_price for sale in findings.worst),
        "worst_count": len(findings.worst),
        "least_sales": LEAST_SALES,
        "zip_known": len(known),
        "zip_lowest": findings.lowest_coverage,
        "zip_chance": lowest_by_chance([zipcode.sales for zipcode in known]),
    }


def _changes(found: dict[str, Estimate]) -> dict[str, str]:
    """Write by how much metrics differ, with their intervals."""
    dollars = found["mae"]
    points = found["bias"]
    return {
        "mae": f"{_dollars(dollars.value)} ({_dollars(dollars.low)} to {_dollars(dollars.high)})",
        "bias": f"{points.value:+.1f} points ({points.low:+.1f} to {points.high:+.1f})",
    }


def _mean_error(findings: Findings, which: Literal["served", "kept"]) -> float:
    """Return the average error in dollars of what served in the six months, or would have without retraining."""
    months = findings.retrainings
    errors = [(one.served if which == "served" else one.kept)["mae"] for one in months]
    return float(np.average(errors, weights=[one.sold for one in months]))


def _dollars(value: float) -> str:
    return f"{'-' if value < 0 else '+'}${abs(value):,.0f}"


def _change(gain: float, noise: float) -> str:
    """Write what a step changes the average error by, in dollars, with its noise."""
    return f"{_dollars(-gain)} ± {noise:,.0f}"


def _worth(row: StepFigures) -> str:
    """Say in a sentence whether the demographics would gain anything."""
    changes = ((row.gain, row.noise), (row.gain_required, row.noise_required))
    if all(abs(gain) < 2 * noise for gain, noise in changes):
        return "Both changes are within the noise: nothing would be gained."
    return "That is what the decision costs, or gains."


def lowest_by_chance(sales: list[int]) -> str:
    """Say where the lowest coverage of areas with so many sales lies, nine times in ten, if each truly has 90 %."""
    if not sales:
        return "no percentages"
    held = np.random.default_rng(0).binomial(sales, TARGET_COVERAGE, size=(DRAWS, len(sales)))
    low, high = np.quantile((held / sales).min(axis=1), (0.05, 0.95)) * 100
    return f"{low:.0f} and {high:.0f} %"
