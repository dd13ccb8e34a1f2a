"""The comparison with peers and limits: who takes part, and the rounds in which everybody takes a turn."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from benchmarks import BUILD, ROOT, bare, perf_analyzer
from benchmarks.catalogue import PEERS
from benchmarks.contender import Contender, StartFailed
from benchmarks.environments import NotInstalled, ensure
from benchmarks.load import BATCHES, SINGLE, GeneratorFailed, Load
from benchmarks.machine import describe
from benchmarks.measure import Step, WrongPrice, in_round, turn
from benchmarks.payloads import ValuedHomes
from benchmarks.peer_server import PeerServer
from benchmarks.repositories import FLOOR_BY_COLUMN, FLOOR_IN_ONE, lay_out_floor, lay_out_service, serving_threads
from benchmarks.results import SERVICE, Results
from benchmarks.trained import Trained, trained, trained_basic
from benchmarks.triton_server import AskedEnsemble, TritonServer

ONNX_PEER = ("fastapi_onnx",)


@dataclass(frozen=True)
class RoundsPlan:
    """How much is measured: ``seconds`` is the length of each load."""

    quick: bool
    rounds: int
    seconds: float
    peers: tuple[str, ...]
    loads: tuple[Load, ...] = SINGLE + BATCHES
    basic: bool = False


FULL = RoundsPlan(False, 5, 5.0, tuple(peer.folder for peer in PEERS))
QUICK = RoundsPlan(True, 1, 1.0, ONNX_PEER, (Load(1, 32), Load(1024, 4)))
BASIC = replace(FULL, peers=ONNX_PEER, loads=SINGLE, basic=True)
"""Beside the peer that serves any ONNX file and is the fastest."""


def run_rounds(plan: RoundsPlan, step: Step) -> Results:
    """Measure everybody round by round, so that what disturbs the machine for a while disturbs everybody."""
    step("the model")
    model = trained_basic() if plan.basic else trained(plan.quick)
    homes = ValuedHomes.of(model)
    about = {"quick": plan.quick, "rounds": plan.rounds, "seconds": plan.seconds}
    results = Results({**describe(), **about, "model": model.name, "trees": model.trees})
    contenders: list[Contender] = [
        *triton_servers(model, homes, results, plan),
        *_peers(plan, model, homes, results, step),
    ]
    results.settings = {contender.name: contender.about for contender in contenders}
    for number in range(1, plan.rounds + 1):
        now = in_round(step, number, plan.rounds)
        for contender in _rotated(contenders, number):
            _one_turn(contender, homes, plan, number, results, now)
        for threads in sorted({1, serving_threads()}):
            for load in {load.homes: load for load in reversed(plan.loads)}.values():
                now(f"{bare.NAME}: {load.homes} at a time, {threads} threads")
                results.samples.append(bare.measure(model, load, threads, plan.seconds, number))
    return in_order(results, contenders)


def triton_servers(model: Trained, homes: ValuedHomes, results: Results, plan: RoundsPlan) -> list[TritonServer]:
    """Return this service and its floors; fewer, and asked in fewer ways, in a smoke run or with the basic model."""
    few = plan.quick or plan.basic
    try:
        perf_analyzer.find()
        protocols: Sequence[perf_analyzer.Protocol] = (
            () if plan.basic else ("grpc",) if plan.quick else ("http", "grpc")
        )
    except perf_analyzer.Missing as missing:
        results.missing["KServe HTTP and gRPC"] = str(missing)
        protocols = ()
    shipped = "the embedded server as it is shipped; "
    repository = lay_out_service(model, BUILD / "service")
    service = TritonServer(
        SERVICE,
        shipped + "plain JSON through /generate, KServe HTTP and gRPC in binary",
        repository,
        AskedEnsemble("house_price", homes, protocols=protocols),
    )
    packed_service = TritonServer(
        f"{SERVICE}, packed",
        shipped + "the same with all columns as one input [N,18]",
        repository,
        AskedEnsemble("house_price_packed", homes, packed=True, protocols=protocols),
    )
    single_service = TritonServer(
        f"{SERVICE}, single",
        shipped + "one home as plain JSON through /generate, its columns as parameters of the request",
        repository,
        AskedEnsemble("house_price_single", homes, single=True),
    )
    floor = TritonServer(
        "floor, 18 inputs",
        shipped + "an ensemble of two steps in Python that do nothing, with the service's inputs and outputs",
        lay_out_floor(FLOOR_BY_COLUMN, BUILD / FLOOR_BY_COLUMN),
        AskedEnsemble(FLOOR_BY_COLUMN, homes, protocols=() if few else protocols),
        priced=False,
    )
    if few:
        return [service, single_service, packed_service, floor]
    packed_floor = TritonServer(
        "floor, one input [N,18]",
        shipped + "the same with one packed input",
        lay_out_floor(FLOOR_IN_ONE, BUILD / FLOOR_IN_ONE),
        AskedEnsemble(FLOOR_IN_ONE, homes, packed=True, protocols=protocols),
        priced=False,
    )
    return [service, single_service, packed_service, floor, packed_floor]


def _peers(plan: RoundsPlan, model: Trained, homes: ValuedHomes, results: Results, step: Step) -> list[PeerServer]:
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


def _one_turn(
    contender: Contender, homes: ValuedHomes, plan: RoundsPlan, number: int, results: Results, step: Step
) -> None:
    """Measure one contender and keep what was found.

    A peer that fails is noted as missing; when this service fails, the run ends with its error.
    """
    try:
        start, samples = turn(contender, homes, plan.loads, plan.seconds, number, step)
    except (StartFailed, WrongPrice, GeneratorFailed) as failure:
        if contender.name == SERVICE:
            raise
        results.missing[f"{contender.name}, round {number}"] = reason(failure)
        return
    results.starts.append(start)
    results.samples += samples


def reason(failure: Exception) -> str:
    """Return the last words of a failure, without the folders of this machine: they stand in a page that is kept."""
    words = str(failure).strip().splitlines() or [type(failure).__name__]
    return words[-1].replace(f"{ROOT}/", "")


def _rotated(contenders: Sequence[Contender], number: int) -> list[Contender]:
    """Begin each round with another contender: nobody is always first after a pause."""
    shift = (number - 1) % len(contenders)
    return [*contenders[shift:], *contenders[:shift]]


def in_order(results: Results, contenders: Sequence[Contender]) -> Results:
    """Sort samples and starts by the order of the contenders, whichever of them a round began with."""
    places = {contender.name: place for place, contender in enumerate(contenders)}
    results.samples.sort(key=lambda sample: places.get(sample.contender, len(places)))
    results.starts.sort(key=lambda start: places.get(start.contender, len(places)))
    return results
