"""A stretch of capture boiled down: what its frames were, and the openings of its flows."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from ipaddress import IPv4Network, IPv6Network, ip_address

from pcapcheck import select
from pcapcheck.capture import Capture, open_capture
from pcapcheck.capture.frame import NO_TIME, Clock, Damage
from pcapcheck.decode.segment import IcmpError, Segment
from pcapcheck.decode.through_dpkt import decode
from pcapcheck.errors import CaptureError
from pcapcheck.openings import Openings

# So often is progress told, in frames.
_REPORT_EVERY = 4096


@dataclass(frozen=True)
class CaptureFacts:
    """What is known of a capture besides its handshakes. Times are nanoseconds, NO_TIME where there is none."""

    path: str
    format: str = ""
    compression: str = ""
    link_types: tuple[int, ...] = ()
    clocks: tuple[Clock, ...] = ()  # of the interfaces, that differ
    frames: int = 0
    octets: int = 0  # on the wire
    first_time: int = NO_TIME
    last_time: int = NO_TIME  # of any frame
    end_time: int = NO_TIME  # when capturing stopped: last_time, or later if the file says so
    segments: int = 0
    cut_segments: int = 0  # their TCP header is cut by the snaplen
    first_cut: int = 0  # frame of the first of them, 0 if none
    icmp_errors: int = 0  # that quote a TCP segment
    filtered: int = 0  # segments left out by --host, --port, --since or --until
    skipped: Counter[str] = field(default_factory=Counter)  # reason to frames
    first_skipped: dict[str, int] = field(default_factory=dict)  # reason to the first such frame
    first_frame_time: int = NO_TIME  # in the order of the file
    first_timed: int = 0  # number of the frame that has it
    last_frame_time: int = NO_TIME
    steps_back: int = 0  # frames earlier than the one before them
    first_step_back: int = 0  # frame number, 0 if none
    largest_step_back: int = 0  # ns
    dropped: int = 0  # by the capturing side's own count
    damage: Damage | None = None
    interrupted: bool = False
    error: CaptureError | None = None  # it could not be read at all


@dataclass(frozen=True)
class Window:
    """Which segments are looked at. Addresses are networks; empty means all."""

    since: int | None = None  # ns since the epoch
    until: int | None = None
    since_start: int | None = None  # ns after the capture's first frame
    until_start: int | None = None
    hosts: tuple[IPv4Network | IPv6Network, ...] = ()
    ports: tuple[int, ...] = ()

    def holds(self, time: int, first_time: int, found: Segment | IcmpError) -> bool:
        """Whether a segment at ``time`` of a capture that began at ``first_time`` is looked at."""
        if time != NO_TIME:
            if self.since is not None and time < self.since:
                return False
            if self.until is not None and time > self.until:
                return False
            if self.since_start is not None and time < first_time + self.since_start:
                return False
            if self.until_start is not None and time > first_time + self.until_start:
                return False
        if self.ports and found.src_port not in self.ports and found.dst_port not in self.ports:
            return False
        return not self.hosts or any(
            ip_address(address) in network for network in self.hosts for address in (found.src, found.dst)
        )


EVERYTHING = Window()


@dataclass(frozen=True)
class Summary:
    """One stretch: neighbours merge, in capture order, and merging is associative."""

    facts: CaptureFacts
    openings: Openings = field(default_factory=Openings)


def open_input(path: str, max_bytes: int | None = None) -> Capture:
    """The capture at ``path``; for ``-`` the one on this process's standard input. ``max_bytes`` as in open_capture."""
    return open_capture(path, sys.stdin.buffer if path == "-" and sys.stdin else None, max_bytes=max_bytes)


def summarise(
    path: str,
    window: Window = EVERYTHING,
    progress: Callable[[int], None] | None = None,
    max_bytes: int | None = None,
) -> Summary:
    """Read one capture. Never raises for what is in a file: an unreadable one gives a Summary with ``facts.error``.

    ``progress`` is told the octets read since it was last told; it stops the reading by raising KeyboardInterrupt.
    """
    try:
        capture = open_input(path, max_bytes)
    except CaptureError as error:
        return Summary(CaptureFacts(path, error=error))
    with capture:
        return _read(capture, window, progress or (lambda octets: None))


def _read(capture: Capture, window: Window, progress: Callable[[int], None]) -> Summary:
    selector = select.Selector()
    clock = _Clock()
    skipped: Counter[str] = Counter()
    first_skipped: dict[str, int] = {}
    frames = octets = segments = cut = first_cut = icmp_errors = filtered = told = 0
    interrupted = False
    try:
        for frame in capture:
            frames += 1
            octets += frame.original_length
            clock.tick(frame.time_ns, frame.number)
            found = decode(frame.link_type, frame.data, frame.original_length)
            if isinstance(found, (Segment, IcmpError)):
                if isinstance(found, Segment):
                    segments += 1
                    if found.unseen:
                        cut += 1
                        first_cut = first_cut or frame.number
                else:
                    icmp_errors += 1
                if window is EVERYTHING or window.holds(frame.time_ns, clock.first_frame_time, found):
                    selector.add(frame.number, frame.time_ns, found)
                else:
                    filtered += 1
            else:
                skipped[found.value] += 1
                first_skipped.setdefault(found.value, frame.number)
            if not frames % _REPORT_EVERY:
                progress(capture.bytes_read - told)
                told = capture.bytes_read
        progress(capture.bytes_read - told)
    except KeyboardInterrupt:
        interrupted = True
    facts = CaptureFacts(
        path=capture.path,
        format=capture.format,
        compression=capture.compression,
        link_types=tuple(capture.link_types),
        clocks=tuple(capture.clocks),
        frames=capture.frame_count,
        octets=octets,
        end_time=max(clock.last_time, capture.end_time_ns),
        segments=segments,
        cut_segments=cut,
        first_cut=first_cut,
        icmp_errors=icmp_errors,
        filtered=filtered,
        skipped=skipped,
        first_skipped=first_skipped,
        dropped=capture.dropped,
        damage=capture.damage,
        interrupted=interrupted,
        **vars(clock),
    )
    return Summary(facts, selector.openings())


class _Clock:
    """The times of a stretch, in the order of the file."""

    def __init__(self) -> None:
        self.first_time = self.last_time = NO_TIME
        self.first_frame_time = self.last_frame_time = NO_TIME
        self.first_timed = self.steps_back = self.first_step_back = self.largest_step_back = 0

    def tick(self, time: int, frame: int) -> None:
        if time == NO_TIME:
            return
        if self.first_frame_time == NO_TIME:
            self.first_frame_time = self.first_time = self.last_time = time
            self.first_timed = frame
        elif time < self.last_frame_time:
            self.steps_back += 1
            self.first_step_back = self.first_step_back or frame
            self.largest_step_back = max(self.largest_step_back, self.last_frame_time - time)
            self.first_time = min(self.first_time, time)
        elif time > self.last_time:
            self.last_time = time
        self.last_frame_time = time


def merge(first: Summary, then: Summary) -> Summary:
    """The summary of two neighbouring stretches of one capture, in capture order. Associative."""
    a, b = first.facts, then.facts
    if b.first_frame_time == NO_TIME:
        clock: dict[str, int] = {}
    elif a.first_frame_time == NO_TIME:
        clock = {name: getattr(b, name) for name in vars(_Clock())}
    else:
        step = max(0, a.last_frame_time - b.first_frame_time)
        clock = {
            "first_time": min(a.first_time, b.first_time),
            "last_time": max(a.last_time, b.last_time),
            "last_frame_time": b.last_frame_time,
            "steps_back": a.steps_back + (step > 0) + b.steps_back,
            "first_step_back": a.first_step_back or (b.first_timed if step else b.first_step_back),
            "largest_step_back": max(a.largest_step_back, step, b.largest_step_back),
        }
    facts = replace(
        a,
        **clock,  # type: ignore[arg-type]
        link_types=tuple(dict.fromkeys(a.link_types + b.link_types)),
        clocks=tuple(dict.fromkeys(a.clocks + b.clocks)),
        frames=a.frames + b.frames,
        octets=a.octets + b.octets,
        end_time=max(a.end_time, b.end_time),
        segments=a.segments + b.segments,
        cut_segments=a.cut_segments + b.cut_segments,
        first_cut=a.first_cut or b.first_cut,
        icmp_errors=a.icmp_errors + b.icmp_errors,
        filtered=a.filtered + b.filtered,
        skipped=a.skipped + b.skipped,
        first_skipped={**b.first_skipped, **a.first_skipped},
        dropped=a.dropped + b.dropped,
        damage=b.damage or a.damage,
        interrupted=a.interrupted or b.interrupted,
    )
    return Summary(facts, select.merge(first.openings, then.openings))
