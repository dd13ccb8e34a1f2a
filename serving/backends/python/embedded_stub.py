"""Lets the bundled server's Python stub, which was built for numpy 1, run with numpy 2.

Python 3.13 has no other. The stub reads an array's item size from where numpy 2 keeps the flags
of its dtype, so that inputs come out repeated and outputs empty. Numbers take another way, DLPack.
Text can't; it is handed over in items of a dtype whose size and flags are the same number. A
model that takes text in does not run: the stub ends before anything here is asked.
"""

from __future__ import annotations

import ctypes
import struct
from typing import Any

import numpy as np
import triton_python_backend_utils as pb_utils
from c_python_backend_utils import Tensor

_UNIT = np.dtype("U2")
"""8 bytes, and flags of 8 (needs initialisation)."""

_USED = b"used_dltensor"
"""Kept here for ever: a capsule does not copy its name."""


def install() -> None:
    """Replace what a tensor does with numpy arrays; its users notice nothing."""
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
    """An array on its way into a tensor, with the capsule that carries it.

    The stub marks a capsule as used by a name of its own, which numpy would complain about on
    standard error, once for each tensor.
    """

    def __init__(self, array: np.ndarray[Any, Any]) -> None:
        self._array = array

    def __dlpack__(self, **how: Any) -> Any:
        self._capsule = self._array.__dlpack__()
        return self._capsule

    def __dlpack_device__(self) -> tuple[int, int]:
        return self._array.__dlpack_device__()

    def settle(self) -> None:
        ctypes.pythonapi.PyCapsule_SetName(ctypes.py_object(self._capsule), _USED)


def _serialize(texts: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Text as Triton carries it, each after its length; padded with blanks to whole units."""
    content = bytearray()
    for text in texts.ravel().tolist():
        encoded = text if isinstance(text, bytes) else str(text).encode()
        encoded += b" " * (-(4 + len(encoded)) % _UNIT.itemsize)
        content += struct.pack("<I", len(encoded)) + encoded
    return np.frombuffer(content, dtype=_UNIT)


if int(np.__version__.partition(".")[0]) >= 2:
    install()
