"""A version of the price model: from a converted model to a complete folder."""

from __future__ import annotations

import hashlib
from datetime import date, datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from conversion import Refused, one_line
from conversion.converted import Converted
from conversion.graph import Ranges, complete, fingerprint, has_range, milliseconds_per_home, run, session
from preprocessing.columns import FEATURE_NAMES, OPTIONAL_COLUMN_NAMES, POSITION, ZIPCODE
from preprocessing.training_bins import describe
from publishing.card import Card, ExampleHome, MeasuredRange
from publishing.comparables_file import write_comparables
from publishing.contract import MODEL_FILE
from publishing.proof_file import write_proof
from training.accuracy_by import accuracy_by
from training.gaps import only_required
from training.relative_range import TARGET_COVERAGE, calibrate, halves
from training.sales import Sales
from training.valuations import Valuations, ValuedSales

if TYPE_CHECKING:
    from onnxruntime import InferenceSession


def identify(name: str, day: date, digest: str, *, standin: bool) -> str:
    """Return what a model calls itself: ``basic-2026-11-24-742d8f0c``, with ``-standin`` where that is due."""
    return f"{name}-{day:%Y-%m-%d}-{digest[:8]}{'-standin' if standin else ''}"


EXAMPLES = 8
"""Homes whose prices stand on the card, one half with all columns and one with the required ones."""


def write_version(converted: Converted, sales: Sales, folder: Path) -> Card:
    """Give a converted model its range, if it has none, and its name; write its files and ``card.json``.

    Accuracy and range of a model with a proof are those of the proof. Otherwise they are measured on the held-out
    sales: a range that is given here is calibrated on one half of them and measured on the other. Raises Refused when
    no range fits.
    """
    held_out = sales.held_out
    ranges, measured = None, held_out
    if not has_range(converted.point):
        calibration, measurement = halves(sales.homes[held_out])
        ranges = _calibrate(converted, sales[held_out[calibration]])
        measured = held_out[measurement]

    now = datetime.now(timezone.utc)
    digest = fingerprint(complete(converted.point, ranges, ""))
    identity = identify(converted.name, now.date(), digest, standin=sales.summary.standin)
    graph = complete(converted.point, ranges, identity).SerializeToString()
    (folder / MODEL_FILE).write_bytes(graph)

    running = session(graph)
    level = converted.market.factor if converted.market else 1.0

    def value(rows: npt.NDArray[np.intp], table: npt.NDArray[np.float32]) -> ValuedSales:
        answers = run(running, table[rows])
        price, low, high = (answers[name] / level for name in ("price", "price_low", "price_high"))
        return Valuations(price.astype(np.float64), low, high).of(sales.prices[rows], sales.homes[rows])

    if converted.proof:
        write_proof(converted.proof, folder)
        unseen, unseen_required = converted.proof.told(), converted.proof.told(required=True)
        told, learned = converted.proof.among(sales)
        whole, least = unseen, unseen_required
        shown, known = unseen[told], learned
    else:
        required = only_required(sales.table)
        unseen, unseen_required = value(held_out, sales.table), value(held_out, required)
        whole, least, learned = value(measured, sales.table), value(measured, required), sales.training
        shown, known = unseen, held_out
    write_comparables(sales, known, Valuations(shown.price, shown.low, shown.high), folder)
    card = Card(
        price_model=identity,
        created_at=now.isoformat(timespec="seconds"),
        files={path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(folder.iterdir())},
        examples=_examples(running, sales.table[_without_ties(held_out, converted)]),
        feature_names=FEATURE_NAMES,
        columns_used=converted.columns,
        data=sales.summary,
        training=value(learned, sales.table).accuracy,
        held_out=unseen.accuracy,
        held_out_required=unseen_required.accuracy,
        market=converted.market,
        price_range=MeasuredRange(
            target_coverage=TARGET_COVERAGE,
            measured_sales=len(whole.paid),
            coverage=whole.coverage,
            coverage_required=least.coverage,
            mean_width=whole.mean_width,
            mean_width_required=least.mean_width,
            below=ranges.whole.below if ranges and not ranges.gaps else None,
            above=ranges.whole.above if ranges and not ranges.gaps else None,
        ),
        parity=converted.parity,
        ms_per_home=milliseconds_per_home(running, sales.table[held_out[:1]]),
        libraries=converted.libraries,
        training_columns=describe(sales.table[learned]),
        accuracy_by=accuracy_by(shown, sales.table[known, POSITION[ZIPCODE]]),
    )
    card.write(folder)
    return card


def _calibrate(converted: Converted, sales: Sales) -> Ranges:
    """Return the range that sales ask for; homes with gaps get one of their own where the model reads what they lack.

    That is the range of homes with only the required columns: no other home tells a model less. Raises Refused.
    """
    columns = tuple(name for name in converted.columns if name in OPTIONAL_COLUMN_NAMES)
    try:
        whole = calibrate(converted.price(sales.table), sales.prices)
        if not columns:
            return Ranges(whole)
        return Ranges(whole, calibrate(converted.price(only_required(sales.table)), sales.prices), columns)
    except ValueError as error:  # MAPIE's, or that of a range beside its price
        raise Refused(
            f"no range around its prices holds {TARGET_COVERAGE:.0%} of {len(sales):,} held-out sale prices: "
            f"{one_line(error)}"
        ) from error


def _without_ties(held_out: npt.NDArray[np.intp], converted: Converted) -> npt.NDArray[np.intp]:
    """Return rows of a few held-out homes that have a single right price, whatever processor computes it."""
    tied = {tie.row for tie in converted.parity.ties}
    return held_out[sorted(range(len(held_out)), key=tied.__contains__)[: EXAMPLES // 2]]


def _examples(running: InferenceSession, table: npt.NDArray[np.float32]) -> tuple[ExampleHome, ...]:
    table = np.concatenate([table, only_required(table)])
    answers = run(running, table)
    return tuple(
        ExampleHome(
            tuple(None if np.isnan(value) else float(value) for value in home),
            *(float(answers[name][row]) for name in ("price", "price_low", "price_high")),
        )
        for row, home in enumerate(table)
    )
