"""Six months as they would have been: trained to a month, judged by the gate, published, and asked for the next month.

Every version is a real one: converted, written with its card and its proof, and examined as the door does it. It knows
nothing but the sales before its month, and so does the gate.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

from conversion.improved import convert_improved
from evaluation.findings import Retraining
from evaluation.metrics import Estimate, difference, measure
from evaluation.runs import GivenColumns, Refit, value
from evaluation.splits import Holdout
from publishing.comparison import Difference
from publishing.examination import Task, findings_of
from publishing.version import write_version
from training.improved import ImprovedModel
from training.sales import Sales


def retrainings(sales: Sales, refits: Sequence[Refit]) -> list[Retraining]:
    """Let a version take over from the one before it, month by month; the first serves without being compared."""
    found = []
    with TemporaryDirectory() as area:
        first, *later = refits
        serving, served_by = _version(first.model, _known(sales, first.fold), Path(area) / "0"), first.model
        for number, refit in enumerate(later, start=1):
            model, known, sold = refit.model, _known(sales, refit.fold), sales[refit.fold.test]
            version = _version(model, known, Path(area) / str(number))
            gate = findings_of(Task(version, serving, known))
            kept = value(served_by.at("latest"), sold, GivenColumns.FULL)
            if not gate.refusal:
                serving, served_by = version, model
            served = value(served_by.at("latest"), sold, GivenColumns.FULL)
            comparison = gate.comparison
            found.append(
                Retraining(
                    month=str(sold.days.min().astype("datetime64[M]")),
                    known=len(known),
                    valued_for=model.market.valued_for,
                    compared=comparison.sales if comparison else 0,
                    difference=_estimate(comparison.all_columns) if comparison else None,
                    difference_required=_estimate(comparison.required_columns) if comparison else None,
                    refusal=gate.refusal,
                    sold=len(sold),
                    served=measure(served),
                    kept=measure(kept),
                    gain=difference(served, kept)["mae"],
                )
            )
    return found


def _known(sales: Sales, fold: Holdout) -> Sales:
    """Return the sales before a month as a file of their own."""
    known = sales[fold.train]
    first, last = (str(day) for day in (known.days.min(), known.days.max()))
    fingerprint = f"{sales.summary.fingerprint}-{last}"
    summary = replace(sales.summary, fingerprint=fingerprint, sales=len(known), first_sale=first, last_sale=last)
    return replace(known, summary=summary)


def _version(model: ImprovedModel, known: Sales, folder: Path) -> Path:
    folder.mkdir()
    write_version(convert_improved(model.at("latest"), known.table[known.held_out]), known, folder)
    return folder


def _estimate(found: Difference) -> Estimate:
    return Estimate(found.difference, found.low, found.high)
