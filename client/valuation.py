"""Value homes from Python: ``with ValuationClient() as client: client.value(homes)``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from functools import cached_property
from types import TracebackType
from typing import Any

import numpy as np
import numpy.typing as npt
from tritonclient.utils import triton_to_np_dtype

from .errors import HomeRefused, WrongColumns
from .http_connection import Access
from .patience import Patience
from .transports import Tensors, Transport, open_transport

GivenHomes = Mapping[str, Sequence[float] | npt.NDArray[Any]] | Sequence[Mapping[str, float]]
"""Homes as a caller may give them: columns of equal length by name, or one mapping per home."""


@dataclass(frozen=True)
class Valuation:
    """Hold what a home is worth, in dollars. The fields are the outputs of the service."""

    price: float
    price_low: float
    price_high: float
    price_model: str
    """The name of the trained model; with ``standin`` in it the prices are made up."""


OUTPUTS = tuple(field.name for field in fields(Valuation))


@dataclass(frozen=True)
class Input:
    """Hold one input of the model, as the server reports it."""

    name: str
    datatype: str
    """Triton's name of it: FP32, INT64."""
    required: bool


class ValuationClient:
    """A kept-alive connection to one model of the service, which threads may share.

    Protocols are ``generate`` (plain JSON), ``http`` and ``grpc`` (KServe v2). Nothing is sent before
    the first question. ``access`` is what a gateway asks for: key, TLS. A service that is busy and says
    when to come back is asked again for half a minute; ``patience`` makes that longer or shorter.
    """

    def __init__(
        self,
        url: str = "localhost:8000",
        protocol: str = "generate",
        model: str = "house_price",
        *,
        timeout: float = 30.0,
        access: Access | None = None,
        patience: Patience | None = None,
        transport: Transport | None = None,
    ) -> None:
        self.model = model
        self.patience = patience or Patience()
        self._transport = transport or open_transport(url, protocol, timeout, access)

    def __enter__(self) -> ValuationClient:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Give the connection back."""
        self._transport.close()

    @cached_property
    def _config(self) -> dict[str, Any]:
        return self.patience.ask(lambda: self._transport.config(self.model))

    @property
    def inputs(self) -> tuple[Input, ...]:
        """Return the model's inputs in its own order."""
        return tuple(
            Input(entry["name"], entry["data_type"].removeprefix("TYPE_"), not entry.get("optional", False))
            for entry in self._config["input"]
        )

    @property
    def max_batch_size(self) -> int:
        """Return the most homes that one request may carry."""
        return max(1, int(self._config.get("max_batch_size", 1)))

    def value(self, homes: GivenHomes, batch: int | None = None) -> list[Valuation]:
        """Value homes in their order, as many per request as the server takes, or ``batch``.

        Raises HomeRefused for the first batch with a home that the service refuses, WrongColumns
        before anything is sent, and the other errors of ``client.errors``.
        """
        columns = self._typed(homes)
        return [valuation for part in self._batches(columns, batch) for valuation in self._request(part)]

    def value_each(self, homes: GivenHomes, batch: int | None = None) -> list[Valuation | HomeRefused]:
        """Value homes like ``value``, but give a refused home its refusal instead, and value the others."""
        columns = self._typed(homes)
        return [outcome for part in self._batches(columns, batch) for outcome in self._request_each(part)]

    def _batches(self, columns: Tensors, batch: int | None) -> Iterator[Tensors]:
        most = self.max_batch_size
        return batches(columns, most if batch is None else min(batch, most))

    def _request_each(self, columns: Tensors) -> list[Valuation | HomeRefused]:
        """Value a batch; where it is refused, send it again without the rows that the refusal names.

        Where the refusal names no row, the batch is halved until the refused homes stand alone.
        """
        try:
            return [*self._request(columns)]
        except HomeRefused as refusal:
            homes = _length(columns)
            if homes == 1:
                return [refusal]
            refused = refusal.by_row(homes)
            if not refused:
                return [outcome for part in batches(columns, -(-homes // 2)) for outcome in self._request_each(part)]
        kept = [row for row in range(homes) if row not in refused]
        rest = self._request_each({name: values[kept] for name, values in columns.items()}) if kept else []
        outcomes: dict[int, Valuation | HomeRefused] = {**refused, **dict(zip(kept, rest, strict=True))}
        return [outcomes[row] for row in range(homes)]

    def _request(self, columns: Tensors) -> list[Valuation]:
        outputs = self.patience.ask(lambda: self._transport.infer(self.model, columns))
        values = zip(*(outputs[name] for name in OUTPUTS), strict=True)
        # The embedded server on Python 3.13 fills names up with blanks.
        return [Valuation(price, low, high, name.rstrip()) for price, low, high, name in values]

    def _typed(self, homes: GivenHomes) -> Tensors:
        if not isinstance(homes, Mapping) and not homes:
            return {}
        columns = homes if isinstance(homes, Mapping) else columns_of(homes)
        types = {entry.name: entry.datatype for entry in self.inputs}
        missing = [entry.name for entry in self.inputs if entry.required and entry.name not in columns]
        unknown = [name for name in columns if name not in types]
        if missing or unknown:
            wrong = [
                f"{', '.join(names)} {what}" for names, what in ((missing, "missing"), (unknown, "unknown")) if names
            ]
            raise WrongColumns(
                f"{self.model} cannot take these columns: {'; '.join(wrong)}. It takes {', '.join(types)}"
            )
        typed = {name: _cast(name, values, types[name]) for name, values in columns.items()}
        if len({len(values) for values in typed.values()}) > 1:
            lengths = ", ".join(f"{name} {len(values)}" for name, values in typed.items())
            raise WrongColumns(f"the columns differ in length: {lengths}")
        return typed


def columns_of(homes: Sequence[Mapping[str, float]]) -> dict[str, list[float]]:
    """Return at least one home as columns; raises WrongColumns unless all homes have the same ones."""
    for position, home in enumerate(homes):
        if home.keys() != homes[0].keys():
            differing = ", ".join(sorted(home.keys() ^ homes[0].keys()))
            raise WrongColumns(f"homes 0 and {position} name different columns ({differing}): send them apart")
    return {name: [home[name] for home in homes] for name in homes[0]}


def batches(columns: Tensors, size: int) -> Iterator[Tensors]:
    """Yield the same columns, ``size`` homes at a time."""
    if size < 1:
        raise ValueError(f"a batch of {size} homes: it must be at least 1")
    for start in range(0, _length(columns), size):
        yield {name: values[start : start + size] for name, values in columns.items()}


def _length(columns: Tensors) -> int:
    return len(next(iter(columns.values()), ()))


def _cast(name: str, values: Sequence[float] | npt.NDArray[Any], datatype: str) -> npt.NDArray[Any]:
    array = np.asarray(values)
    dtype = np.dtype(triton_to_np_dtype(datatype))
    if array.ndim != 1 or array.dtype.kind not in "iuf":
        raise WrongColumns(f"{name} is not a plain sequence of numbers: {values!r:.60}")
    if dtype.kind == "i" and not np.all(np.equal(array, np.rint(array)) & (np.abs(array) < 2**53)):
        raise WrongColumns(f"{name} must be whole numbers: {values!r:.60}")
    with np.errstate(over="ignore"):  # becomes infinite, which the service refuses by name
        return array.astype(dtype)
