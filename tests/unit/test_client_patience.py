"""A service that is busy or away is waited for, within limits, and nothing else is."""

from __future__ import annotations

import time
from threading import Event, Timer

import pytest

from client.errors import ClientError, HomeRefused, ServiceBusy, ServiceUnreachable
from client.patience import Patience


class Service:
    """Fail with these errors, one for each question, and then answer."""

    def __init__(self, *errors: ClientError) -> None:
        self.errors = list(errors)

    def ask(self) -> str:
        if self.errors:
            raise self.errors.pop(0)
        return "answer"


def away() -> ServiceUnreachable:
    return ServiceUnreachable("localhost:8000")


def busy(retry_after: float | None) -> ServiceBusy:
    error = ServiceBusy("busy")
    error.retry_after = retry_after
    return error


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Return how long each wait was, on a clock that only waiting moves."""
    pauses: list[float] = []

    def wait(_: Event, pause: float) -> bool:
        pauses.append(pause)
        return False

    monkeypatch.setattr(Event, "wait", wait)
    monkeypatch.setattr(time, "monotonic", lambda: 1000.0 + sum(pauses))
    return pauses


def test_pauses_grow_up_to_a_limit(waits: list[float]) -> None:
    assert Patience(60, when_away=True).ask(Service(*[away()] * 7).ask) == "answer"
    assert waits == [0.25, 0.5, 1.0, 2.0, 4.0, 5.0, 5.0]


def test_patience_ends(waits: list[float]) -> None:
    with pytest.raises(ServiceUnreachable):
        Patience(10, when_away=True).ask(Service(*[away()] * 100).ask)
    assert sum(waits) <= 10 and waits


def test_retry_after_is_honoured(waits: list[float]) -> None:
    told: list[float] = []
    patience = Patience(30, told=lambda error, pause: told.append(pause))
    assert patience.ask(Service(busy(5), busy(0), busy(7)).ask) == "answer"
    assert waits == told == [5, 0.25, 7]


def test_a_service_that_wants_more_patience_than_there_is_gets_none(waits: list[float]) -> None:
    with pytest.raises(ServiceBusy):
        Patience(30).ask(Service(busy(3600)).ask)
    assert waits == []


@pytest.mark.parametrize("error", [away(), busy(None)])
def test_without_a_word_from_the_service_only_a_long_run_waits(waits: list[float], error: ClientError) -> None:
    error.passing = True
    with pytest.raises(type(error)):
        Patience(30).ask(Service(error).ask)
    assert waits == []
    assert Patience(30, when_away=True).ask(Service(error).ask) == "answer"


def test_what_waiting_cannot_mend_is_raised_at_once(waits: list[float]) -> None:
    with pytest.raises(HomeRefused):
        Patience(30, when_away=True).ask(Service(HomeRefused("home refused: grade is 14")).ask)
    assert waits == []


def test_giving_up_ends_a_wait() -> None:
    patience = Patience(3600, when_away=True)
    timer = Timer(0.05, patience.given_up.set)
    timer.start()
    with pytest.raises(ServiceBusy):
        patience.ask(Service(busy(600)).ask)
    timer.join()
