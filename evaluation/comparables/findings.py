"""Every figure of the page, as typed objects: written as JSON, and read back for the page."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

from pydantic import TypeAdapter

from data.files import DataSummary
from evaluation.comparables.accuracy import (
    Part,
    Way,
    ahead,
    by_distance,
    by_limits,
    by_number,
    by_price,
    part,
    unusual_share,
    ways,
)
from evaluation.comparables.compared import DAYS_BEFORE, Asked, compared
from evaluation.comparables.grades import Grade, Signals, grades, signals
from evaluation.comparables.reason_quality import OTHER_SEEDS, ReasonQuality, reason_quality
from evaluation.comparables.ten_homes import Convincing, LookedAt, convincing, ten_homes
from evaluation.plan import ReportPlan
from evaluation.runs import GivenColumns, Model, Runs
from evaluation.splits import Split, folds
from market_analysis.selection import COMPARABLES
from training.sales import FIRM_SEED

FIGURES = "comparables.json"
NUMBERS = (3, 8, 10)
"""How many comparables are asked for, beside as many as are served."""


@dataclass(frozen=True)
class ComparablesFindings:
    """Hold all figures; percentages are in percent, money is in dollars."""

    data: DataSummary
    since: str
    """The first day of the sales that are looked at."""
    homes: int
    without: int
    """The homes without a comparable."""
    ways: list[Way]
    ways_required: list[Way]
    """The model and the comparables as served, given the required columns only."""
    ahead: list[Way]
    """Where the models were trained before the homes were sold."""
    numbers: list[Part]
    limits: list[Part]
    distances: list[Part]
    prices: list[Part]
    unusual_too: Part
    """With unusual sales among the comparables."""
    unusual_share: float
    """Of the sales that are similar enough to be shown, the percentage that is left out as unusual."""
    grades: dict[str, list[Grade]]
    signals: Signals
    reasons: ReasonQuality
    convincing: Convincing
    ten: list[LookedAt]

    def write(self, path: Path) -> None:
        """Write all figures as JSON."""
        path.write_text(json.dumps(asdict(self), indent=1) + "\n")

    @classmethod
    def read(cls, path: Path) -> ComparablesFindings:
        """Read what ``write`` wrote. Raises pydantic.ValidationError when a figure is missing or of the wrong type."""
        return _FINDINGS.validate_json(path.read_bytes())


def trainings(runs: Runs) -> int:
    """Return how many times the figures train a model, when nothing was trained before."""
    kept = [folds(split, runs.sales, FIRM_SEED, runs.folding) for split in (Split.GROUPED, Split.TEMPORAL)]
    return sum(len(list(split)) for split in kept) + len(OTHER_SEEDS)


def gather(runs: Runs, plan: ReportPlan, step: Callable[[str], None]) -> ComparablesFindings:
    """Train what is not trained yet and derive the figures; ``step`` is called with the name of each part."""
    sales = runs.sales
    step("training")
    runs.run([(split, FIRM_SEED, Model.IMPROVED) for split in (Split.GROUPED, Split.TEMPORAL)])
    refits = runs.refits(Split.GROUPED)
    step("reasons")
    reasons = reason_quality(sales, refits[0], plan.explained, plan.boosting, runs.after_training)
    step("comparables")
    served = compared(sales, refits)
    unusual_too = compared(sales, refits, Asked(unusual_too=True))
    required = compared(sales, refits, Asked(columns=GivenColumns.REQUIRED))
    asked = {COMPARABLES: served, **{count: compared(sales, refits, Asked(count=count)) for count in NUMBERS}}
    known = compared(sales, runs.refits(Split.TEMPORAL), Asked(ahead=True))
    step("measuring")
    return ComparablesFindings(
        data=sales.summary,
        since=str(sales.days.min() + DAYS_BEFORE),
        homes=len(served),
        without=int((served.count == 0).sum()),
        ways=ways(sales, served, unusual_too),
        ways_required=ahead(required),
        ahead=ahead(known),
        numbers=by_number(dict(sorted(asked.items()))),
        limits=by_limits(served),
        distances=by_distance(served),
        prices=by_price(served),
        unusual_too=part("with unusual sales", unusual_too),
        unusual_share=unusual_share(served),
        grades={"full": grades(served.valued), "required": grades(required.valued)},
        signals=signals(served),
        reasons=reasons,
        convincing=convincing(served),
        ten=ten_homes(sales, served),
    )


_FINDINGS = TypeAdapter(ComparablesFindings)
