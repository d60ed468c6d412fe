"""A capture's frames, read and selected: the compiled loop where it can, the readers and dpkt where it cannot.

The loop takes plain records and plain frames, and stops at every other. An odd frame in a plain record is decoded
through dpkt, and the loop goes on behind it; at an odd record the reader in Python takes some frames and hands back.
With ``decoder="dpkt"`` the loop is not used at all, and the result is the same.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Final, Protocol

import numpy as np

from pcapcheck import cells
from pcapcheck.capture import Capture
from pcapcheck.capture.frame import NO_TIME, Frame
from pcapcheck.capture.opened import PlainPcap
from pcapcheck.decode.compiled import COMPILED, GROW, LINKS, ODD, OTHER, Table
from pcapcheck.decode.fragments import Fragments
from pcapcheck.decode.segment import IcmpError, Segment, Skip
from pcapcheck.decode.through_dpkt import decode
from pcapcheck.errors import UsageError
from pcapcheck.openings import Kept
from pcapcheck.select import Selector
from pcapcheck.spilled import PIECE, Spilled
from pcapcheck.tables import MAX_TRACKED
from pcapcheck.window import EVERYTHING, Window

DECODERS: Final = ("auto", "compiled", "dpkt")

# Octets read at a time: small enough to stay in the cache, large enough for few reads; 512 KiB to 4 MiB are alike.
BUFFER: Final = 1 << 20

# Frames that the reader in Python takes before it hands back: to hand over costs as much as some of them.
_A_WHILE: Final = 64
# So often is progress told where Python reads alone, in frames.
_REPORT_EVERY: Final = 4096

# Connections whose rows are made at once when all is read.
_FEW: Final = 1 << 13
# The octets that a connection usually takes.
_OCTETS_TRACKED: Final = 512
# From so many a connection on they are few that were used again and again: set aside, each would be read back whole.
_OCTETS_OF_FEW: Final = 1 << 14
# Octets that are set aside at a time.
_SET_ASIDE: Final = 1 << 23

# Room for cells by the octets of the file: more than ordinary captures need. Room that is not used costs nothing.
_OCTETS_A_CELL: Final = 64
_LEAST_ROOM, _MOST_ROOM = 1 << 12, 1 << 24


@dataclass(eq=False)
class Tally:
    """What the frames of a stretch were. Times are nanoseconds, NO_TIME where there is none."""

    octets: int = 0  # on the wire
    segments: int = 0
    cut_segments: int = 0
    first_cut: int = 0
    icmp_errors: int = 0
    filtered: int = 0
    skipped: Counter[str] = field(default_factory=Counter)
    first_skipped: dict[str, int] = field(default_factory=dict)
    split_headers: int = 0
    first_split_header: int = 0
    first_time: int = NO_TIME
    last_time: int = NO_TIME
    first_frame_time: int = NO_TIME
    first_timed: int = 0
    last_frame_time: int = NO_TIME
    steps_back: int = 0
    first_step_back: int = 0
    largest_step_back: int = 0
    copies: int = 0
    first_copy: int = 0
    first_copied: int = 0

    def tick(self, time: int, frame: int) -> None:
        """The time of a frame, in the order of the file."""
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

    def skip(self, reason: Skip, frame: int, count: int = 1) -> None:
        """Count frames that hold no segment to judge, the first of them this one."""
        if count:
            self.skipped[reason.value] += count
            self.first_skipped[reason.value] = min(self.first_skipped.get(reason.value, frame), frame)


class Reading(Protocol):
    """A capture while it is read: ``run`` to its end (or Ctrl-C), then the results are there."""

    def run(self, told: Callable[[], None]) -> None:
        """Read on; ``told`` is called now and then."""

    def tally(self) -> Tally:
        """What was read so far."""

    def openings(self) -> Kept:
        """What was kept so far: on disk, if there were too many connections to keep track of."""


def reading(decoder: str, capture: Capture, window: Window, max_tracked: int = MAX_TRACKED) -> Reading:
    """The reading of this capture by one of DECODERS. Raises UsageError where it is not there.

    Of more than ``max_tracked`` connections, or where they take more memory than so many usually do, all are set aside
    on disk.
    """
    if is_compiled(decoder):
        return CompiledReading(capture, window, max_tracked=max_tracked)
    return DpktReading(capture, window, max_tracked=max_tracked)


def is_compiled(decoder: str) -> bool:
    """Whether this one of DECODERS is the compiled loop. Raises UsageError where it is not there."""
    if decoder not in DECODERS:
        raise UsageError(f"--decoder {decoder}: one of {', '.join(DECODERS)}")
    if decoder == "compiled" and not COMPILED:
        raise UsageError("--decoder compiled: pcapcheck was installed without its compiled modules")
    return decoder == "compiled" or (decoder == "auto" and COMPILED)


class DpktReading:
    """Every frame through dpkt, one by one: the reference."""

    def __init__(self, capture: Capture, window: Window, *, max_tracked: int = MAX_TRACKED) -> None:
        self._capture, self._window, self._max_tracked = capture, window, max_tracked
        self._selector, self._tally, self._fragments = Selector(), Tally(), Fragments()
        self._spilled = Spilled()

    def run(self, told: Callable[[], None]) -> None:
        for count, frame in enumerate(self._capture, 1):
            self._tally.octets += frame.original_length
            self._tally.tick(frame.time_ns, frame.number)
            found = decode(frame.link_type, frame.data, frame.original_length)
            if found is Skip.FRAGMENT:
                found = self._fragments.take(frame)
            if counted(found, frame.number, frame.time_ns, self._tally, self._window, self._tally.first_frame_time):
                self._selector.add(frame.number, frame.time_ns, found)  # type: ignore[arg-type]
            if len(self._selector) > self._max_tracked:
                self._spilled.add(self._selector.openings())
                self._selector = Selector()
            if not count % _REPORT_EVERY:
                told()

    def tally(self) -> Tally:
        return _settled(self._tally, self._fragments)

    def openings(self) -> Kept:
        return self._spilled.with_rest(self._selector.openings())


class CompiledReading:
    """Plain records and frames in the compiled loop, the others as in DpktReading, in order."""

    def __init__(
        self,
        capture: Capture,
        window: Window,
        *,
        seed: bytes | None = None,
        buffer: int = BUFFER,
        table: type[Table] = Table,
        max_tracked: int = MAX_TRACKED,
    ) -> None:
        """``seed`` and ``buffer`` (octets) change nothing in the result, nor does an interpreted ``table``."""
        self._capture, self._window, self._max_tracked = capture, window, max_tracked
        self._spilled = Spilled()
        room = min(max((capture.size or 0) // _OCTETS_A_CELL, _LEAST_ROOM), _MOST_ROOM)
        self.table = cells.new_table(seed, room, table)
        if window is not EVERYTHING:
            cells.look_at(self.table, window)
        self._tally = Tally()  # of the odd frames; the table counts the others
        self.fragments = Fragments()
        self._buffer = bytearray(buffer)
        self._position = self._end = 0  # in the buffer: of the next record, of what was read
        self._consumed = 0  # octets before the buffer since it was handed over

    def run(self, told: Callable[[], None]) -> None:
        # Where it goes on, what was last counted may have been a block that holds no packet.
        self.table.count_frame(self._capture.frame_count, None, 0)
        if self._capture.plain() is None:
            while self._read_frames(_REPORT_EVERY):
                self._set_aside_if_many()
                told()
            return
        self._hand_over()
        try:
            while True:
                self._set_aside_if_many()
                told()
                if self._walk() and self._fill():
                    continue
                self._hand_back()
                if not self._read_frames(_A_WHILE):
                    return
                self._hand_over()
        except KeyboardInterrupt:
            self._hand_back()
            raise

    def tally(self) -> Tally:
        facts = self.table.facts()
        tally = _settled(self._tally, self.fragments)
        for name in ("segments", "cut_segments", "filtered"):
            setattr(tally, name, getattr(tally, name) + facts[name])
        tally.first_cut = min(filter(None, (tally.first_cut, facts["first_cut"])), default=0)
        tally.octets = facts["octets"]
        tally.skip(Skip.NOT_IP, facts["first_not_ip"], facts["not_ip"])
        tally.skip(Skip.NOT_TCP, facts["first_not_tcp"], facts["not_tcp"])
        if facts["timed"]:
            for name in ("first_time", "last_time", "first_frame_time", "first_timed", "last_frame_time"):
                setattr(tally, name, facts[name])
        for name in ("steps_back", "first_step_back", "largest_step_back"):
            setattr(tally, name, facts[name])
        return tally

    @property
    def set_aside(self) -> int:
        """How many connections were moved to disk."""
        return self._spilled.flow_count

    def openings(self) -> Kept:
        if self._spilled.flow_count:
            self._set_aside()
            return self._spilled
        return kept_of((self.table, 0))

    def _set_aside(self) -> None:
        """Move all connections to disk, some at a time, so that memory for all of them is not needed twice."""
        flows, octets = self.table.tracked()
        some = min(flows * _SET_ASIDE // octets + 1, PIECE)
        for first in range(0, flows, some):
            self._spilled.add(cells.openings_of(self.table, first, min(first + some, flows)))
        self.table.forget()

    def _make_room(self) -> None:
        """Room for more connections; where twice the room would be too much, that of those that are there.

        Of all else that is in the table there is so little that twice as much does not count.
        """
        if self._are_too_many(2 if self.table.cells_are_full() else 1):
            self._set_aside()
        else:
            self.table.make_room()

    def _set_aside_if_many(self) -> None:
        if self._are_too_many():
            self._set_aside()

    def _are_too_many(self, times: int = 1) -> bool:
        """Whether there are more connections than are tracked, or so many ``times`` their octets are too much."""
        flows, octets = self.table.tracked()
        too_large = times * octets > self._max_tracked * _OCTETS_TRACKED and octets < flows * _OCTETS_OF_FEW
        return flows > self._max_tracked or too_large

    def _hand_over(self) -> None:
        """From the capture's own reader to the loop."""
        rest = self._capture.stream.hand_over()
        if len(rest) > len(self._buffer):
            self._buffer = bytearray(2 * len(rest))
        self._buffer[: len(rest)] = rest
        self._position, self._end, self._consumed = 0, len(rest), 0

    def _hand_back(self) -> None:
        facts = self.table.facts()
        rest = bytes(memoryview(self._buffer)[self._position : self._end])
        self._capture.stream.take_back(rest, self._consumed + self._position)
        self._capture.resume(facts["frames"], facts["last_time"] if facts["timed"] else NO_TIME)

    def _fill(self) -> bool:
        """Read on behind what is not consumed; False at the end."""
        rest = self._end - self._position
        if self._position:
            self._buffer[:rest] = self._buffer[self._position : self._end]
            self._consumed += self._position
            self._position, self._end = 0, rest
        elif rest == len(self._buffer):
            self._buffer = self._buffer + bytes(rest)  # it grows with what arrives, never with what a length says
        with memoryview(self._buffer) as view, view[rest:] as room:
            count = self._capture.stream.fill(room)
        self._end += count
        return count > 0

    def _walk(self) -> bool:
        """Take what is plain of the buffer; False where the reader in Python has to go on."""
        walk = self._walker()
        while True:
            self._position = walk()
            stopped = self.table.stopped_because()
            if stopped == ODD:
                self._take_odd()
            elif stopped == GROW:
                self._make_room()
            else:
                return stopped != OTHER

    def _walker(self) -> Callable[[], int]:
        """The table's loop over records, which goes on from the buffer's position."""
        plain = self._capture.plain()
        assert plain is not None
        if isinstance(plain, PlainPcap):
            big_endian, nanoseconds, header, limit, link_type = plain
            link = LINKS.get(link_type, 0)
            return lambda: self.table.walk_pcap(
                memoryview(self._buffer),
                self._position,
                self._end,
                big_endian,
                nanoseconds,
                header,
                limit,
                link_type,
                link,
            )
        links = [LINKS.get(link_type, 0) for link_type in plain.interfaces[:, 0].tolist()]
        interfaces = np.insert(plain.interfaces, 1, links, axis=1)
        return lambda: self.table.walk_pcapng(
            memoryview(self._buffer), self._position, self._end, plain.big_endian, interfaces, plain.longest
        )

    def _take_odd(self) -> None:
        at, captured, original, time_ns, link_type = self.table.odd()
        self._take(self.table.frame_count(), time_ns, link_type, original, bytes(self._buffer[at : at + captured]))

    def _read_frames(self, most: int) -> bool:
        """Take frames from the reader in Python; False at its end."""
        for count, frame in enumerate(self._capture, 1):
            number, time_ns, link_type, original, data = frame
            self.table.count_frame(number, None if time_ns == NO_TIME else time_ns, original)
            self._take(number, time_ns, link_type, original, data)
            if count >= most:
                return True
        return False

    def _take(self, number: int, time_ns: int, link_type: int, original: int, data: bytes) -> None:
        found = decode(link_type, data, original)
        if found is Skip.FRAGMENT:
            found = self.fragments.take(Frame(number, time_ns, link_type, original, data))
        if counted(found, number, time_ns, self._tally, self._window, self.table.first_frame_time_ns()):
            cells.add(self.table, number, time_ns, found)  # type: ignore[arg-type]


def kept_of(*stretches: tuple[Table, int]) -> Kept:
    """What the tables of neighbouring stretches keep, each with the frames before it: as rows, where they are few."""
    tracked = cells.Tracked(*stretches)
    return tracked.whole() if tracked.flow_count <= _FEW else tracked


def _settled(tally: Tally, fragments: Fragments) -> Tally:
    """A copy of what was counted, in which the fragments that were put together are told from the others."""
    tally = replace(tally, skipped=tally.skipped.copy(), first_skipped=dict(tally.first_skipped))
    tally.split_headers, tally.first_split_header = fragments.split_headers, fragments.first_split_header
    fragments.settle(tally.skipped, tally.first_skipped)
    return tally


def counted(
    found: Segment | IcmpError | Skip, number: int, time_ns: int, tally: Tally, window: Window, first_time: int
) -> bool:
    """Count what a frame holds in ``tally``; whether it is something to select."""
    if isinstance(found, Skip):
        tally.skip(found, number)
        return False
    if isinstance(found, Segment):
        tally.segments += 1
        if found.unseen:
            tally.cut_segments += 1
            tally.first_cut = tally.first_cut or number
    else:
        tally.icmp_errors += 1
    if window is EVERYTHING or window.holds(time_ns, first_time, found):
        return True
    tally.filtered += 1
    return False
