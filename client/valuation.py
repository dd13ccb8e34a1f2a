"""Value homes from Python: ``with ValuationClient() as client: client.value(homes)``."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields
from functools import cached_property
from types import TracebackType
from typing import Any

from . import analysis
from .analysis import Analysis
from .errors import HomeRefused, ServiceBroken, ServiceFailed, WrongColumns
from .given import GivenHomes, columns_of, typed
from .http_connection import Access
from .patience import Patience
from .transports import Tensors, Transport, open_transport


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
        self._asked = url, "gRPC" if protocol == "grpc" else "HTTP"
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
        config = self.patience.ask(lambda: self._transport.config(self.model))
        inputs = config.get("input")
        described = isinstance(inputs, list) and all(
            isinstance(entry, dict) and {"name", "data_type"} <= entry.keys() for entry in inputs
        )
        if not (inputs and described):
            raise ServiceBroken(*self._asked)  # something else answers, such as the service's metrics
        return config

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

        Homes are a DataFrame, columns by name, a list of homes, or one home. Numbers may be text or booleans, too.
        From asyncio, call ``await asyncio.to_thread(client.value, homes)``: threads may share a client.

        Raises HomeRefused for the first batch with a home that the service refuses, WrongColumns
        before anything is sent, and the other errors of ``client.errors``.
        """
        columns = self._typed(homes)
        return [valuation for part in self._batches(columns, batch) for valuation in self._request(part)]

    def value_each(self, homes: GivenHomes, batch: int | None = None) -> list[Valuation | HomeRefused]:
        """Value homes like ``value``, but give a refused home its refusal instead, and value the others."""
        columns = self._typed(homes)
        return [outcome for part in self._batches(columns, batch) for outcome in self._request_each(part)]

    def analyse(self, homes: GivenHomes, batch: int | None = None) -> list[Analysis]:
        """Return price, comparable sales and reasons for each home, as many per request as the server takes.

        For a client of the model ``market_analysis``. Raises what ``value`` raises.
        """
        columns = self._typed(homes)
        return [one for part in self._batches(columns, batch) for one in self._analyses(part)]

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
        try:
            values = zip(*(outputs[name] for name in OUTPUTS), range(_length(columns)), strict=True)
            # The embedded server on Python 3.13 fills names up with blanks.
            return [
                Valuation(float(price), float(low), float(high), name.rstrip()) for price, low, high, name, _ in values
            ]
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise ServiceFailed(
                f"'{self.model}' at {self._asked[0]} does not answer with {', '.join(OUTPUTS)} for each home: "
                "ask for house_price or house_price_minimal, at the service's own port"
            ) from error

    def _analyses(self, columns: Tensors) -> list[Analysis]:
        outputs = self.patience.ask(lambda: self._transport.infer(self.model, columns))
        try:
            return list(analysis.read(outputs, _length(columns)))
        except (KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
            raise ServiceFailed(
                f"'{self.model}' at {self._asked[0]} does not answer with analyses: ask for {analysis.MODEL}, "
                "at the service's own port"
            ) from error

    def _typed(self, homes: GivenHomes) -> Tensors:
        columns = columns_of(homes)
        if not columns and not hasattr(homes, "keys"):  # an empty list of homes has no columns to check
            return {}
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
        tensors = {name: typed(name, values, types[name]) for name, values in columns.items()}
        if len({len(values) for values in tensors.values()}) > 1:
            lengths = ", ".join(f"{name} {len(values)}" for name, values in tensors.items())
            raise WrongColumns(f"the columns differ in length: {lengths}")
        return tensors


def batches(columns: Tensors, size: int) -> Iterator[Tensors]:
    """Yield the same columns, ``size`` homes at a time."""
    if size < 1:
        raise ValueError(f"a batch of {size} homes: it must be at least 1")
    for start in range(0, _length(columns), size):
        yield {name: values[start : start + size] for name, values in columns.items()}


def _length(columns: Tensors) -> int:
    return len(next(iter(columns.values()), ()))
