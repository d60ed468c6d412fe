"""What waits on disk, compressed: in a temporary file that goes when nobody needs it any more."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from functools import partial
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from pcapcheck.capture.compression import zstandard

# Of zstd. Rows are mostly zeros: this makes them a fifth larger than level 1 does, in two thirds of the time.
_LEVEL: Final = -3

Read = Callable[[], bytes]


class Scratch:
    """A temporary file. Where there is none to be had, or no room in it, octets stay in memory."""

    def __init__(self) -> None:
        self._file: Any = None
        self._end = 0

    def write(self, octets: bytes) -> Read:
        """Put them away; gives what reads them back."""
        try:
            if self._file is None:
                import tempfile

                self._file = tempfile.TemporaryFile(prefix="pcapcheck-")  # noqa: SIM115 (goes with this object)
                weakref.finalize(self, self._file.close)
            begin = self._end
            self._file.seek(begin)
            self._file.write(octets)
            self._file.flush()
        except OSError:
            return lambda: octets
        self._end += len(octets)
        return partial(self._read, begin, len(octets))

    def _read(self, offset: int, size: int) -> bytes:
        self._file.seek(offset)
        octets: bytes = self._file.read(size)
        return octets


def compressed(values: npt.NDArray[Any]) -> bytes:
    octets: bytes = zstandard().compress(np.ascontiguousarray(values).view(np.uint8).data, _LEVEL)
    return octets


def decompressed(octets: bytes, dtype: npt.DTypeLike) -> npt.NDArray[Any]:
    """The values, which may be written to."""
    return np.frombuffer(bytearray(zstandard().decompress(octets)), dtype)
