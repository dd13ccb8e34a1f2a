"""Hands what was counted to Triton's own metrics endpoint, from a thread beside the requests."""

from __future__ import annotations

import threading
from typing import Any

import triton_python_backend_utils as pb_utils

from .metrics import DESCRIPTIONS, SHARE, Series, counters, gauges
from .tally import Tally
from .training_bins import TrainingBins

EXPORT_SECONDS = 15.0
"""As often as Prometheus looks: some hundred series change while homes are valued, and each costs a call."""
BREATH_SECONDS = 0.001
"""Pause between two calls into Triton: during each of them Python serves no request."""


class Exporter:
    """Hold the metrics of one loaded version; they are gone from the endpoint when it is unloaded.

    Triton deletes a series with the first of its owners, so no two may share one: two versions
    serve side by side during a swap, and so does one version twice when it is reloaded. ``version``
    and ``stub``, which is a process id, tell them apart; sum over both.

    Raises pb_utils.TritonModelException when Triton runs without metrics.
    """

    def __init__(self, tally: Tally, training: TrainingBins | None, **labels: str) -> None:
        self._tally = tally
        self._families = {
            name: pb_utils.MetricFamily(
                name=name,
                description=description,
                kind=pb_utils.MetricFamily.GAUGE if name == SHARE else pb_utils.MetricFamily.COUNTER,
            )
            for name, description in DESCRIPTIONS.items()
        }
        self._metrics: dict[Series, Any] = {}
        for series in [*counters(training), *gauges(training)]:
            name, own = series
            self._metrics[series] = self._families[name].Metric(labels={**dict(own), **labels})
        for series, share in gauges(training).items():
            self._metrics[series].set(share)
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="metrics", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Hand over the rest, and take all series off the endpoint.

        Series that are still there when the process ends would stay as long as the server runs.
        """
        self._stopping.set()
        self._thread.join()
        self._metrics.clear()
        self._families.clear()

    def _run(self) -> None:
        stopping = False
        while not stopping:
            stopping = self._stopping.wait(EXPORT_SECONDS)
            for series, count in self._tally.take().items():
                self._metrics[series].increment(count)
                self._stopping.wait(BREATH_SECONDS)
