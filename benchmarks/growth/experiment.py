"""The growth run: its plan, and its order."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from benchmarks import perf_analyzer
from benchmarks.growth.findings import Growth
from benchmarks.growth.measures import batches, offered, soak
from benchmarks.growth.swaps import swaps
from benchmarks.machine import describe
from benchmarks.places import BUILD
from benchmarks.requests import ValuedHomes
from benchmarks.results import SERVICE
from benchmarks.trained import lay_out, trained
from benchmarks.triton_server import TritonServer


@dataclass(frozen=True)
class GrowthPlan:
    """How much is measured."""

    quick: bool
    minutes: float
    seconds: float
    sizes: tuple[int, ...]
    rates: tuple[int, ...]
    rounds: tuple[int, ...]
    segment_s: float


FULL = GrowthPlan(
    False, 10, 5, tuple(2**power for power in range(13)), tuple(range(500, 8_001, 500)), (30, 100, 300, 600), 15
)
QUICK = GrowthPlan(True, 0.1, 1, (1, 64, 4_096), (200, 400), (10, 30), 2)


def grow(plan: GrowthPlan, step: Callable[[str], None]) -> Growth:
    """Measure everything. Raises perf_analyzer.Missing when the load generator cannot be had."""
    perf_analyzer.find()
    step("the model")
    model = trained(plan.quick)
    homes = ValuedHomes.of(model)

    def service(folder: str) -> TritonServer:
        repository = lay_out(model, BUILD / folder)
        return TritonServer(SERVICE, "", repository, "house_price", homes, protocols=("grpc",))

    shipped = service("growth-service")
    return Growth(
        about={**describe(), "quick": plan.quick, "seconds": plan.seconds, "trees": 2 * model.rounds},
        batches=batches(shipped, plan.sizes, plan.seconds, step),
        offered=offered(shipped, plan.rates, plan.seconds, step),
        soak=soak(shipped, plan.minutes, plan.segment_s, step),
        swaps=swaps(model, service("growth-swaps"), homes, plan.rounds, step),
    )
