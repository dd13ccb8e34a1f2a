"""Everything that can go wrong for a caller, in plain words.

ClientError
├── WrongAddress        the address is not host:port
├── UnusableFile        a file is missing, cannot be read as homes, or is not what it was
├── WrongColumns        the columns are not the ones that the model takes
├── ServiceUnreachable  nothing listens at the address
├── ServiceUntrusted    its certificate is not one that the caller trusts
├── ServiceBroken       something listens, but does not answer in that protocol, or breaks off
├── ServiceTimedOut     no answer in time
├── UnknownModel        the service answers, but serves no such model
├── NotAllowed          a gateway wants another key, or forbids the question
├── TooLarge            a gateway takes no request of this size
├── HomeRefused         the service will not value this home, and says why
└── ServiceFailed       any other answer
    └── ServiceBusy     too many requests, or nobody there to answer them just now
"""

from __future__ import annotations

import re
from collections.abc import Mapping

_ROW = re.compile(r"(?:^|\. )Row (\d+): ")
_REFUSED = "home refused: "
_AFTER_ROWS = re.compile(r"\. (?:And \d+ more rows|Known ZIP codes: ).*", re.DOTALL)


class ClientError(Exception):
    """A valuation that was not made, and what to do about it."""

    exit_code = 2
    """What a command ends with: 1 if the service was reached and gave no price, 2 if it never got that far."""
    passing = False
    """Whether the same question may well be answered a while later."""
    retry_after: float | None = None
    """Seconds after which the service itself wants to be asked again."""
    request_id = ""
    """Under which the gateway's log has the request, if there is a gateway."""

    def __str__(self) -> str:
        return super().__str__() + (f" (X-Request-ID {self.request_id})" if self.request_id else "")


class WrongAddress(ClientError):
    def __init__(self, url: str) -> None:
        super().__init__(
            f"'{url}' is not an address: give host:port, such as localhost:8000, or https://host:port for TLS"
        )


class UnusableFile(ClientError):
    pass


class WrongColumns(ClientError):
    pass


class ServiceUnreachable(ClientError):
    passing = True

    def __init__(self, address: str, nothing: str = "nothing") -> None:
        super().__init__(f"{nothing} listens at {address}: start the service with `make up`, or check the address")


class ServiceUntrusted(ClientError):
    def __init__(self, address: str, reason: object) -> None:
        super().__init__(f"no TLS with {address}: {reason}; name the file of its authority's certificate with --ca")


class ServiceBroken(ClientError):
    passing = True

    def __init__(self, address: str, protocol: str) -> None:
        super().__init__(
            f"{address} does not answer in {protocol}, or broke off: check that it is the service's {protocol} port"
        )


class ServiceTimedOut(ClientError):
    passing = True

    def __init__(self, address: str, seconds: float) -> None:
        super().__init__(
            f"no answer from {address} within {seconds:g} seconds: it may be overloaded or still loading; "
            "wait, send fewer homes at once, or allow more time"
        )


class UnknownModel(ClientError):
    passing = True  # a server that stops says so, too, while it ends

    def __init__(self, address: str, model: str) -> None:
        super().__init__(
            f"the service at {address} serves no model '{model}': check the name, "
            "or the service's log if it failed to load"
        )


class NotAllowed(ClientError):
    pass


class TooLarge(ClientError):
    def __init__(self, address: str, message: str) -> None:
        super().__init__(f"too large a request for {address} ({message}): send fewer homes at once, with --batch")


class HomeRefused(ClientError):
    """The service's own reason; in a batch it counts rows from 0, at the first home of that batch."""

    exit_code = 1

    @property
    def reason(self) -> str:
        """What is wrong with the home, without what a list of many need not repeat."""
        return _AFTER_ROWS.sub("", str(self.args[0])).removeprefix(_REFUSED)

    @property
    def is_of_one_home(self) -> bool:
        """False for a list of many, and for a refusal of the request itself, which says nothing about a home."""
        return str(self.args[0]).startswith(_REFUSED)

    def by_row(self, homes: int) -> dict[int, HomeRefused]:
        """The reason for each row that the refusal of so many homes names: empty if it names none."""
        _, *pieces = _ROW.split(self.reason)
        rows = {int(row): HomeRefused(_REFUSED + text) for row, text in zip(*[iter(pieces)] * 2, strict=True)}
        for refusal in rows.values():
            refusal.request_id = self.request_id
        return rows if all(row < homes for row in rows) else {}


class ServiceFailed(ClientError):
    exit_code = 1


class ServiceBusy(ServiceFailed):
    passing = True


def error_of_status(
    status: int, message: str, address: str, model: str, headers: Mapping[str, str] | None = None
) -> ClientError:
    """What an HTTP status of the service, or of a gateway before it, means for the caller.

    ``headers`` are the answer's, of any case if the mapping minds none, else in lower case.
    """
    error = _error_of_status(status, message, address, model)
    error.request_id = (headers or {}).get("x-request-id", "")
    after = (headers or {}).get("retry-after", "")
    if isinstance(error, ServiceBusy) and after.isdecimal():  # the other form, a date, is not in use among services
        error.retry_after = float(after)
    return error


def _error_of_status(status: int, message: str, address: str, model: str) -> ClientError:
    if status == 400:
        return HomeRefused(message.removeprefix(f"in ensemble '{model}', "))
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
