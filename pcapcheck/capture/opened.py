"""One open capture, whatever its format."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from types import TracebackType
from typing import ClassVar, Final, NamedTuple

import numpy as np
import numpy.typing as npt

from pcapcheck.capture.frame import NO_TIME, Clock, Damage, Frame
from pcapcheck.capture.interface import Interface, Section
from pcapcheck.capture.sources import Fault
from pcapcheck.capture.stream import Broken, Stream
from pcapcheck.errors import CaptureError

_USUAL_LIMIT: Final = 262_144  # libpcap's and Wireshark's largest record
_SNAPLEN_LIMIT: Final = 16 << 20  # a larger snaplen says "unlimited" and bounds nothing
_LARGER_RECORDS: Final = {231: 128 << 20, 279: 8 << 20}  # D-Bus, EBHSCR: libpcap's limits

# Sections, interfaces and comments of which a capture keeps more than the number.
MOST_LISTED: Final = 1000
PCAPNG_MAGIC: Final = b"\x0a\x0d\x0d\x0a"


class PlainPcap(NamedTuple):
    """How the records of a pcap file are to be read, by a loop that knows the plain ones."""

    big_endian: bool
    nanoseconds: int  # of one unit of a time stamp's fraction
    header: int  # octets of a record header
    limit: int  # the longest captured length
    link_type: int


class PlainPcapng(NamedTuple):
    """How the enhanced packet blocks that follow are to be read, up to the next block of another kind."""

    big_endian: bool
    # A line an interface: link type, longest captured length, nanoseconds of one unit of a time stamp (0: not a whole
    # number), the largest time stamp that fits, nanoseconds to be added.
    interfaces: npt.NDArray[np.int64]
    longest: int  # octets of a block


class Capture:
    """One open capture: iterate once for its frames. What ends the iteration early is ``damage``, never raised."""

    magic: ClassVar[tuple[bytes, ...]]

    def __init__(self, path: str, compression: str, stream: Stream) -> None:
        self.path = path  # as given, "-" for standard input
        self.format = ""  # pcap, pcap-ns, pcap-modified or pcapng
        self.compression = compression  # "" or gzip
        self.link_types: list[int] = []  # in order of first appearance
        self.clocks: list[Clock] = []  # that differ, in order of first appearance
        self.sections: list[Section] = []  # the first MOST_LISTED of them
        self.interfaces: list[Interface] = []  # likewise
        self.details = False  # set it before iterating: count comments and the frames of each interface
        self.comments: list[str] = []  # the first MOST_LISTED of them
        self.comment_count = 0
        self.damage: Damage | None = None
        self.end_time_ns = NO_TIME  # when capturing stopped, if the file says so and it is later than every frame
        self.frame_count = 0  # frame numbers given so far
        self._latest_ns = NO_TIME  # of them
        self._frame_at = 0  # in the stream's chunk, the first octet of the last frame given
        self._stream = stream
        self._known: set[int | Clock] = set()  # link types and clocks: there may be as many as interfaces
        try:
            self._read_header()
        except Broken as broken:
            raise CaptureError(path, broken.offset, broken.fault.needed, broken.fault.found) from None
        self._frames = self._read_frames()

    @property
    def bytes_read(self) -> int:
        """Octets consumed of the file as stored."""
        return self._stream.source.bytes_read

    @property
    def size(self) -> int | None:
        """Octets of the file as stored; None for a pipe."""
        return self._stream.source.size

    @property
    def offset(self) -> int:
        """Where the next record begins in the capture, uncompressed: right at the end, too."""
        return self._stream.offset + self._stream.position

    @property
    def described(self) -> tuple[int, ...]:
        """How much was described so far of what frames are read by, or counted from: the same, where that is."""
        return ()

    @property
    def frame_offset(self) -> int:
        """Where the octets of the frame given last begin in the capture, uncompressed."""
        return self._stream.offset + self._frame_at

    @property
    def byte_order(self) -> str:
        """little-endian, big-endian, or mixed where sections differ."""
        orders = {section.byte_order for section in self.sections}
        return "mixed" if len(orders) > 1 else "big-endian" if ">" in orders else "little-endian"

    @property
    def dropped(self) -> int:
        """Frames that the capturing side says it lost."""
        return 0

    @property
    def stream(self) -> Stream:
        """The octets below the frames, for a loop of its own over plain records; ``resume`` then goes on here."""
        return self._stream

    def plain(self) -> PlainPcap | PlainPcapng | None:
        """How the records from ``stream.position`` on are to be read where they are plain, if any may be."""
        return None

    def resume(self, frame_count: int, latest_ns: int) -> None:
        """Go on from the stream's position, after so many frames, the latest of them at ``latest_ns``."""
        self.frame_count = frame_count
        self._latest_ns = latest_ns
        self._frames = self._read_frames()

    def go_to(self, start: int, stop: int | None) -> None:
        """Give the frames of the records from octet ``start`` to ``stop`` of a stored file as if these were all.

        They are read by what has been described so far.
        """
        self._stream.go_to(start, stop)
        self.resume(0, NO_TIME)

    def go_on(self, stop: int | None) -> None:
        """Give more frames, up to this ``stop``, where the reading came to the one before it."""
        self.damage = None
        self._stream.go_on(stop)
        self.resume(self.frame_count, self._latest_ns)

    def __iter__(self) -> Iterator[Frame]:
        return self._frames

    def __enter__(self) -> Capture:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Close the file; standard input stays open."""
        self._stream.source.close()

    def _read_header(self) -> None:
        raise NotImplementedError

    def _read_frames(self) -> Iterator[Frame]:
        raise NotImplementedError

    def _add_interface(self, interface: Interface) -> None:
        """Take in one more interface, of which there may be any number."""
        if interface.link_type not in self._known:
            self.link_types.append(interface.link_type)
        if interface.clock not in self._known:
            self.clocks.append(interface.clock)
        self._known.update((interface.link_type, interface.clock))
        if len(self.interfaces) < MOST_LISTED:
            self.interfaces.append(interface)

    def _add_comments(self, comments: Iterable[str]) -> None:
        for comment in comments:
            self.comment_count += 1
            if len(self.comments) < MOST_LISTED:
                self.comments.append(comment)

    def _spoil(self, broken: Broken) -> None:
        rule, needed, found, passing = broken.fault
        self.damage = Damage(rule, broken.offset, self.frame_count, needed, found, passing)


def largest_record(link_type: int, snaplen: int) -> int:
    """The captured length beyond which a record is corrupt, not large."""
    usual = max(_USUAL_LIMIT, snaplen if snaplen <= _SNAPLEN_LIMIT else 0)
    return max(usual, _LARGER_RECORDS.get(link_type, 0))


def too_long(offset: int, captured: int, limit: int) -> Broken:
    """What a captured length over the limit is."""
    return Broken(offset, Fault("CAP02", f"a captured length of at most {limit}", str(captured)))


def joined(offset: int, needed: str) -> Broken:
    """What the file header of a second capture is where the next record should start."""
    found = "the file header of another capture: they were joined by cat (mergecap joins them, or name each)"
    return Broken(offset, Fault("CAP02", needed, found))
