"""Lets the bundled server's Python stub, which was built for numpy 1, run with numpy 2.

Python 3.13 has no numpy 1. The stub reads an array's item size from where numpy 2 keeps the flags
of its dtype, so that inputs come out repeated and outputs empty. Numbers go through DLPack instead, which
has no text. Text is handed over in items of 8 bytes, of a dtype whose size and flags are the same number.
So on Python 3.13 every text that a model answers, such as the name of the price model, ends with as many
blanks as fill its last item; whoever compares or shows a name strips them. A model with a text input does
not run: the stub ends before anything here is called.
"""

from __future__ import annotations

import ctypes
import struct
from typing import Any

import numpy as np
import triton_python_backend_utils as pb_utils
from c_python_backend_utils import Tensor

_UNIT = np.dtype("U2")
"""A dtype of 8 bytes whose flags are 8 too (needs initialisation)."""

_USED = b"used_dltensor"
"""A module's constant, since a capsule does not copy its name."""


def install() -> None:
    """Replace how a tensor takes and gives numpy arrays."""
    if _UNIT.itemsize != _UNIT.flags:
        raise ImportError(f"numpy {np.__version__} does not work with the bundled Triton: use Python 3.10 to 3.12")
    new, init = Tensor.__new__, Tensor.__init__

    def from_numpy(cls: type, name: str, array: np.ndarray[Any, Any]) -> Any:
        if array.dtype.kind in "OSU":
            tensor = new(cls)
            init(tensor, name, array)
            return tensor
        lent = _Lent(np.require(array, requirements=["C_CONTIGUOUS", "WRITEABLE"]))
        tensor = Tensor.from_dlpack(name, lent)
        lent.settle()
        return tensor

    Tensor.__new__ = staticmethod(from_numpy)
    Tensor.__init__ = lambda tensor, name, array: None  # done by then
    Tensor.as_numpy = lambda tensor: np.from_dlpack(tensor)
    pb_utils.serialize_byte_tensor = _serialize


class _Lent:
    """Lends an array to a tensor, in a capsule.

    The stub marks a used capsule with a name that numpy does not know, and numpy would complain about it
    on standard error, once for each tensor.
    """

    def __init__(self, array: np.ndarray[Any, Any]) -> None:
        self._array = array

    def __dlpack__(self, **how: Any) -> Any:
        self._capsule = self._array.__dlpack__()
        return self._capsule

    def __dlpack_device__(self) -> tuple[int, int]:
        return self._array.__dlpack_device__()

    def settle(self) -> None:
        """Give the capsule the name that numpy knows."""
        ctypes.pythonapi.PyCapsule_SetName(ctypes.py_object(self._capsule), _USED)


def _serialize(texts: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Return texts as Triton carries them, each after its length, filled up with blanks to whole units."""
    content = bytearray()
    for text in texts.ravel().tolist():
        encoded = text if isinstance(text, bytes) else str(text).encode()
        encoded += b" " * (-(4 + len(encoded)) % _UNIT.itemsize)
        content += struct.pack("<I", len(encoded)) + encoded
    return np.frombuffer(content, dtype=_UNIT)


if int(np.__version__.partition(".")[0]) >= 2:
    install()
