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

    def __init__(self, room: int = 0) -> None:
        """The first octets stay in memory, as far as there is ``room`` for them."""
        self._file: Any = None
        self._end = 0
        self._room = room

    def write(self, *parts: bytes | npt.NDArray[Any]) -> Read:
        """Put octets away, one part behind the other; gives what reads them back."""
        if self._room:
            octets = b"".join(map(bytes, parts))
            self._room = max(self._room - len(octets), 0)
            return partial(_part, octets)
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
            return partial(_part, b"".join(map(bytes, parts)))
        return partial(self._read, begin, self._end - begin)

    def _read(self, offset: int, length: int, start: int = 0, size: int | None = None) -> bytes:
        self._file.seek(offset + start)
        octets: bytes = self._file.read(length - start if size is None else size)
        return octets


def _part(octets: bytes, start: int = 0, size: int | None = None) -> bytes:
    return octets[start:] if size is None else octets[start : start + size]
