"""Everything that can go wrong for a caller, in plain words.

ClientError
├── WrongAddress        the address is not host:port
├── UnusableFile        a CSV file is missing or cannot be read as homes
├── WrongColumns        the columns are not the ones that the model takes
├── ServiceUnreachable  nothing listens at the address
├── ServiceBroken       something listens, but does not answer in that protocol, or breaks off
├── ServiceTimedOut     no answer in time
├── UnknownModel        the service answers, but serves no such model
├── HomeRefused         the service will not value this home, and says why
└── ServiceFailed       any other answer
"""

from __future__ import annotations


class ClientError(Exception):
    """A valuation that was not made, and what to do about it."""

    exit_code = 2
    """What a command ends with: 1 if the service was reached and gave no price, 2 if it never got that far."""


class WrongAddress(ClientError):
    def __init__(self, url: str) -> None:
        super().__init__(f"'{url}' is not an address: give host:port, such as localhost:8000")


class UnusableFile(ClientError):
    pass


class WrongColumns(ClientError):
    pass


class ServiceUnreachable(ClientError):
    def __init__(self, address: str, nothing: str = "nothing") -> None:
        super().__init__(f"{nothing} listens at {address}: start the service with `make up`, or check the address")


class ServiceBroken(ClientError):
    def __init__(self, address: str, protocol: str) -> None:
        super().__init__(
            f"{address} does not answer in {protocol}, or broke off: check that it is the service's {protocol} port"
        )


class ServiceTimedOut(ClientError):
    def __init__(self, address: str, seconds: float) -> None:
        super().__init__(
            f"no answer from {address} within {seconds:g} seconds: it may be overloaded or still loading; "
            "wait, send fewer homes at once, or allow more time"
        )


class UnknownModel(ClientError):
    def __init__(self, address: str, model: str) -> None:
        super().__init__(
            f"the service at {address} serves no model '{model}': check the name, "
            "or the service's log if it failed to load"
        )


class HomeRefused(ClientError):
    """The service's own reason; in a batch it counts rows from 0, at the first home of that batch."""

    exit_code = 1


class ServiceFailed(ClientError):
    exit_code = 1


def error_of_status(status: int, message: str, address: str, model: str) -> ClientError:
    """What an HTTP status of the service means for the caller."""
    if status == 400:
        return HomeRefused(message.removeprefix(f"in ensemble '{model}', "))
    if status == 404:
        return UnknownModel(address, model)
    return ServiceFailed(f"the service at {address} failed with status {status}: {message}")
