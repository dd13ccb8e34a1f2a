"""A version of the price model: from a converted model to a complete folder."""

from __future__ import annotations

import hashlib
from datetime import date, datetime, timezone
from pathlib import Path

import numpy as np
import numpy.typing as npt

from conversion.converted import Converted
from conversion.graph import complete, fingerprint, has_range, milliseconds_per_home, run, session
from preprocessing.columns import FEATURE_NAMES
from preprocessing.training_bins import describe
from publishing.card import Card, MeasuredRange
from publishing.contract import MODEL_FILE
from training.gaps import only_required
from training.relative_range import TARGET_COVERAGE, calibrate, halves
from training.sales import Sales
from training.valuations import Valuations, ValuedSales


def identify(name: str, day: date, digest: str, *, standin: bool) -> str:
    """Return what a model calls itself: ``basic-2026-11-24-742d8f0c``, with ``-standin`` where that is due."""
    return f"{name}-{day:%Y-%m-%d}-{digest[:8]}{'-standin' if standin else ''}"


def write_version(converted: Converted, sales: Sales, folder: Path) -> Card:
    """Give a converted model its range, if it has none, and its name; write ``model.onnx`` and ``card.json``.

    A range that is given here is calibrated on one half of the held-out sales and measured on the
    other; one of the model's own is measured on all of them.
    """
    held_out = sales.held_out
    price_range, measured = None, held_out
    if not has_range(converted.point):
        calibration, measurement = halves(sales.homes[held_out])
        valued = converted.price(sales.table[held_out[calibration]])
        price_range = calibrate(valued, sales.prices[held_out[calibration]])
        measured = held_out[measurement]

    now = datetime.now(timezone.utc)
    digest = fingerprint(complete(converted.point, price_range, ""))
    identity = identify(converted.name, now.date(), digest, standin=sales.summary.standin)
    graph = complete(converted.point, price_range, identity).SerializeToString()
    (folder / MODEL_FILE).write_bytes(graph)

    running = session(graph)
    level = converted.market.factor if converted.market else 1.0

    def value(rows: npt.NDArray[np.intp], table: npt.NDArray[np.float32]) -> ValuedSales:
        answers = run(running, table[rows])
        price, low, high = (answers[name] / level for name in ("price", "price_low", "price_high"))
        return Valuations(price.astype(np.float64), low, high).of(sales.prices[rows], sales.homes[rows])

    required = only_required(sales.table)
    whole, least = value(measured, sales.table), value(measured, required)
    card = Card(
        price_model=identity,
        created_at=now.isoformat(timespec="seconds"),
        model_sha256=hashlib.sha256(graph).hexdigest(),
        feature_names=FEATURE_NAMES,
        columns_used=converted.columns,
        data=sales.summary,
        training=value(sales.training, sales.table).accuracy,
        held_out=value(held_out, sales.table).accuracy,
        held_out_required=value(held_out, required).accuracy,
        market=converted.market,
        price_range=MeasuredRange(
            target_coverage=TARGET_COVERAGE,
            measured_sales=len(measured),
            coverage=whole.coverage,
            coverage_required=least.coverage,
            mean_width=whole.mean_width,
            mean_width_required=least.mean_width,
            below=price_range.below if price_range else None,
            above=price_range.above if price_range else None,
        ),
        parity=converted.parity,
        ms_per_home=milliseconds_per_home(running, sales.table[held_out[:1]]),
        libraries=converted.libraries,
        training_columns=describe(sales.table[sales.training]),
    )
    card.write(folder)
    return card
