"""One turn of one server: start it, check its answers, load it, stop it."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext

from urllib3.exceptions import HTTPError

from benchmarks.contender import Contender, Interface, StartFailed
from benchmarks.load import Load
from benchmarks.payloads import ValuedHomes
from benchmarks.plain_http import NotAnswered
from benchmarks.process_tree import ProcessTree
from benchmarks.results import Sample, Start

READY_SECONDS = 120.0
CHECKED_REQUESTS = 64
"""Requests whose prices are compared with the model's, at each load, before its figures are taken."""
TOLERANCE = 1e-3
"""Relative: scikit-learn works in double precision, the graph in single."""

Step = Callable[[str], None]
"""Told what is being done, for whoever waits."""


class WrongPrice(RuntimeError):
    """A server answered a price that is not the model's."""


def turn(
    contender: Contender,
    homes: ValuedHomes,
    loads: Sequence[Load],
    seconds: float,
    number: int,
    step: Step,
    suits: Callable[[Interface, Load], bool] = lambda interface, load: True,
    beside: Callable[[], AbstractContextManager[None]] = nullcontext,
) -> tuple[Start, list[Sample]]:
    """Start a server, measure its interfaces at the loads that suit them, ``beside`` what else goes on, and stop it.

    Raises StartFailed, WrongPrice, or what the load generators raise.
    """
    samples = []
    step(f"{contender.name}: starting")
    begin = time.perf_counter()
    try:
        contender.start()
        startup_s = _first_good_answer(contender, homes, begin)
        with ProcessTree(contender.pid) as tree:
            for interface in contender.interfaces():
                for load in (load for load in loads if load.homes <= interface.most_homes and suits(interface, load)):
                    step(f"{contender.name}, {interface.name}: {load.homes} a request, {load.concurrency} at once")
                    _check(interface, homes, load, contender.priced)
                    with beside():
                        samples.append(sample(contender.name, interface, load, seconds, number, tree))
        return Start(contender.name, number, startup_s, tree.peak_bytes / 1e6), samples
    finally:
        contender.stop()


def in_round(step: Step, number: int, rounds: int) -> Step:
    """Return a step that also says which round it belongs to."""
    return lambda what: step(f"round {number} of {rounds}, {what}")


def check_prices(interface: Interface, homes: ValuedHomes, start: int, count: int, priced: bool) -> None:
    """Ask for some homes. Raises WrongPrice, or what asking raises."""
    answers = interface.ask(homes.some(start, count))
    if len(answers) != count:
        raise WrongPrice(f"{interface.name}: {len(answers)} prices for {count} homes")
    if priced:
        for answer, price in zip(answers, homes.prices[start : start + count], strict=True):
            if not abs(answer - price) <= TOLERANCE * price:
                raise WrongPrice(f"{interface.name}: ${answer:,.2f} instead of ${price:,.2f}, the model's own price")


def _first_good_answer(contender: Contender, homes: ValuedHomes, begin: float) -> float:
    ask = contender.interfaces()[0]
    while True:
        try:
            check_prices(ask, homes, 0, 1, contender.priced)
            return time.perf_counter() - begin
        except (HTTPError, OSError, NotAnswered) as error:
            contender.check_alive()
            if time.perf_counter() - begin > READY_SECONDS:
                raise StartFailed(f"{contender.name}: no answer after {READY_SECONDS:.0f} s: {error}") from error
        time.sleep(0.02)


def _check(interface: Interface, homes: ValuedHomes, load: Load, priced: bool) -> None:
    """Ask as many at once as the load will send, so that a mix-up between requests would show."""
    requests = max(4, CHECKED_REQUESTS // load.homes)
    places = random.Random(load.key)
    starts = [places.randrange(len(homes) - load.homes + 1) for _ in range(requests)]
    with ThreadPoolExecutor(load.concurrency) as pool:
        for _ in pool.map(lambda start: check_prices(interface, homes, start, load.homes, priced), starts):
            pass


def sample(name: str, interface: Interface, load: Load, seconds: float, number: int, tree: ProcessTree) -> Sample:
    """Put a load on one interface of a running server; return what it cost."""
    before = tree.cpu_seconds_by_part()
    found = interface.drive(load, seconds)
    spent = {part: seconds - before.get(part, 0) for part, seconds in tree.cpu_seconds_by_part().items()}
    return Sample(
        contender=name,
        interface=interface.name,
        load=load.key,
        round=number,
        p50_ms=found.p50_ms,
        p99_ms=found.p99_ms,
        requests_per_s=found.requests_per_s,
        homes_per_s=found.requests_per_s * load.homes,
        cpu_s_per_1000_homes=sum(spent.values()) / found.homes * 1000 if found.homes else float("nan"),
        errors=found.errors,
        cpu_us_by_part={part: spent[part] / found.homes * load.homes * 1e6 for part in spent if found.homes},
    )
