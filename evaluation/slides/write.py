"""The presentations, built anew from the figures that a report has just written."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from data.files import DataFiles
from evaluation.plan import Plan
from evaluation.report import FIGURES, PICTURES
from evaluation.runs import Runs
from evaluation.slides.build import build
from evaluation.slides.invented_homes import HOMES_FILE, value_invented
from training.improved import train_improved
from training.sales import Sales
from training.valuer import Valuer

SLIDES = "presentation"


def write_slides(runs: Runs, plan: Plan, files: DataFiles, folder: Path, step: Callable[[str], None]) -> Iterator[Path]:
    """Value the invented homes and write both presentations beside the report in ``folder``; yields what is written.

    Raises evaluation.slides.SlidesError.
    """
    step("slides")

    def train(sales: Sales) -> Valuer:
        return train_improved(sales[sales.unexampled], rounds=plan.boosting).at("latest")

    valued = value_invented(files, train)
    slides = folder / SLIDES
    slides.mkdir(exist_ok=True)
    valued.write(slides / HOMES_FILE)
    yield from build(folder / PICTURES / FIGURES, valued, slides)
