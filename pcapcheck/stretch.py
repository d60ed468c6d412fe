"""A stretch of capture boiled down: what its frames were, and the openings of its flows."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import NamedTuple

import numpy as np

from pcapcheck.capture import Capture, open_capture
from pcapcheck.capture.frame import NO_TIME, Clock, Damage
from pcapcheck.errors import CaptureError
from pcapcheck.numbering import Numbering, Place
from pcapcheck.openings import Ints, Kept, Openings
from pcapcheck.reading import Reading, reading
from pcapcheck.spilled import Spilled, joined
from pcapcheck.tables import ABSENT, MAX_TRACKED
from pcapcheck.window import EVERYTHING, Window


class Ahead(NamedTuple):
    """A clock that is ahead of another by this much at least, as packets prove that passed both taps."""

    path: str
    behind: str  # the path of the other
    nanoseconds: int


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
    split_headers: int = 0  # datagrams whose TCP header is split over IP fragments, or whose SYN is in fragments
    first_split_header: int = 0  # frame of the first of them, 0 if none
    first_frame_time: int = NO_TIME  # in the order of the file
    first_timed: int = 0  # number of the frame that has it
    last_frame_time: int = NO_TIME
    steps_back: int = 0  # frames earlier than the one before them
    first_step_back: int = 0  # frame number, 0 if none
    largest_step_back: int = 0  # ns
    copies: int = 0  # segments that were seen at another tap already, and set aside (taps.py)
    first_copy: int = 0  # frame of the first of them, 0 if none
    first_copied: int = 0  # the frame that it is a copy of
    ahead: tuple[Ahead, ...] = ()  # clocks of taps that contradict each other
    dropped: int = 0  # by the capturing side's own count
    damage: Damage | None = None
    set_aside: int = 0  # connections that were moved to disk while reading, each as often as it was
    interrupted: bool = False
    error: CaptureError | None = None  # it could not be read at all
    # Of a capture that came in several files: the files, in the order of their frames, each as if it were alone.
    parts: tuple[CaptureFacts, ...] = ()
    numbering: Numbering | None = None
    joined: str = ""  # why they are one capture: asked (--sequence), recognised (by names and times), merged (--merge)

    @property
    def files(self) -> tuple[CaptureFacts, ...]:
        """Its files, mostly one."""
        return self.parts or (self,)

    def places(self, frames: Ints) -> tuple[Ints, Ints]:
        """Of each frame its file (index into ``files``) and its number there; ABSENT where the frame is."""
        if self.numbering is None:
            return np.where(frames == ABSENT, ABSENT, 0), frames
        return self.numbering.places(frames)

    def place(self, frame: int) -> Place:
        """The file of a frame, and its number there."""
        if self.numbering is None:
            return Place(self.path, frame)
        file, number = self.places(np.array([frame], np.int64))
        return Place(self.files[int(file[0])].path, int(number[0]))


@dataclass(frozen=True, eq=False)
class Summary:
    """One stretch: neighbours merge, in capture order, and merging is associative."""

    facts: CaptureFacts
    openings: Kept = field(default_factory=Openings)


def summary(facts: CaptureFacts, openings: Kept) -> Summary:
    """What was read of one capture, where it is known how many of its connections are on disk."""
    return Summary(replace(facts, set_aside=openings.flow_count if isinstance(openings, Spilled) else 0), openings)


def open_input(path: str, max_bytes: int | None = None) -> Capture:
    """The capture at ``path``; for ``-`` the one on this process's standard input. ``max_bytes`` as in open_capture."""
    return open_capture(path, sys.stdin.buffer if path == "-" and sys.stdin else None, max_bytes=max_bytes)


def summarise(
    path: str,
    window: Window = EVERYTHING,
    progress: Callable[[int], None] | None = None,
    max_bytes: int | None = None,
    decoder: str = "auto",
    max_tracked: int = MAX_TRACKED,
) -> Summary:
    """Read one capture. Never raises for what is in a file: an unreadable one gives a Summary with ``facts.error``.

    ``progress`` is told the octets read since it was last told; it stops the reading by raising KeyboardInterrupt.
    """
    try:
        capture = open_input(path, max_bytes)
    except CaptureError as error:
        return Summary(CaptureFacts(error.path, error=error))
    with capture:
        return _read(capture, reading(decoder, capture, window, max_tracked), progress or untold)


def facts_of(capture: Capture) -> CaptureFacts:
    """What a capture itself says, as far as it was read."""
    return CaptureFacts(
        path=capture.path,
        format=capture.format,
        compression=capture.compression,
        link_types=tuple(capture.link_types),
        clocks=tuple(capture.clocks),
        frames=capture.frame_count,
        end_time=capture.end_time_ns,
        dropped=capture.dropped,
        damage=capture.damage,
    )


def untold(octets: int) -> None:
    """For a ``progress`` that nobody asks for."""


def _read(capture: Capture, read: Reading, progress: Callable[[int], None]) -> Summary:
    return summary(read_on(capture, read, progress), read.openings())


def read_on(capture: Capture, read: Reading, progress: Callable[[int], None], told: int = 0) -> CaptureFacts:
    """Read to the end, or to where ``progress`` stops it; gives what is known by then.

    ``told``: octets that it has been told of already, where this is not the beginning.
    """

    def tell() -> None:
        nonlocal told
        progress(capture.bytes_read - told)
        told = capture.bytes_read

    interrupted = False
    try:
        read.run(tell)
        tell()
    except KeyboardInterrupt:
        interrupted = True
    tally = read.tally()
    end_time = max(tally.last_time, capture.end_time_ns)
    return replace(facts_of(capture), end_time=end_time, interrupted=interrupted, **vars(tally))


# The times of a stretch, in the order of the file.
_CLOCK = (
    "first_time", "last_time", "first_frame_time", "first_timed", "last_frame_time", "steps_back",
    "first_step_back", "largest_step_back",
)  # fmt: skip


def merge(first: Summary, then: Summary) -> Summary:
    """The summary of two neighbouring stretches of one capture, in capture order. Associative."""
    return Summary(merged(first.facts, then.facts), joined(first.openings, then.openings, MAX_TRACKED))


def merged(a: CaptureFacts, b: CaptureFacts) -> CaptureFacts:
    """The facts of two neighbouring stretches of one capture, in capture order. Associative."""
    if b.first_frame_time == NO_TIME:
        clock: dict[str, int] = {}
    elif a.first_frame_time == NO_TIME:
        clock = {name: getattr(b, name) for name in _CLOCK}
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
    return replace(
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
        split_headers=a.split_headers + b.split_headers,
        first_split_header=a.first_split_header or b.first_split_header,
        copies=a.copies + b.copies,
        first_copy=a.first_copy or b.first_copy,
        first_copied=a.first_copied or b.first_copied,
        ahead=a.ahead + b.ahead,
        dropped=a.dropped + b.dropped,
        damage=b.damage or a.damage,
        set_aside=a.set_aside + b.set_aside,
        interrupted=a.interrupted or b.interrupted,
    )


def numbered_on(facts: CaptureFacts, frames: int) -> CaptureFacts:
    """The facts of a stretch that comes after so many frames."""
    numbers = (
        "first_cut", "first_split_header", "first_timed", "first_step_back", "first_copy", "first_copied",
    )  # fmt: skip
    moved = {name: number + frames for name in numbers if (number := getattr(facts, name))}
    first_skipped = {reason: number + frames for reason, number in facts.first_skipped.items()}
    damage = facts.damage and facts.damage._replace(frame=facts.damage.frame + frames)
    return replace(facts, first_skipped=first_skipped, damage=damage, **moved)
