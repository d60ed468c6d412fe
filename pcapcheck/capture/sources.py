"""Where the octets of a capture come from: a file, standard input, or (in remote.py) another machine."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from typing import Any, BinaryIO, NamedTuple, Protocol, TypeVar

from pcapcheck.capture.address import Address
from pcapcheck.errors import NOWHERE, CaptureError

_Given = TypeVar("_Given")
_Got = TypeVar("_Got")


class Fault(NamedTuple):
    """Why no more octets can be had, where that is not the end of the file."""

    rule: str
    needed: str
    found: str
    passing: bool = False  # it says nothing of the file: the next reading may go well


class Source(Protocol):
    """Octets from front to back; never a seek, so that a pipe will do."""

    fault: Fault | None

    @property
    def bytes_read(self) -> int:
        """Octets read of the file as stored."""

    @property
    def size(self) -> int | None:
        """Octets of the file as stored; None if it is no regular file."""

    def read(self, most: int) -> bytes:
        """1 to ``most`` octets as soon as there are any, none at the end or at a fault."""

    def close(self) -> None: ...


class StoredFile:
    """A file as it is stored. An error in the middle of it is a fault: what was read before stays good."""

    def __init__(self, file: BinaryIO, owned: bool) -> None:
        self.bytes_read = 0
        self.stop: int | None = None  # octets of the file from there on are not read
        self._start = 0
        self.size = _regular_size(file)
        self.fault: Fault | None = None
        self._file, self._owned = file, owned
        # read() of a buffered pipe waits until all of `most` is there; read1() does not.
        self._read = getattr(file, "read1", file.read)
        self._readinto: Any = getattr(file, "readinto1", getattr(file, "readinto", None))
        self.fills_room = self._readinto is not None
        self.rewinds = file.seekable()

    def go_to(self, start: int, stop: int | None) -> None:
        """Read from octet ``start`` to ``stop`` (not included; None: the end). Raises OSError where it cannot seek."""
        end = self.size if stop is None else stop
        self._start = self._file.seek(start)
        self.stop, self.bytes_read, self.size = stop, 0, end and end - start

    def read(self, most: int) -> bytes:
        octets = self._tried(self._read, self._within(most)) or b""
        self.bytes_read += len(octets)
        return octets

    def readinto(self, room: memoryview) -> int:
        """As ``read``, but into this room: how many octets. Only where ``fills_room``."""
        count = self._tried(self._readinto, room[: self._within(len(room))]) or 0
        self.bytes_read += count
        return count

    def rewind(self, offset: int) -> bool:
        """Read on from this octet, which was read already; False where that cannot be. Only where it ``rewinds``."""
        try:
            self._file.seek(offset - self.bytes_read, os.SEEK_CUR)  # a standard input need not begin with its file
        except OSError:
            return False
        self.bytes_read = offset
        return True

    def _within(self, most: int) -> int:
        return most if self.stop is None else min(most, self.stop - self._start - self.bytes_read)

    def _tried(self, read: Callable[[_Given], _Got | None], given: _Given) -> _Got | None:
        """What the file gives; None where it gives nothing, and why is the fault."""
        try:
            got = read(given)
        except OSError as error:
            self.fault = Fault("CAP01", "the rest of the file", f"a read error ({reason(error)})", passing=True)
            return None
        if got is None:
            found = "a non-blocking input that has nothing to read yet"
            self.fault = Fault("CAP01", "the rest of the input", found, passing=True)
        return got

    def close(self) -> None:
        if self._owned:
            self._file.close()


class Limited:
    """The first ``limit`` octets of a source; that there are more is a fault."""

    def __init__(self, source: Source, head: bytes, limit: int) -> None:
        """``head`` is what was read of ``source`` already."""
        self.fault: Fault | None = None
        self._source, self._head, self._limit, self._left = source, head, limit, limit

    @property
    def bytes_read(self) -> int:
        return self._source.bytes_read

    @property
    def size(self) -> int | None:
        return self._source.size

    def read(self, most: int) -> bytes:
        if self.fault is not None:
            return b""
        most = min(most, self._left) or 1
        octets, self._head = self._head[:most], self._head[most:]
        octets = octets or self._source.read(most)
        if not octets:
            self.fault = self._source.fault
        elif not self._left:
            self.fault = Fault("CAP01", "the rest of the capture", f"the limit --max-bytes {self._limit}")
            return b""
        self._left -= len(octets)
        return octets

    def close(self) -> None:
        self._source.close()


def open_source(path: str, stdin: BinaryIO | None = None) -> Source:
    """The file at ``path``, or the object, where it is a URL; ``-`` is ``stdin``, which stays open."""
    if path == "-":
        if stdin is None:
            raise CaptureError(path, NOWHERE, "a standard input", "none", "name a file")
        return StoredFile(stdin, owned=False)
    if isinstance(path, Address):
        from pcapcheck.capture.bodies import open_remote

        return open_remote(path)
    try:
        return StoredFile(open(path, "rb", buffering=0), owned=True)
    except OSError as error:
        raise CaptureError(path, NOWHERE, "a readable file", reason(error)) from error
    except ValueError as error:  # a null character in the name
        raise CaptureError(path, NOWHERE, "the name of a file", str(error)) from error


def read_into(source: Source, room: memoryview) -> int:
    """Octets of the source straight into this room, as soon as there are any: how many, 0 at the end or at a fault."""
    if isinstance(source, StoredFile) and source.fills_room:
        return source.readinto(room)
    octets = source.read(len(room))
    room[: len(octets)] = octets
    return len(octets)


def reason(error: OSError) -> str:
    """The system's words for an error, without the file name."""
    return (error.strerror or str(error)).lower()


def _regular_size(file: BinaryIO) -> int | None:
    try:
        status = os.fstat(file.fileno())
    except OSError:  # io.UnsupportedOperation too: a file that is only in memory
        return None
    return status.st_size if stat.S_ISREG(status.st_mode) else None
