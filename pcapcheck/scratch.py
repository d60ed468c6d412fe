"""What waits on disk, compressed: in a temporary file that goes when nobody needs it any more."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from functools import partial
from typing import Any, Final

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


def compressed(octets: bytes) -> bytes:
    smaller: bytes = zstandard().compress(octets, _LEVEL)
    return smaller


def decompressed(octets: bytes) -> bytes:
    whole: bytes = zstandard().decompress(octets)
    return whole
