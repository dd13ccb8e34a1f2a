"""The presentations, built anew from the figures that a report has just written."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from conversion.improved_model import train_improved
from conversion.sales import Sales
from conversion.valuer import Valuer
from data.files import DataFiles
from docs.presentation.build import build
from docs.presentation.homes import HOMES_FILE, value_invented
from evaluation.plan import Plan
from evaluation.report import FIGURES, PICTURES
from evaluation.run import Runs

SLIDES = "presentation"


def write_slides(runs: Runs, plan: Plan, files: DataFiles, folder: Path, step: Callable[[str], None]) -> Iterator[Path]:
    """Value the invented homes and write both presentations beside the report in ``folder``; yields what is written.

    Raises docs.presentation.SlidesError.
    """
    step("slides")

    def train(sales: Sales) -> Valuer:
        rows = sales.unexampled
        return train_improved(
            sales.table[rows], sales.prices[rows], sales.homes[rows], sales.days[rows], rounds=plan.boosting
        ).at("latest")

    valued = value_invented(files, train)
    slides = folder / SLIDES
    slides.mkdir(exist_ok=True)
    valued.write(slides / HOMES_FILE)
    yield from build(folder / PICTURES / FIGURES, valued, slides)
