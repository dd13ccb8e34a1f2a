"""From a fitted model to an ONNX graph that is proven to value homes as the model does."""

import os

os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
"""onnxruntime tells its maker what it runs, unless it is told not to before it is imported."""


class Refused(Exception):
    """A model or a version that must not serve; the message says what is wrong with it and what to do."""


def one_line(error: BaseException) -> str:
    """Return what an error of a library says, as one line of bearable length, without its full stop."""
    said = next((line.strip() for line in str(error).splitlines() if line.strip()), "")
    found = f"{type(error).__name__}: {said.rstrip('.')}" if said else type(error).__name__
    return found if len(found) <= _MOST_CHARACTERS else f"{found[:_MOST_CHARACTERS].rstrip()}..."


_MOST_CHARACTERS = 300
