"""Trains all that a report needs and derives its figures from the runs."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from conversion.converted import libraries
from data.files import DataFiles
from data.load import load_market
from evaluation.ablation import ablation
from evaluation.basic_fit import basic_fit
from evaluation.drift import index_gain, monthly_bias, resales, spring_rise
from evaluation.findings import Cell, Findings, Learned, Metrics, ZipCode
from evaluation.graph import GraphFigures, measure_graph
from evaluation.importance import importances
from evaluation.metrics import by_band, by_group, difference, estimate, measure
from evaluation.plan import CELLS, ReportPlan, keys
from evaluation.runs import BY_DATE, LEVELS, GivenColumns, Model, Runs, ValuedSplit, value
from evaluation.seeds import other_seeds
from evaluation.six_months import retrainings
from evaluation.splits import Holdout, Split, zipcodes_of
from evaluation.worst import worst
from preprocessing.homes import Homes
from training.improved import ImprovedModel
from training.sales import FIRM_SEED, Sales
from training.valuations import ValuedSales
from training.valuer import BasicValuer

DEAR = 3_000_000
"""Dollars paid, above which sales are too few to learn from."""

_SEATTLE = 981


def gather(runs: Runs, plan: ReportPlan, files: DataFiles, step: Callable[[str], None]) -> Findings:
    """Train all that the plan asks for and derive the figures; ``step`` is called with the name of each part."""
    sales = runs.sales
    step("training")
    runs.run(keys(plan))
    learning = _learning_curves(runs, plan)
    step("other seeds")
    seeds = other_seeds(sales, range(plan.other_seeds), plan.boosting, runs.after_training)
    step("what each decision is worth")
    ablated = ablation(sales, plan.ablation_seeds, plan.folding.folds, plan.boosting, runs.after_training)
    step("measuring")
    cells = []
    for split, model, level in CELLS:
        for columns in _columns(model):
            tested = runs.tested(split, FIRM_SEED, model, columns, level)
            cells.append(Cell(split, model, columns, level, len(tested.rows), estimate(tested.valued)))
    pairs = zip(seeds["improved"].mae, seeds["basic"].mae, strict=True)
    importance = {model.value: importances(runs.firm_valuer(model), sales) for model in Model}
    grouped = {name: runs.tested(Split.GROUPED, FIRM_SEED, *of) for name, of in _GROUPED.items()}
    improved, basic = grouped["improved_full"], grouped["basic_full"]
    dear = improved.valued.paid >= DEAR
    examples, sold = _examples(files)
    return Findings(
        data=sales.summary,
        libraries=libraries(),
        sales=len(sales),
        examples=examples,
        examples_sold=sold,
        cells=cells,
        gain={
            "grouped_full": difference(improved.valued, basic.valued),
            "grouped_required": difference(grouped["improved_required"].valued, basic.valued),
            "random_full": difference(
                runs.tested(Split.RANDOM, FIRM_SEED, Model.IMPROVED, GivenColumns.FULL).valued,
                runs.tested(Split.RANDOM, FIRM_SEED, Model.BASIC, GivenColumns.FULL).valued,
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
                f"{split.value}_{level}": monthly_bias(
                    sales, runs.tested(split, FIRM_SEED, Model.IMPROVED, GivenColumns.FULL, level)
                )
                for split in BY_DATE
                for level in LEVELS
            },
        },
        spring_rise=spring_rise(sales, improved),
        index_gain={split.value: index_gain(sales, runs.refits(split)) for split in BY_DATE},
        retrainings=retrainings(sales, runs.refits(Split.ROLLING)),
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
    "basic_full": (Model.BASIC, GivenColumns.FULL),
    "improved_full": (Model.IMPROVED, GivenColumns.FULL),
    "improved_required": (Model.IMPROVED, GivenColumns.REQUIRED),
}


def _columns(model: Model) -> tuple[GivenColumns, ...]:
    """Return what a model is to be told; the basic one reads the required columns only, so more changes nothing."""
    return (GivenColumns.FULL,) if model is Model.BASIC else tuple(GivenColumns)


def firm_graph(runs: Runs) -> GraphFigures:
    """Measure the improved model that the firm's split trains, as ONNX, on every sale."""
    model, basic = runs.firm_valuer(Model.IMPROVED), runs.firm_valuer(Model.BASIC)
    assert isinstance(model, ImprovedModel)
    assert isinstance(basic, BasicValuer)
    return measure_graph(model.at("latest"), basic, runs.sales.table)


def _learning_curves(runs: Runs, plan: ReportPlan) -> dict[str, list[Learned]]:
    """Measure models trained on the first of the firm's training sales, which its split has shuffled."""
    sales, test = runs.sales, runs.sales.held_out
    parts = [sales.training[:size] for size in plan.sizes]
    jobs = [(model, FIRM_SEED, Holdout(part, np.concatenate([part, test]))) for model in Model for part in parts]
    smaller = [one.values[GivenColumns.FULL, "average"] for one in runs.trained(jobs)]
    curves = {}
    for index, model in enumerate(Model):
        values = smaller[index * len(parts) :][: len(parts)]
        both = np.concatenate([sales.training, test])
        values.append(value(runs.firm_valuer(model), sales[both], GivenColumns.FULL))
        curves[model.value] = [_learned(valued, len(valued.paid) - len(test)) for valued in values]
    return curves


def _learned(valued: ValuedSales, trained_on: int) -> Learned:
    """Measure the first sales, which were trained on, and the others, which were held out."""
    rows = np.arange(len(valued.paid))
    return Learned(trained_on, measure(valued[rows[:trained_on]]), measure(valued[rows[trained_on:]]))


def _seattle(runs: Runs) -> dict[str, Metrics]:
    found = {}
    for split in (Split.GROUPED, Split.ROLLING):
        tested = runs.tested(split, FIRM_SEED, Model.IMPROVED, GivenColumns.FULL)
        found[split.value] = measure(tested.valued[zipcodes_of(runs.sales.table[tested.rows]) // 100 == _SEATTLE])
    return found


def _by_zipcode(sales: Sales, grouped: dict[str, ValuedSplit]) -> list[ZipCode]:
    parts: dict[str, dict[int, ValuedSales]] = {
        name: dict(by_group(tested.valued, zipcodes_of(sales.table[tested.rows]))) for name, tested in grouped.items()
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
    """Return how many example homes there are, and how many of them equal a sold home in all 18 columns."""
    market = load_market(files)
    examples, sold = ({home.tobytes() for home in Homes.of(homes).values} for homes in (market.unseen, market.sales))
    return len(market.unseen), len(examples & sold)
