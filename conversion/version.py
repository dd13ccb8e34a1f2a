"""A version of the price model: from a converted model to a complete folder."""

from __future__ import annotations

import hashlib
from datetime import date, datetime, timezone
from pathlib import Path

import numpy as np
import numpy.typing as npt

from conversion.calibration import calibrate, halves
from conversion.card import Card, MeasuredRange
from conversion.contract import MODEL_FILE
from conversion.converted import Converted
from conversion.gaps import only_required
from conversion.onnx_graph import complete, fingerprint, has_range, milliseconds_per_home, run, session
from conversion.outcome import Outcome
from conversion.price_range import TARGET_COVERAGE
from conversion.sales import Sales
from preprocessing.columns import FEATURE_NAMES
from preprocessing.training import as_json, describe


def identify(name: str, day: date, digest: str, *, standin: bool) -> str:
    """What a model calls itself: ``basic-2026-11-24-742d8f0c123d``, with ``-standin`` where that is due.

    As much of the hexadecimal digest as makes the length 4 more than a multiple of 8, and never
    less than 8 digits: the one text that the embedded server carries on Python 3.13 has to be so
    long (see ``serving/backends/python/embedded_stub.py``).
    """
    before, after = f"{name}-{day:%Y-%m-%d}-", "-standin" if standin else ""
    digits = 8 + (4 - len(before) - len(after)) % 8
    return f"{before}{digest[:digits]}{after}"


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

    def value(rows: npt.NDArray[np.intp], table: npt.NDArray[np.float32]) -> Outcome:
        answers = run(running, table[rows])
        price, low, high = (answers[name] / level for name in ("price", "price_low", "price_high"))
        return Outcome(sales.prices[rows], price.astype(np.float64), low, high)

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
        gate=None,
        training_columns=as_json(describe(sales.table[sales.training])),
    )
    card.write(folder)
    return card
