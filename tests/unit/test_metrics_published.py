"""How the training sales' spread gets from a price model's card into a preprocessing version."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from conversion import Refused
from preprocessing.columns import HOME_COLUMN_NAMES
from preprocessing.demographics import Demographics
from preprocessing.training_bins import TRAINING_FILE, as_json, describe, read_training
from publishing.card import CARD_FILE, Card
from publishing.preprocessing_version import publish_preprocessing
from publishing.repository import PREPROCESSING, PRICE_MODEL, served, versions
from training.sales import Sales


@pytest.fixture
def repository(repository: Path) -> Path:
    """Return the repository that Triton polls."""
    return served(repository)


def spread(repository: Path) -> Path:
    """Return the newest version's file of training bins."""
    model = repository / PREPROCESSING
    return model / str(versions(model)[-1]) / TRAINING_FILE


def change_card(repository: Path, **changes: Any) -> None:
    path = repository / PRICE_MODEL / "1" / CARD_FILE
    card = {**json.loads(path.read_text()), **changes}
    path.write_text(json.dumps({name: value for name, value in card.items() if value is not ...}))


def test_a_card_tells_how_the_training_sales_spread(published: tuple[Path, Card], sales: Sales) -> None:
    columns = published[1].training_columns
    assert columns == describe(sales.table[sales.training])
    assert columns is not None and tuple(columns) == HOME_COLUMN_NAMES


def test_preprocessing_carries_what_the_newest_card_says(repository: Path) -> None:
    assert read_training(spread(repository)) == Card.read(repository / PRICE_MODEL / "1").training_columns is not None


def test_other_training_sales_are_another_preprocessing_version(
    repository: Path, sales: Sales, demographics: Demographics
) -> None:
    assert publish_preprocessing(repository, demographics) is None
    before = versions(repository / PREPROCESSING)[-1]
    change_card(repository, training_columns=as_json(describe(sales.table[sales.held_out])))
    assert publish_preprocessing(repository, demographics) == before + 1
    assert publish_preprocessing(repository, demographics) is None


def test_a_card_from_before_publishes_preprocessing_without(
    repository: Path, demographics: Demographics, caplog: pytest.LogCaptureFixture
) -> None:
    change_card(repository, training_columns=...)
    assert Card.read(repository / PRICE_MODEL / "1").training_columns is None
    assert publish_preprocessing(repository, demographics) is not None
    assert not spread(repository).exists()
    assert "drift is not measured: the card of price_model version 1 lacks training_columns" in caplog.text


def test_so_does_a_version_without_a_card(
    repository: Path, demographics: Demographics, caplog: pytest.LogCaptureFixture
) -> None:
    (repository / PRICE_MODEL / "1" / CARD_FILE).unlink()
    assert publish_preprocessing(repository, demographics) is not None
    assert not spread(repository).exists()
    assert "drift is not measured: price_model version 1 was not published by this project" in caplog.text


def test_a_spread_that_makes_no_sense_is_refused_before_it_serves(repository: Path, demographics: Demographics) -> None:
    before = versions(repository / PREPROCESSING)
    grade = describe(np.zeros((1, len(HOME_COLUMN_NAMES)), np.float32))["grade"]
    change_card(repository, training_columns={"grade": asdict(grade)})
    with pytest.raises(Refused, match="lacks bedrooms"):
        publish_preprocessing(repository, demographics)
    assert versions(repository / PREPROCESSING) == before
