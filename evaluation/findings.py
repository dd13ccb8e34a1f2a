"""Every figure of the report, derived from the runs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from conversion.converted import libraries
from data.files import DataFiles, DataSummary
from data.load import load_market
from evaluation import plan as plans
from evaluation.ablation import Row, ablation
from evaluation.basic_fit import BasicFit, basic_fit
from evaluation.drift import Resales, monthly_bias, resales, spring_rise
from evaluation.graph import Graph, measure_graph
from evaluation.importance import Importance, importances
from evaluation.metrics import Estimate, Valued, by_band, by_group, difference, estimate, measure
from evaluation.plan import Plan
from evaluation.runs import Columns, Level, Model, Outcome, Runs, usual_level, value
from evaluation.seeds import Seeds, other_seeds
from evaluation.splits import Fold, Split, zipcodes_of
from evaluation.worst import Worst, worst
from preprocessing.homes import Homes
from training.improved import ImprovedModel
from training.sales import FIRM_SEED, Sales

Metrics = dict[str, float]

DEAR = 3_000_000
"""Dollars paid, above which sales are too few to learn from."""
LEAST_SALES = 40
"""Fewer tested sales than this say nothing about a ZIP code's coverage."""

_SEATTLE = 981


@dataclass(frozen=True)
class Cell:
    """How good a model is on one split."""

    split: Split
    model: Model
    columns: Columns
    level: Level
    sales: int
    metrics: dict[str, Estimate]

    @property
    def name(self) -> str:
        """As the report's text refers to it."""
        suffix = "" if self.level is usual_level(self.split) else f"_{self.level.value}"
        return f"{self.split.value}_{self.model.value}_{self.columns.value}{suffix}"


@dataclass(frozen=True)
class Learned:
    """What a model trained on a number of sales makes of them and of the firm's held-out ones."""

    sales: int
    train: Metrics
    test: Metrics


@dataclass(frozen=True)
class ZipCode:
    """A ZIP code in the grouped split: both models' median error and the improved range, in percent."""

    zipcode: int
    sales: int
    mdape_basic: float
    mdape: float
    bias: float
    coverage: float
    coverage_required: float
    width: float


@dataclass(frozen=True)
class Findings:
    """All figures; percentages are in percent, money is in dollars."""

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
    ablation: list[Row]
    ablation_seeds: int
    graph: Graph
    basic: BasicFit
    learning: dict[str, list[Learned]]
    importance: dict[str, list[Importance]]
    months: dict[str, dict[str, float]]
    spring_rise: float
    resales: Resales
    bands: dict[str, dict[str, Metrics]]
    dear: dict[str, Metrics]
    dear_sales: int
    seattle: dict[str, Metrics]
    """The improved model on the ZIP codes that begin with 981."""
    zipcodes: list[ZipCode]
    worst: list[Worst]


def gather(runs: Runs, plan: Plan, files: DataFiles, step: Callable[[str], None]) -> Findings:
    """Train all that the plan asks for, and derive the figures; ``step`` is told what comes next."""
    sales = runs.sales
    step("training")
    runs.run(plans.keys(plan))
    learning = _learning_curves(runs, plan)
    step("other seeds")
    seeds = other_seeds(sales, range(plan.other_seeds), plan.boosting, runs.after_training)
    step("what each decision is worth")
    ablated = ablation(sales, plan.ablation_seeds, plan.folding.folds, plan.boosting, runs.after_training)
    step("measuring")
    cells = []
    for split, model, level in plans.CELLS:
        for columns in _columns(model):
            tested = runs.outcome(split, FIRM_SEED, model, columns, level)
            cells.append(Cell(split, model, columns, level, len(tested.rows), estimate(tested.valued)))
    pairs = zip(seeds["improved"].mae, seeds["basic"].mae, strict=True)
    importance = {model.value: importances(runs.firm_valuer(model), sales) for model in Model}
    grouped = {name: runs.outcome(Split.GROUPED, FIRM_SEED, *of) for name, of in _GROUPED.items()}
    improved, basic = grouped["improved_full"], grouped["basic_full"]
    dear = improved.valued.paid >= DEAR
    examples, sold = _examples(files)
    return Findings(
        data=sales.summary,
        libraries=libraries(),
        sales=len(sales.prices),
        examples=examples,
        examples_sold=sold,
        cells=cells,
        gain={
            "grouped_full": difference(improved.valued, basic.valued),
            "grouped_required": difference(grouped["improved_required"].valued, basic.valued),
            "random_full": difference(
                runs.outcome(Split.RANDOM, FIRM_SEED, Model.IMPROVED, Columns.FULL).valued,
                runs.outcome(Split.RANDOM, FIRM_SEED, Model.BASIC, Columns.FULL).valued,
            ),
        },
        untouched={name: measure(one.valued[np.isin(one.rows, sales.held_out)]) for name, one in grouped.items()},
        closer=float(np.mean(np.abs(improved.valued.error) < np.abs(basic.valued.error)) * 100),
        seeds=seeds,
        seed_ratio=[ours / theirs for ours, theirs in pairs],
        ablation=ablated,
        ablation_seeds=len(plan.ablation_seeds),
        graph=firm_graph(runs),
        basic=basic_fit(sales),
        learning=learning,
        importance=importance,
        months={
            "grouped": monthly_bias(sales, improved),
            **{
                f"{split.value}_{level.value}": monthly_bias(
                    sales, runs.outcome(split, FIRM_SEED, Model.IMPROVED, Columns.FULL, level)
                )
                for split in (Split.TEMPORAL, Split.ROLLING)
                for level in Level
            },
        },
        spring_rise=spring_rise(sales, improved),
        resales=resales(sales, improved),
        bands={
            name: {band: {"sales": len(part.paid), **measure(part)} for band, part in by_band(tested.valued)}
            for name, tested in grouped.items()
        },
        dear={name: measure(tested.valued[dear]) for name, tested in grouped.items()},
        dear_sales=int(dear.sum()),
        seattle=_seattle(runs),
        zipcodes=_by_zipcode(sales, grouped),
        worst=worst(sales, improved),
    )


_GROUPED = {
    "basic_full": (Model.BASIC, Columns.FULL),
    "improved_full": (Model.IMPROVED, Columns.FULL),
    "improved_required": (Model.IMPROVED, Columns.REQUIRED),
}


def _columns(model: Model) -> tuple[Columns, ...]:
    """The basic model reads the required columns only: giving it more changes nothing."""
    return (Columns.FULL,) if model is Model.BASIC else tuple(Columns)


def firm_graph(runs: Runs) -> Graph:
    """The improved model that the firm's split trains, as ONNX, on every sale."""
    model = runs.firm_valuer(Model.IMPROVED)
    assert isinstance(model, ImprovedModel)
    return measure_graph(model.at("latest"), runs.sales.table)


def _learning_curves(runs: Runs, plan: Plan) -> dict[str, list[Learned]]:
    """Of models trained on the first of the firm's training sales, which its split has shuffled."""
    sales, test, way = runs.sales, runs.sales.held_out, (Columns.FULL, Level.AVERAGE)
    parts = [sales.training[:size] for size in plan.sizes]
    jobs = [(model, FIRM_SEED, Fold(part, np.concatenate([part, test]))) for model in Model for part in parts]
    smaller = [one.values[way] for one in runs.trained(jobs)]
    curves = {}
    for index, model in enumerate(Model):
        values = smaller[index * len(parts) :][: len(parts)]
        both = np.concatenate([sales.training, test])
        values.append(value(runs.firm_valuer(model), sales, both, Columns.FULL))
        curves[model.value] = [_learned(valued, len(valued.paid) - len(test)) for valued in values]
    return curves


def _learned(valued: Valued, trained_on: int) -> Learned:
    """The sales trained on stand first, the held-out ones after them."""
    rows = np.arange(len(valued.paid))
    return Learned(trained_on, measure(valued[rows[:trained_on]]), measure(valued[rows[trained_on:]]))


def _seattle(runs: Runs) -> dict[str, Metrics]:
    found = {}
    for split in (Split.GROUPED, Split.ROLLING):
        tested = runs.outcome(split, FIRM_SEED, Model.IMPROVED, Columns.FULL)
        found[split.value] = measure(tested.valued[zipcodes_of(runs.sales)[tested.rows] // 100 == _SEATTLE])
    return found


def _by_zipcode(sales: Sales, grouped: dict[str, Outcome]) -> list[ZipCode]:
    parts: dict[str, dict[int, Valued]] = {
        name: dict(by_group(tested.valued, zipcodes_of(sales)[tested.rows])) for name, tested in grouped.items()
    }
    found = []
    for zipcode, valued in parts["improved_full"].items():
        ours, basic = measure(valued), measure(parts["basic_full"][zipcode])
        found.append(
            ZipCode(
                zipcode=zipcode,
                sales=len(valued.paid),
                mdape_basic=basic["mdape"],
                mdape=ours["mdape"],
                bias=ours["bias"],
                coverage=ours["coverage"],
                coverage_required=measure(parts["improved_required"][zipcode])["coverage"],
                width=ours["width"],
            )
        )
    return found


def _examples(files: DataFiles) -> tuple[int, int]:
    """How many example homes there are, and how many of them stand among the sales, equal in all 18 columns."""
    market = load_market(files)
    examples, sold = ({home.tobytes() for home in Homes.of(homes).values} for homes in (market.unseen, market.sales))
    return len(market.unseen), len(examples & sold)
