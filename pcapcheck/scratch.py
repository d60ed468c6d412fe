"""What waits on disk: in a temporary file that goes when nobody needs it any more."""

from __future__ import annotations

import weakref
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    import numpy.typing as npt


class Read(Protocol):
    """What reads octets back that were put away: all of them, or so many from one of them on."""

    def __call__(self, start: int = 0, size: int | None = None, /) -> bytes: ...


class Scratch:
    """A temporary file. Where there is none to be had, or no room in it, octets stay in memory."""

    def __init__(self) -> None:
        self._file: Any = None
        self._end = 0

    def write(self, *parts: bytes | npt.NDArray[Any]) -> Read:
        """Put octets away, one part behind the other; gives what reads them back."""
        try:
            if self._file is None:
                import tempfile

                self._file = tempfile.TemporaryFile(prefix="pcapcheck-")  # noqa: SIM115 (goes with this object)
                weakref.finalize(self, self._file.close)
            begin = self._end
            self._file.seek(begin)
            for part in parts:
                self._file.write(part)
            self._file.flush()
            self._end = self._file.tell()
        except OSError:
            octets = b"".join(map(bytes, parts))
            return lambda start=0, size=None: octets[start:] if size is None else octets[start : start + size]
        return partial(self._read, begin, self._end - begin)

    def _read(self, offset: int, length: int, start: int = 0, size: int | None = None) -> bytes:
        self._file.seek(offset + start)
        octets: bytes = self._file.read(length - start if size is None else size)
        return octets
