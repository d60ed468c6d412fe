"""The octets of a capture in chunks that a reader slices its records from."""

from __future__ import annotations

from typing import Final

from pcapcheck.capture.sources import Fault, Source, StoredFile, read_into

# One immutable chunk: slices of it are the frames, with no copy in between. (Tried against readinto() and a
# memoryview over one re-used buffer: a sixth slower, and longer.)
CHUNK: Final = 1 << 19


class Broken(Exception):
    """A capture cannot be read on from this offset: damage behind a good prefix, or an error in the file header."""

    def __init__(self, offset: int, fault: Fault) -> None:
        super().__init__(offset, fault)
        self.offset, self.fault = offset, fault


class Stream:
    """What was read and not yet consumed, and where it lies in the capture."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self.chunk = b""
        self._ended = False  # for good, even if the file is still being written: what is there is judged once
        self.offset = 0  # of the chunk's first octet, in the uncompressed capture
        self.position = 0  # in the chunk: of the next record, whenever a frame has been given

    def refill(self, position: int, needed: int, most: int = CHUNK) -> int:
        """Drop what lies before ``position``, read on until ``needed`` octets are there; how many there are now.

        Fewer than ``needed`` means the end. What is kept grows with what arrives, never with what a length field says.
        """
        pieces = [self.chunk[position:]]
        available = len(pieces[0])
        self.offset += position
        while available < needed and not self._ended:
            piece = self.source.read(most)
            self._ended = not piece
            pieces.append(piece)
            available += len(piece)
        self.chunk = b"".join(pieces)
        return available

    def hand_over(self) -> bytes:
        """What was read and not consumed; whoever takes it reads on with ``fill`` and may ``take_back`` the rest."""
        rest = self.chunk[self.position :]
        self.offset += self.position
        self.chunk, self.position = b"", 0
        return rest

    def fill(self, room: memoryview) -> int:
        """Read on into this room: how many octets, 0 at the end."""
        if self._ended:
            return 0
        count = read_into(self.source, room)
        self._ended = not count
        return count

    def take_back(self, rest: bytes, consumed: int) -> None:
        """Go on from what was handed over, of which so many octets were consumed before ``rest``."""
        self.offset += consumed
        self.chunk, self.position = rest, 0

    def go_to(self, start: int, stop: int | None) -> None:
        """Read a stored file from octet ``start`` to ``stop`` (not included; None: its end), as if no other were."""
        assert isinstance(self.source, StoredFile)
        self.source.go_to(start, stop)
        self.chunk, self.position, self.offset, self._ended = b"", 0, start, False

    def go_on(self, stop: int | None) -> None:
        """Read on to this ``stop`` behind the one before it."""
        assert isinstance(self.source, StoredFile)
        self.source.stop, self._ended = stop, False

    def cut(self, needed: str, found: int) -> Broken:
        """The end of the capture inside what the chunk starts with: ``found`` octets are there of ``needed``."""
        return Broken(self.offset, self.source.fault or Fault("CAP01", needed, str(found)))
