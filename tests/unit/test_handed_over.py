"""Every model of the catalogue is published and values as scikit-learn does, or is refused in one line."""

from __future__ import annotations

import itertools
import json
import re
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from conversion import Refused
from conversion.converted import convert_estimator
from conversion.graph import run, session
from conversion.handover import read_model
from conversion.parity import TOLERANCE_DOLLARS, TOLERANCE_RELATIVE
from publishing.card import Card
from publishing.contract import MODEL_FILE
from publishing.examination import Task, findings_of
from publishing.version import write_version
from tests.handed_over import CATALOGUE, EITHER, FORMATS, HandedOver, fitted
from training.basic import pick
from training.gaps import in_every_way
from training.sales import Sales

LEARNT = 600
"""How many sales a model learns from: the rest is quick, too, for a model of few."""


def publish(one: HandedOver, path: Path, sales: Sales) -> Path:
    """Take a saved model in as `make publish MODEL=` does, in this very process; return its version's folder."""
    features = path.with_name("model_features.json")
    if not one.named:
        features.write_text(json.dumps(one.columns))
    estimator = read_model(path, features, path.parent / "handover")
    folder = path.parent / "version"
    folder.mkdir()
    write_version(convert_estimator(estimator, sales.table[sales.held_out]), sales, folder)
    if refusal := findings_of(Task(folder, None, sales)).refusal:
        raise Refused(refusal)
    return folder


def compared(one: HandedOver, folder: Path, table: npt.NDArray[np.float32]) -> int:
    """Compare a version's prices with scikit-learn's in every way of asking; return how many there were."""
    running, compared = session((folder / MODEL_FILE).read_bytes()), 0
    ties = {tie.row for tie in Card.read(folder).parity.ties}
    single = [row for row in range(len(table)) if row not in ties]
    for given, told in in_every_way(table):
        homes = pick(told, one.columns)
        expected = np.ravel(one.model.predict(homes if one.named else homes.to_numpy()))
        differences = np.abs(run(running, told)["price"] - expected)[single]
        assert (differences <= np.maximum(TOLERANCE_DOLLARS, TOLERANCE_RELATIVE * expected[single])).all(), given
        compared += len(single)
    return compared


@pytest.mark.training
@pytest.mark.once
@pytest.mark.filterwarnings("ignore")  # of what scikit-learn thinks of a model
@pytest.mark.parametrize(
    ("one", "kind"), list(zip(CATALOGUE, itertools.cycle(FORMATS))), ids=[one.name for one in CATALOGUE]
)
def test_a_model_is_published_or_refused_in_one_line(
    one: HandedOver, kind: str, sales: Sales, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "model"
    FORMATS[kind](fitted(one, sales, LEARNT).model, path)
    try:
        prices = compared(one, publish(one, path, sales), sales.table[sales.held_out])
        outcome = f"published, {prices:,} prices equal scikit-learn's"
    except Refused as refused:
        outcome = f"refused: {refused}".replace(str(tmp_path), "")
    with capsys.disabled():
        print(f"\n{one.name} ({kind}): {outcome}", end="")  # noqa: T201
    assert "\n" not in outcome
    assert one.refused == EITHER or re.search(f"refused: .*({one.refused})" if one.refused else "^published", outcome)


def test_the_catalogue_is_long_enough() -> None:
    assert len({one.name for one in CATALOGUE}) == len(CATALOGUE) >= 40
