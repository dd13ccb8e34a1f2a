"""What a report trains, listed beforehand so that its progress can be counted."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from evaluation import ablation
from evaluation.ablation import SEEDS
from evaluation.runs import Key, Model, usual_level
from evaluation.splits import USUAL_FOLDING, Folding, Split, folds
from training.improved import Level
from training.price_model import DECISIONS
from training.sales import FIRM_SEED, Sales


@dataclass(frozen=True)
class ReportPlan:
    """Hold how thorough a report is."""

    folding: Folding
    other_seeds: int
    """How many random splits besides the firm's."""
    ablation_seeds: tuple[int, ...]
    """The seeds on which each decision is measured."""
    sizes: tuple[int, ...]
    """Numbers of training sales on the learning curve; the firm's whole training part ends it."""
    boosting: int = DECISIONS.rounds
    """How often the improved model's trees are boosted."""
    homes: int | None = None
    """How many homes, drawn at random, stand for all of them."""
    explained: int = 500
    """How many homes' reasons are judged."""


FULL = ReportPlan(USUAL_FOLDING, 20, SEEDS, (1_000, 2_000, 4_000, 8_000))
QUICK = ReportPlan(Folding(folds=2, first_month="2015-04"), 2, SEEDS[:2], (400,), boosting=6, homes=800, explained=40)

CELLS: tuple[tuple[Split, Model, Level], ...] = (
    *((split, model, usual_level(split)) for model in Model for split in Split),
    (Split.TEMPORAL, Model.IMPROVED, "average"),
    (Split.ROLLING, Model.IMPROVED, "average"),
)
"""The split, the model and the market level of every cell."""


def keys(plan: ReportPlan) -> list[Key]:
    """Return all that is trained fold by fold; the longest comes first, so that no core waits at the end."""
    cells = [(split, FIRM_SEED, model) for model in Model for split in Split]
    return sorted(cells, key=lambda key: key[2] is Model.BASIC)


def trainings(plan: ReportPlan, sales: Sales) -> int:
    """Return how many times the whole report trains a model."""
    cells = sum(len(list(folds(split, sales, seed, plan.folding))) for split, seed, _ in keys(plan))
    ablated = ablation.jobs(len(plan.ablation_seeds), plan.folding.folds)
    return cells + len(Model) * (len(plan.sizes) + plan.other_seeds) + ablated


def sampled(plan: ReportPlan, sales: Sales) -> Sales:
    """Return the sales that the plan asks for: all sales of some homes, so that none loses its second sale."""
    if plan.homes is None:
        return sales
    drawn = np.random.default_rng(FIRM_SEED).permutation(np.unique(sales.homes))[: plan.homes]
    return sales[np.isin(sales.homes, drawn)]
