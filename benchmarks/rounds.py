"""A whole run: who takes part, and the rounds."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from benchmarks import bare, floor, perf_analyzer
from benchmarks.catalogue import PEERS
from benchmarks.contender import Contender, StartFailed
from benchmarks.environments import NotInstalled, ensure
from benchmarks.load import BATCHES, SINGLE, GeneratorFailed, Load
from benchmarks.machine import describe
from benchmarks.measure import WrongPrice, turn
from benchmarks.peer_server import PeerServer
from benchmarks.places import BUILD
from benchmarks.requests import ValuedHomes
from benchmarks.results import SERVICE, Results
from benchmarks.shipped import serving_threads
from benchmarks.trained import Trained, lay_out, trained
from benchmarks.triton_server import TritonServer

Step = Callable[[str], None]
PACKED_SERVICE = f"{SERVICE}, packed"
QUICK_PEERS = ("fastapi_onnx",)


@dataclass(frozen=True)
class Plan:
    """How much is measured."""

    quick: bool
    rounds: int
    seconds: float
    peers: tuple[str, ...]
    loads: tuple[Load, ...] = SINGLE + BATCHES


FULL = Plan(False, 5, 5.0, tuple(peer.folder for peer in PEERS))
QUICK = Plan(True, 1, 1.0, QUICK_PEERS, (Load(1, 8), Load(64, 4)))


def run(plan: Plan, step: Step) -> Results:
    """Everything, round by round, so that what disturbs the machine for a while disturbs everybody."""
    step("the model")
    model = trained(plan.quick)
    homes = ValuedHomes.of(model)
    results = Results(
        {
            **describe(),
            "quick": plan.quick,
            "rounds": plan.rounds,
            "seconds": plan.seconds,
            "model": model.name,
            "trees": 2 * model.rounds,
        }
    )
    contenders: list[Contender] = [
        *triton_servers(model, homes, results, plan.quick),
        *_peers(plan, model, homes, results, step),
    ]
    results.settings = {contender.name: contender.about for contender in contenders}
    threads = serving_threads()
    for number in range(1, plan.rounds + 1):

        def in_round(what: str, number: int = number) -> None:
            step(f"round {number} of {plan.rounds}, {what}")

        for contender in _rotated(contenders, number):
            _one_turn(contender, homes, plan, number, results, in_round)
        for count in sorted({1, threads}):
            for load in {load.homes: load for load in reversed(plan.loads)}.values():
                in_round(f"{bare.NAME}: {load.homes} at a time, {count} threads")
                results.samples.append(bare.measure(model, load, count, plan.seconds, number))
    return in_order(results, contenders)


def triton_servers(model: Trained, homes: ValuedHomes, results: Results, quick: bool) -> list[TritonServer]:
    """This service and the floors under it. In a quick run, only one floor, and gRPC for the service alone."""
    try:
        perf_analyzer.find()
        protocols: Sequence[perf_analyzer.Protocol] = ("grpc",) if quick else ("http", "grpc")
    except perf_analyzer.Missing as missing:
        results.missing["KServe HTTP and gRPC"] = str(missing)
        protocols = ()
    shipped = "the embedded server as it is shipped; "
    service = TritonServer(
        SERVICE,
        shipped + "plain JSON through /generate, KServe HTTP and gRPC in binary",
        lay_out(model, BUILD / "service"),
        "house_price",
        homes,
        protocols=protocols,
    )
    packed_service = TritonServer(
        PACKED_SERVICE,
        shipped + "the same with all columns as one input [N,18]",
        BUILD / "service",
        "house_price_packed",
        homes,
        packed=True,
        protocols=protocols,
    )
    named = TritonServer(
        "floor, 18 inputs",
        shipped + "an ensemble of two steps in Python that do nothing, with the service's inputs and outputs",
        floor.lay_out(BUILD / floor.NAMED, floor.NAMED),
        floor.NAMED,
        homes,
        priced=False,
        protocols=() if quick else protocols,
    )
    packed = TritonServer(
        "floor, one input [N,18]",
        shipped + "the same with one packed input",
        floor.lay_out(BUILD / floor.PACKED, floor.PACKED),
        floor.PACKED,
        homes,
        priced=False,
        packed=True,
        protocols=protocols,
    )
    return [service, packed_service, named] if quick else [service, packed_service, named, packed]


def _peers(plan: Plan, model: Trained, homes: ValuedHomes, results: Results, step: Step) -> list[PeerServer]:
    taking_part = []
    for peer in PEERS:
        if peer.folder not in plan.peers:
            continue
        step(f"{peer.name}: its environment")
        try:
            taking_part.append(PeerServer(peer, ensure(peer.folder), model.folder, homes))
        except NotInstalled as reason:
            results.missing[peer.name] = f"its environment could not be installed: {reason}"
    return taking_part


def _one_turn(contender: Contender, homes: ValuedHomes, plan: Plan, number: int, results: Results, step: Step) -> None:
    """A peer that fails is reported; this service failing ends the run."""
    try:
        start, samples = turn(contender, homes, plan.loads, plan.seconds, number, step)
    except (StartFailed, WrongPrice, GeneratorFailed) as failure:
        if contender.name == SERVICE:
            raise
        results.missing[f"{contender.name}, round {number}"] = str(failure)
        return
    results.starts.append(start)
    results.samples += samples


def _rotated(contenders: Sequence[Contender], number: int) -> list[Contender]:
    """Each round begins with another one: nobody is always first after a pause."""
    shift = (number - 1) % len(contenders)
    return [*contenders[shift:], *contenders[:shift]]


def in_order(results: Results, contenders: Sequence[Contender]) -> Results:
    """Samples and starts as the contenders are listed, whatever round began with whom."""
    places = {contender.name: place for place, contender in enumerate(contenders)}
    results.samples.sort(key=lambda sample: places.get(sample.contender, len(places)))
    results.starts.sort(key=lambda start: places.get(start.contender, len(places)))
    return results
