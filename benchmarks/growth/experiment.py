"""The growth run: its plan, and its order."""

from __future__ import annotations

from dataclasses import dataclass

from benchmarks import BUILD, perf_analyzer
from benchmarks.growth.findings import Growth
from benchmarks.growth.measures import batches, offered, soak
from benchmarks.machine import describe
from benchmarks.measure import Step
from benchmarks.payloads import ValuedHomes
from benchmarks.repositories import lay_out_service
from benchmarks.results import SERVICE
from benchmarks.trained import trained
from benchmarks.triton_server import AskedEnsemble, TritonServer


@dataclass(frozen=True)
class GrowthPlan:
    """How much is measured: ``minutes`` of soak in segments of ``segment_s``, every other load for ``seconds``."""

    quick: bool
    minutes: float
    seconds: float
    sizes: tuple[int, ...]
    rates: tuple[int, ...]
    segment_s: float


FULL = GrowthPlan(False, 10, 5, tuple(2**power for power in range(13)), tuple(range(500, 8_001, 500)), 15)
QUICK = GrowthPlan(True, 0.1, 1, (1, 64, 4_096), (200, 400), 2)


def grow(plan: GrowthPlan, step: Step) -> Growth:
    """Measure everything. Raises perf_analyzer.Missing when the load generator cannot be had."""
    perf_analyzer.find()
    step("the model")
    model = trained(plan.quick)
    ensemble = AskedEnsemble("house_price", ValuedHomes.of(model), protocols=("grpc",))
    service = TritonServer(SERVICE, "", lay_out_service(model, BUILD / "growth-service"), ensemble)
    return Growth(
        about={**describe(), "quick": plan.quick, "seconds": plan.seconds, "trees": model.trees},
        batches=batches(service, plan.sizes, plan.seconds, step),
        offered=offered(service, plan.rates, plan.seconds, step),
        soak=soak(service, plan.minutes, plan.segment_s, step),
    )
