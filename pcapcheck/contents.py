"""What is in a capture, before any judging: its container, its interfaces, and what could not be decoded."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from pcapcheck.capture import Capture, Paths, find_captures
from pcapcheck.capture import Found as Inputs
from pcapcheck.capture.frame import NO_TIME, Clock, Damage
from pcapcheck.capture.interface import Interface, Section
from pcapcheck.decode.fragments import Fragments
from pcapcheck.decode.segment import IcmpError, Segment, Skip
from pcapcheck.decode.through_dpkt import decode
from pcapcheck.errors import CaptureError
from pcapcheck.stretch import open_input

# So often is progress told, in frames.
_REPORT_EVERY = 4096


@dataclass
class Contents:
    """One capture. Times are nanoseconds since the epoch, NO_TIME where there is none."""

    path: str
    format: str = ""
    byte_order: str = ""  # little-endian, big-endian or mixed
    compression: str = ""
    size: int | None = None  # octets as stored; None for a pipe
    frames: int = 0  # numbers given, as in Wireshark: some pcapng blocks have one and hold no packet
    packets: int = 0
    octets: int = 0  # on the wire
    captured_octets: int = 0
    shortened: int = 0  # packets of which less was captured than was on the wire
    link_types: list[int] = field(default_factory=list)
    clocks: list[Clock] = field(default_factory=list)
    sections: list[Section] = field(default_factory=list)
    interfaces: list[Interface] = field(default_factory=list)
    first_time: int = NO_TIME
    last_time: int = NO_TIME
    untimed: int = 0  # packets without a time
    steps_back: int = 0  # packets earlier than the one before them
    first_step_back: int = 0  # frame number, 0 if none
    dropped: int = 0  # by the capturing side's own count
    comments: list[str] = field(default_factory=list)
    comment_count: int = 0
    segments: int = 0  # of TCP
    icmp_errors: int = 0  # that quote a TCP segment
    skipped: Counter[str] = field(default_factory=Counter)  # reason to packets
    first_skipped: dict[str, int] = field(default_factory=dict)  # reason to the first such frame
    damage: Damage | None = None
    interrupted: bool = False
    error: CaptureError | None = None  # it could not be read at all

    @property
    def duration(self) -> int:
        """Nanoseconds from the earliest to the latest packet."""
        return 0 if self.first_time == NO_TIME else self.last_time - self.first_time


@dataclass
class Found:
    """The contents of each capture, in the order given, and what there was besides."""

    contents: list[Contents]
    errors: list[CaptureError]
    ignored: list[str]  # files in folders that are no captures

    @property
    def interrupted(self) -> bool:
        """Whether the last of them was not read to its end."""
        return any(one.interrupted for one in self.contents)


def info(
    paths: Paths | Inputs,
    *,
    max_bytes: int | None = None,
    progress: Callable[[int], None] | None = None,
) -> Found:
    """What is in the captures: files, folders (searched for captures), URLs and ``-``, as for ``check``.

    A file that cannot be read does not raise: it is in ``errors``, and the others are described.
    """
    found = find_captures(paths)
    contents: list[Contents] = []
    for path in found.inputs:
        contents.append(contents_of(path, max_bytes, progress or (lambda octets: None)))
        if contents[-1].interrupted:
            break
    return Found(contents, [*found.errors, *(one.error for one in contents if one.error)], found.ignored)


def contents_of(path: str, max_bytes: int | None, progress: Callable[[int], None]) -> Contents:
    """The contents of one capture; an unreadable one has ``error``."""
    try:
        capture = open_input(path, max_bytes)
    except CaptureError as error:
        return Contents(error.path, error=error)
    with capture:
        capture.details = True
        contents = Contents(capture.path, capture.format, compression=capture.compression, size=capture.size)
        try:
            _count(contents, capture, progress)
        except KeyboardInterrupt:
            contents.interrupted = True
    contents.byte_order = capture.byte_order
    contents.frames = capture.frame_count
    contents.link_types, contents.clocks = capture.link_types, capture.clocks
    contents.sections, contents.interfaces = capture.sections, capture.interfaces
    if capture.format != "pcapng":
        contents.interfaces[0].frames = contents.packets
    contents.dropped, contents.damage = capture.dropped, capture.damage
    contents.comments, contents.comment_count = capture.comments, capture.comment_count
    return contents


def _count(contents: Contents, capture: Capture, progress: Callable[[int], None]) -> None:
    told, before = 0, NO_TIME
    fragments = Fragments()
    for frame in capture:
        contents.packets += 1
        contents.octets += frame.original_length
        contents.captured_octets += len(frame.data)
        contents.shortened += len(frame.data) < frame.original_length
        if frame.time_ns == NO_TIME:
            contents.untimed += 1
        else:
            if before == NO_TIME:
                contents.first_time = contents.last_time = frame.time_ns
            elif frame.time_ns < before:
                contents.steps_back += 1
                contents.first_step_back = contents.first_step_back or frame.number
                contents.first_time = min(contents.first_time, frame.time_ns)
            elif frame.time_ns > contents.last_time:
                contents.last_time = frame.time_ns
            before = frame.time_ns
        decoded = decode(frame.link_type, frame.data, frame.original_length)
        if decoded is Skip.FRAGMENT:
            decoded = fragments.take(frame)
        if isinstance(decoded, Segment):
            contents.segments += 1
        elif isinstance(decoded, IcmpError):
            contents.icmp_errors += 1
        else:
            contents.skipped[decoded.value] += 1
            contents.first_skipped.setdefault(decoded.value, frame.number)
        if not contents.packets % _REPORT_EVERY:
            progress(capture.bytes_read - told)
            told = capture.bytes_read
    fragments.settle(contents.skipped, contents.first_skipped)
    progress(capture.bytes_read - told)
