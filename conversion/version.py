"""A version of the price model: from a converted model to a complete folder."""

from __future__ import annotations

import hashlib
from datetime import date, datetime, timezone
from pathlib import Path

from conversion.accuracy import accuracy
from conversion.calibration import calibrate, halves
from conversion.card import Card, MeasuredRange
from conversion.contract import MODEL_FILE
from conversion.converted import Converted
from conversion.onnx_graph import complete, fingerprint, milliseconds_per_home, session
from conversion.price_range import TARGET_COVERAGE
from conversion.sales import Sales
from preprocessing.columns import FEATURE_NAMES


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
    """Calibrate a converted model, name it, and write ``model.onnx`` and ``card.json``.

    The range is calibrated on one half of the held-out sales and measured on the other.
    """
    held_out = sales.held_out
    paid, valued = sales.prices[held_out], converted.price(sales.table[held_out])
    calibration, measurement = halves(sales.homes[held_out])
    price_range = calibrate(valued[calibration], paid[calibration])

    now = datetime.now(timezone.utc)
    digest = fingerprint(complete(converted.point, price_range, ""))
    identity = identify(converted.name, now.date(), digest, standin=sales.summary.standin)
    graph = complete(converted.point, price_range, identity).SerializeToString()
    (folder / MODEL_FILE).write_bytes(graph)

    training = sales.training
    card = Card(
        price_model=identity,
        created_at=now.isoformat(timespec="seconds"),
        model_sha256=hashlib.sha256(graph).hexdigest(),
        feature_names=FEATURE_NAMES,
        columns_used=converted.columns,
        data=sales.summary,
        training=accuracy(converted.price(sales.table[training]), sales.prices[training]),
        held_out=accuracy(valued, paid),
        price_range=MeasuredRange(
            target_coverage=TARGET_COVERAGE,
            below=price_range.below,
            above=price_range.above,
            calibration_sales=len(calibration),
            coverage=price_range.coverage(valued[measurement], paid[measurement]),
            measured_sales=len(measurement),
        ),
        parity=converted.parity,
        ms_per_home=milliseconds_per_home(session(graph), sales.table[held_out[:1]]),
        libraries=converted.libraries,
    )
    card.write(folder)
    return card
