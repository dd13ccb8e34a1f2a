"""The one way in: a version serves once it was examined and admitted, whoever brings it, and until it is taken away.

``publish`` and the door call the same function. An examination takes seconds, and a harmful graph may draw it out, so
it locks nobody out: a version is placed only if the one that it was compared with still serves when it ends.
"""

from __future__ import annotations

import logging
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import ValidationError

from conversion import Refused
from data.files import DataFiles
from publishing.card import Card, newest_known
from publishing.comparison import GATE_FILE, Comparison
from publishing.confinement import Limits
from publishing.examination import LIMITS, Task, examine
from publishing.intake import contents, take_in
from publishing.repository import (
    PRICE_MODEL,
    alone,
    configured,
    next_number,
    place,
    remove,
    served,
    staged,
    versions,
)

if TYPE_CHECKING:
    from training.sales import Sales

Show = Callable[[Comparison], None]
Market = Callable[[bool], DataFiles]
"""Returns data, given whether a version was trained on made-up sales; raises data.files.DataError."""

log = logging.getLogger(__name__)


class Unjudged(Refused):
    """Tell that a version cannot be judged here and now, whether it is good or not."""


def admit(
    folder: Path,
    repository: Path,
    data: Sales | Market,
    *,
    number: int | None = None,
    accept: str = "",
    show: Show | None = None,
    limits: Limits = LIMITS,
    meanwhile: Callable[[], object] = lambda: None,
) -> int:
    """Let a version serve if it may; return its number.

    Args:
        folder: The version's files, which are copied before anything is asked of them.
        repository: Where people put versions; its served repository is where the version is admitted to.
        data: What it is judged by, or a function that finds that: real sales for a model of real sales, made-up ones
            for one of those.
        number: Its number, if it lies in ``repository`` already; otherwise it becomes the next version there, too.
        accept: Why prices may change beyond the gate's bound. A reason given when it was compared with the same
            serving version elsewhere counts as well.
        show: Is told how it compares with the version that serves, before it is judged.
        limits: What its examination may take.
        meanwhile: Is called again and again during the examination.

    Raises:
        Incomplete: when it may be half a copy.
        Unjudged: when ``data`` say nothing about its market.
        Refused: when it must not serve; with the reason in one line.
    """
    model = configured(repository) / PRICE_MODEL
    with staged(model.parent) as area:
        copy = area / "version"
        card = take_in(folder, copy)
        refuse_early(card.data.standin, repository)
        judges = data(card.data.standin) if callable(data) else data
        _refuse_other_market(card, judges)
        while True:
            serving = newest_known(model)
            against = f" beside version {serving[0].name}, which serves" if serving else ""
            log.info("examining %s%s", card.price_model, against)
            reason = accept or (_given_before(copy, card, serving[1]) if serving else "")
            task = Task(copy.resolve(), serving[0].resolve() if serving else None, judges, reason)
            found = examine(task, limits, meanwhile)
            if found.comparison is not None and show is not None:
                show(found.comparison)
            with alone(model):
                if newest_known(model) != serving:
                    log.info("another version serves by now")
                    continue
                if found.refusal:
                    raise Refused(found.refusal)
                (copy / GATE_FILE).unlink(missing_ok=True)
                if found.comparison is not None:
                    found.comparison.write(copy)
                    if number is not None and accept:
                        found.comparison.write(folder)  # so that the reason is not asked for again
                return _put(copy, folder, repository, number)


def _put(copy: Path, folder: Path, repository: Path, number: int | None) -> int:
    """Put an admitted copy into both repositories, or the served one alone where the version lies in the other."""
    model, dropped = served(repository) / PRICE_MODEL, repository / PRICE_MODEL
    if number is None:
        number = next_number(model, dropped)
        with staged(repository) as area:
            # First here: the door completes what is interrupted in between.
            place(Path(shutil.copytree(copy, area / "version")), dropped, number)
    elif not folder.is_dir():
        raise Refused("it was taken away while it was examined")
    elif number in versions(model):
        raise Refused(f"version {number} was admitted while this folder was examined")
    return place(copy, model, number)


def refuse_early(standin: bool, repository: Path) -> None:
    """Refuse, before anything is read, that made-up prices replace real ones: raises Refused."""
    serving = newest_known(configured(repository) / PRICE_MODEL)
    if serving is not None and standin and not serving[1].data.standin:
        raise Refused(
            f"with the stand-in market alone nothing replaces {serving[1].price_model}, which serves and knows real "
            "sales: set DATA_DIR to the folder of Sound Realty's data"
        )


def roll_back(repository: Path) -> tuple[int, int]:
    """Take the newest admitted version away; return its number and that of the version which now serves.

    Raises Refused when there is no other version to fall back on.
    """
    model, dropped = configured(repository) / PRICE_MODEL, repository / PRICE_MODEL
    with alone(model):
        numbers = versions(model)
        if len(numbers) < 2:
            raise Refused(f"{model.name} has {len(numbers)} version(s): rolling back needs an earlier one to serve")
        if (dropped / str(numbers[-1])).is_dir():
            remove(dropped, numbers[-1])
        remove(model, numbers[-1])
    return numbers[-1], numbers[-2]


def withdraw(repository: Path) -> list[int]:
    """Take away the admitted versions whose folders people removed; return their numbers.

    The last one stays, and all of them where no folder is left: a mount may be away.
    """
    model, dropped = served(repository) / PRICE_MODEL, repository / PRICE_MODEL
    if not _gone(model, dropped):
        return []
    with alone(model):
        gone = _gone(model, dropped)
        for number in gone:
            remove(model, number)
    return gone


def _gone(model: Path, dropped: Path) -> list[int]:
    if not (dropped.is_dir() and model.is_dir() and (left := versions(dropped))):
        return []
    admitted = versions(model)
    gone = [number for number in admitted if number not in left]
    return gone if len(gone) < len(admitted) else gone[:-1]


def is_as_admitted(folder: Path, repository: Path) -> bool:
    """Return whether a version's folder still holds what was admitted under its number."""
    admitted = contents(served(repository) / PRICE_MODEL / folder.name)
    return contents(folder) == admitted != {}


def _refuse_other_market(card: Card, data: Sales | DataFiles) -> None:
    standin = data.standin if isinstance(data, DataFiles) else data.summary.standin
    if card.data.standin != standin:
        known, here = ("made-up", "real") if card.data.standin else ("real", "made-up")
        raise Unjudged(
            f"it was trained on {known} sales, and only {here} ones are here to judge it by"
            + (": set DATA_DIR to the folder of Sound Realty's data" if standin else "")
        )


def _given_before(copy: Path, card: Card, serving: Card) -> str:
    """Return the reason that a version brings along for taking over from just the version that serves here."""
    try:
        told = Comparison.read(copy)
    except ValidationError:
        return ""
    if told is None or (told.challenger, told.serving) != (card.price_model, serving.price_model):
        return ""
    return told.accepted
