"""Where the octets of a capture come from: a file, standard input, or either of them through gzip."""

from __future__ import annotations

import os
import stat
import zlib
from typing import BinaryIO, Final, NamedTuple, Protocol

from pcapcheck.errors import NOWHERE, CaptureError

GZIP_MAGIC: Final = b"\x1f\x8b"
_COMPRESSED_READ: Final = 1 << 16
_GZIP_WINDOW: Final = 31  # zlib's wbits for a gzip member with its header and CRC


class Fault(NamedTuple):
    """Why no more octets can be had, where that is not the end of the file."""

    rule: str
    needed: str
    found: str


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
        self.size = _regular_size(file)
        self.fault: Fault | None = None
        self._file, self._owned = file, owned
        # read() of a buffered pipe waits until all of `most` is there; read1() does not.
        self._read = getattr(file, "read1", file.read)

    def read(self, most: int) -> bytes:
        try:
            octets: bytes | None = self._read(most)
        except OSError as error:
            self.fault = Fault("CAP01", "the rest of the file", f"a read error ({reason(error)})")
            return b""
        if octets is None:
            self.fault = Fault("CAP01", "the rest of the input", "a non-blocking input that has nothing to read yet")
            return b""
        self.bytes_read += len(octets)
        return octets

    def close(self) -> None:
        if self._owned:
            self._file.close()


class Gunzipped:
    """The contents of a gzip file: several members are one stream, padding after the last one is ignored."""

    def __init__(self, stored: Source, head: bytes) -> None:
        """``head`` is what was read of ``stored`` already, to see that it is gzip."""
        self.fault: Fault | None = None
        self._stored, self._waiting = stored, head
        self._member = zlib.decompressobj(_GZIP_WINDOW)

    @property
    def bytes_read(self) -> int:
        return self._stored.bytes_read

    @property
    def size(self) -> int | None:
        return self._stored.size

    def read(self, most: int) -> bytes:
        while self.fault is None:
            octets = self._inflate(most)
            if octets:
                return octets
            if self._member.eof:
                if not self._next_member():
                    return b""
            elif not self._waiting and self.fault is None:
                self._waiting = self._stored.read(_COMPRESSED_READ)
                if not self._waiting:
                    cut = Fault("CAP01", "the rest of the gzip data", f"its end after {self.bytes_read} stored octets")
                    self.fault = self._stored.fault or cut
        return b""

    def close(self) -> None:
        self._stored.close()

    def _inflate(self, most: int) -> bytes:
        # zlib gives nothing of a call that meets damage, however much came out before it. So each call starts from
        # a copy, and after damage calls with ever less input, then ever less output, fetch what lies before it.
        given = len(self._waiting)
        while True:
            before = self._member.copy()
            try:
                octets = self._member.decompress(self._waiting[:given], most)
            except zlib.error as error:
                self._member = before
                if given > 1:
                    given //= 2
                elif most > 1:
                    most //= 2
                else:
                    self.fault = Fault("CAP02", "intact gzip data", str(error))
                    return b""
            else:
                self._waiting = self._member.unconsumed_tail + self._waiting[given:]
                return octets

    def _next_member(self) -> bool:
        following = self._member.unused_data
        while len(following) < len(GZIP_MAGIC) and GZIP_MAGIC.startswith(following):
            octets = self._stored.read(_COMPRESSED_READ)
            if not octets:
                self.fault = self._stored.fault
                if following and self.fault is None:
                    self.fault = Fault("CAP01", "the header of the next gzip member", f"{len(following)} octet of it")
                return False
            following += octets
        if not following.startswith(GZIP_MAGIC):
            return False
        self._member, self._waiting = zlib.decompressobj(_GZIP_WINDOW), following
        return True


def open_source(path: str, stdin: BinaryIO | None = None) -> Source:
    """The file at ``path``; ``-`` is ``stdin``, which stays open."""
    if path == "-":
        if stdin is None:
            raise CaptureError(path, NOWHERE, "a standard input", "none", "name a file")
        return StoredFile(stdin, owned=False)
    try:
        return StoredFile(open(path, "rb", buffering=0), owned=True)
    except OSError as error:
        raise CaptureError(path, NOWHERE, "a readable file", reason(error)) from error
    except ValueError as error:  # a null character in the name
        raise CaptureError(path, NOWHERE, "the name of a file", str(error)) from error


def reason(error: OSError) -> str:
    """The system's words for an error, without the file name."""
    return (error.strerror or str(error)).lower()


def _regular_size(file: BinaryIO) -> int | None:
    try:
        status = os.fstat(file.fileno())
    except OSError:  # io.UnsupportedOperation too: a file that is only in memory
        return None
    return status.st_size if stat.S_ISREG(status.st_mode) else None
