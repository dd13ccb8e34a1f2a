"""Every figure of the report, as typed objects: written as JSON, and read back for the slides."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from pydantic import TypeAdapter

from data.files import DataSummary
from evaluation.ablation import StepFigures
from evaluation.basic_fit import BasicFit
from evaluation.drift import Resales
from evaluation.graph import GraphFigures
from evaluation.importance import Importance
from evaluation.metrics import Estimate
from evaluation.runs import GivenColumns, Model, usual_level
from evaluation.seeds import Seeds
from evaluation.splits import Split
from evaluation.worst import Worst
from training.improved import Level

Metrics = dict[str, float]
"""Figures by the names in ``evaluation.metrics.METRICS``."""

LEAST_SALES = 40
"""Fewer tested sales than this say nothing about a ZIP code's coverage."""


@dataclass(frozen=True)
class Cell:
    """Hold how good a model is on one split."""

    split: Split
    model: Model
    columns: GivenColumns
    level: Level
    sales: int
    metrics: dict[str, Estimate]

    @property
    def name(self) -> str:
        """Return the name by which the report and the slides refer to it."""
        suffix = "" if self.level == usual_level(self.split) else f"_{self.level}"
        return f"{self.split.value}_{self.model.value}_{self.columns.value}{suffix}"


@dataclass(frozen=True)
class Learned:
    """Hold how a model trained on so many sales values them, and how it values the firm's held-out ones."""

    sales: int
    train: Metrics
    test: Metrics


@dataclass(frozen=True)
class ZipCode:
    """Hold a ZIP code in the grouped split: both models' median error and the improved range, in percent."""

    zipcode: int
    sales: int
    mdape_basic: float
    mdape: float
    bias: float
    coverage: float
    coverage_required: float
    width: float


@dataclass(frozen=True)
class Retraining:
    """Hold what the gate said of a version that was trained to a month, and how that month's homes were then valued.

    ``difference`` is how much higher the new version's mean absolute error is than that of the one which served, in
    dollars, on sales that each valued before it had seen the home; ``refusal`` is empty when it took over. ``served``
    measures whichever version served in the month, ``kept`` the one that had served before, and ``gain`` is the
    difference of their mean absolute errors.
    """

    month: str
    known: int
    """How many sales the new version learned from."""
    valued_for: str
    compared: int
    difference: Estimate | None
    difference_required: Estimate | None
    refusal: str
    sold: int
    served: Metrics
    kept: Metrics
    gain: Estimate


@dataclass(frozen=True)
class Findings:
    """Hold all figures; percentages are in percent, money is in dollars."""

    data: DataSummary
    libraries: dict[str, str]
    sales: int
    examples: int
    examples_sold: int
    cells: list[Cell]
    gain: dict[str, dict[str, Estimate]]
    """Improved less basic on the same sales: the grouped split with full and with required columns, and the firm's."""
    untouched: dict[str, Metrics]
    """The grouped split again, on the sales that the firm's split holds out: no setting was chosen on them."""
    closer: float
    """The percentage of homes whose price the improved model meets more closely."""
    seeds: dict[str, Seeds]
    seed_ratio: list[float]
    ablation: list[StepFigures]
    ablation_seeds: int
    graph: GraphFigures
    basic: BasicFit
    learning: dict[str, list[Learned]]
    importance: dict[str, list[Importance]]
    months: dict[str, dict[str, float]]
    spring_rise: float
    index_gain: dict[str, dict[str, Estimate]]
    """On the splits by date: the metrics with the market index less those with the level that it replaced."""
    retrainings: list[Retraining]
    resales: Resales
    bands: dict[str, dict[str, Metrics]]
    dear: dict[str, Metrics]
    dear_sales: int
    seattle: dict[str, Metrics]
    """The improved model on the ZIP codes that begin with 981."""
    zipcodes: list[ZipCode]
    worst: list[Worst]

    @property
    def by_cell(self) -> dict[str, dict[str, Estimate]]:
        """Return the metrics of each cell by its name."""
        return {cell.name: cell.metrics for cell in self.cells}

    @property
    def lowest_coverage(self) -> float:
        """Return the lowest coverage of a ZIP code with at least ``LEAST_SALES`` sales, in percent; NaN if none has."""
        known = (zipcode.coverage for zipcode in self.zipcodes if zipcode.sales >= LEAST_SALES)
        return min(known, default=float("nan"))

    def write(self, path: Path) -> None:
        """Write all figures as JSON."""
        path.write_text(json.dumps(asdict(self), indent=1) + "\n")

    @classmethod
    def read(cls, path: Path) -> Findings:
        """Read what ``write`` wrote. Raises pydantic.ValidationError when a figure is missing or of the wrong type."""
        return _FINDINGS.validate_json(path.read_bytes())


_FINDINGS = TypeAdapter(Findings)
