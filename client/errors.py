"""What can go wrong for a caller, in plain words.

ClientError
├── WrongAddress
├── UnusableFile
├── WrongColumns
├── ServiceUnreachable
├── ServiceUntrusted
├── ServiceBroken
├── ServiceTimedOut
├── UnknownModel
├── NotAllowed
├── TooLarge
├── HomeRefused
└── ServiceFailed
    └── ServiceBusy
"""

from __future__ import annotations

import json
from collections.abc import Mapping


class ClientError(Exception):
    """A valuation that was not made, and what to do about it."""

    exit_code = 2
    """What a command ends with: 1 if the service was reached and gave no price, 2 if it was not reached."""
    passing = False
    """Whether the same question may be answered a while later."""
    retry_after: float | None = None
    """Seconds after which the service asks to be asked again."""
    request_id = ""
    """The id of the request in the gateway's log, if there is a gateway."""

    def __str__(self) -> str:
        return super().__str__() + (f" (X-Request-ID {self.request_id})" if self.request_id else "")


class WrongAddress(ClientError):
    """The address is not host:port."""

    def __init__(self, url: str) -> None:
        super().__init__(
            f"'{url}' is not an address: give host:port, such as localhost:8000, or https://host:port for TLS"
        )


class UnusableFile(ClientError):
    """A file is missing, cannot be read as homes, or is not what it was."""


class WrongColumns(ClientError):
    """The columns are not the ones that the model takes."""


class ServiceUnreachable(ClientError):
    """Nothing listens at the address."""

    passing = True

    def __init__(self, address: str, nothing: str = "nothing") -> None:
        super().__init__(f"{nothing} listens at {address}: start the service with `make up`, or check the address")


class ServiceUntrusted(ClientError):
    """The service's certificate is not one that the caller trusts."""

    def __init__(self, address: str, reason: object) -> None:
        super().__init__(f"no TLS with {address}: {reason}; name the file of its authority's certificate with --ca")


class ServiceBroken(ClientError):
    """Something listens, but breaks off, or answers in another protocol."""

    passing = True

    def __init__(self, address: str, protocol: str) -> None:
        super().__init__(
            f"{address} does not answer in {protocol}, or broke off: check that it is the service's {protocol} port"
        )


class ServiceTimedOut(ClientError):
    """No answer came in time."""

    passing = True

    def __init__(self, address: str, seconds: float) -> None:
        super().__init__(
            f"no answer from {address} within {seconds:g} seconds: it may be overloaded or still loading; "
            "wait, send fewer homes at once, or allow more time"
        )


class UnknownModel(ClientError):
    """The service answers, but serves no such model."""

    passing = True  # a server that is stopping answers so, too

    def __init__(self, address: str, model: str) -> None:
        super().__init__(
            f"the service at {address} serves no model '{model}': check the name, "
            "or the service's log if it failed to load"
        )


class NotAllowed(ClientError):
    """A gateway wants another key, or forbids the question."""


class TooLarge(ClientError):
    """A gateway does not take a request of this size."""

    def __init__(self, address: str, message: str) -> None:
        super().__init__(f"too large a request for {address} ({message}): send fewer homes at once, with --batch")


class HomeRefused(ClientError):
    """The service's own reason, in sentences, and the homes that it is about.

    ``rows`` says by row, counted from 0 at the first home of the request, and by column what is wrong. It is
    empty where the request itself was refused, which says nothing about a home.
    """

    exit_code = 1

    def __init__(self, sentences: str, rows: Mapping[int, Mapping[str, str]] | None = None) -> None:
        super().__init__(sentences)
        self.rows = rows or {}

    @classmethod
    def read(cls, message: str) -> HomeRefused:
        """Return the refusal in the service's words: sentences and, where they are about homes, a last line of JSON.

        The line says the same to programs, as in ``{"rows":{"3":{"grade":"is 14, allowed is ..."}}}``.
        """
        sentences, _, last = message.rpartition("\n")
        try:
            rows = {int(row): dict(columns) for row, columns in json.loads(last)["rows"].items()}
        except (ValueError, KeyError, TypeError, AttributeError):
            return cls(message)
        return cls(sentences, rows)

    @property
    def reason(self) -> str:
        """Return what is wrong with the first home that is named, column by column, or the sentences if none is."""
        return next(map(_in_words, self.rows.values()), str(self.args[0]))

    def by_row(self, homes: int) -> dict[int, HomeRefused]:
        """Return a refusal for each row of so many homes that this one names: none if it names another row."""
        if any(row >= homes for row in self.rows):
            return {}
        refusals: dict[int, HomeRefused] = {}
        for row, columns in self.rows.items():
            refusals[row] = HomeRefused(f"home refused: {_in_words(columns)}", {0: columns})
            refusals[row].request_id = self.request_id
        return refusals


class ServiceFailed(ClientError):
    """The service gave any other answer."""

    exit_code = 1


class ServiceBusy(ServiceFailed):
    """There are too many requests, or nobody to answer them just now."""

    passing = True


def _in_words(columns: Mapping[str, str]) -> str:
    return "; ".join(f"{column} {wrong}" for column, wrong in columns.items())


def error_of_status(
    status: int, message: str, address: str, model: str, headers: Mapping[str, str] | None = None
) -> ClientError:
    """Return what an HTTP status of the service, or of a gateway before it, means for the caller.

    ``headers`` are the answer's, with lower-case names unless the mapping is case-insensitive.
    """
    error = _error_of_status(status, message, address, model)
    error.request_id = (headers or {}).get("x-request-id", "")
    after = (headers or {}).get("retry-after", "")
    if isinstance(error, ServiceBusy) and after.isdecimal():  # services do not use the other form, a date
        error.retry_after = float(after)
    return error


_NOT_ABOUT_HOMES = ("is not healthy", "Request for unknown model")
"""Words in which Triton speaks of a model that died or is being exchanged.

Its /generate endpoint takes the status of a failure from memory that it has just freed: under jemalloc
what stood there still does, under another allocator any failure may come as a 400.
"""


def _error_of_status(status: int, message: str, address: str, model: str) -> ClientError:
    if status == 400 and "home refused" not in message and any(words in message for words in _NOT_ABOUT_HOMES):
        status = 500
    if status == 400:
        return HomeRefused.read(message.removeprefix(f"in ensemble '{model}', "))
    if status == 401:
        return NotAllowed(f"{address} wants a valid key ({message}): give --api-key or set API_KEY")
    if status == 403:
        return NotAllowed(f"{address} forbids this ({message}): check the key and the model's name, '{model}'")
    if status == 404:
        return UnknownModel(address, model)
    if status == 413:
        return TooLarge(address, message)
    kind = ServiceBusy if status in (429, 503) else ServiceFailed
    error = kind(f"the service at {address} failed with status {status}: {message}")
    error.passing = status == 429 or status >= 500
    return error
