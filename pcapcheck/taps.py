"""Captures of the same traffic at several taps, given together, as one capture (``--merge``).

Frames are taken in the order of their times. A packet that was seen at several taps counts once: the sighting of the
tap that saw its flow first stays, so that what is timed is timed at one place, and the others are set aside before
anything is counted. Only what that tap missed is taken from another. A time that begins at one tap and ends at another
is not given: their clocks may differ.
"""

from __future__ import annotations

from array import array
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import replace
from heapq import merge
from operator import itemgetter
from typing import Final

import numpy as np
import numpy.typing as npt

from pcapcheck import cells
from pcapcheck.capture import Capture
from pcapcheck.capture.frame import NO_TIME, Frame
from pcapcheck.decode.fragments import Fragments
from pcapcheck.decode.segment import Skip
from pcapcheck.decode.through_dpkt import decode
from pcapcheck.errors import CaptureError
from pcapcheck.evidence import SECOND, Event
from pcapcheck.numbering import Numbering
from pcapcheck.openings import Openings
from pcapcheck.reading import Tally, counted, is_compiled
from pcapcheck.select import Selector
from pcapcheck.sequence import MERGED
from pcapcheck.sightings import Clocks, Key, Packet, flow_of, is_unique, is_upward, key_of
from pcapcheck.stretch import CaptureFacts, Summary, facts_of, open_input
from pcapcheck.tables import ABSENT, RTT_STATUSES
from pcapcheck.traffic import Traffic
from pcapcheck.window import EVERYTHING, Window

# How long after a packet was seen at one tap it may be seen at another. One that has neither an IP id nor a timestamp
# is known by a TCP header that a retransmission has too: that comes 200 ms later at the earliest (Linux's TCP_RTO_MIN).
APART_NS: Final = SECOND
ALIKE_APART_NS: Final = SECOND // 5

_REPORT_EVERY: Final = 4096


def summarise(
    paths: Sequence[str],
    window: Window = EVERYTHING,
    progress: Callable[[int], None] | None = None,
    max_bytes: int | None = None,
    decoder: str = "auto",
) -> Iterator[Summary]:
    """All these captures as one, then each that could not be read. The arguments are those of stretch.summarise."""
    opened: list[Capture] = []
    errors: list[CaptureError] = []
    with ExitStack() as stack:
        for path in paths:
            try:
                opened.append(stack.enter_context(open_input(path, max_bytes)))
            except CaptureError as error:
                errors.append(error)
        if opened:
            yield _Merged(opened, window, is_compiled(decoder)).summary(progress or (lambda octets: None))
    yield from (Summary(CaptureFacts(error.path, error=error)) for error in errors)


class _Held:
    """A packet while it may yet be seen at another tap."""

    __slots__ = ("found", "frame", "key", "since", "tap", "time", "times")

    def __init__(self, frame: int, time: int, found: Packet, tap: int, since: int) -> None:
        self.frame, self.time, self.tap, self.since = frame, time, tap, since
        self.key = key_of(found)
        self.found: Packet | None = found  # None: it is set aside
        self.times = {tap: time}  # of its sightings


class _Merged:
    """The captures while they are read."""

    def __init__(self, captures: Sequence[Capture], window: Window, compiled: bool) -> None:
        self._captures, self._window = captures, window
        self._rows = _CompiledRows() if compiled else Selector()
        self._tally = Tally()
        self._fragments = [Fragments() for _ in captures]
        self._frames = (array("H"), array("Q"))  # of each frame: tap and number there
        self._held: deque[_Held] = deque()
        self._sighted: dict[Key, list[_Held]] = {}  # those held that may be seen again, by what they are
        self._home: dict[Key, int] = {}  # of each flow the tap that saw it first
        self._clocks = Clocks()

    def summary(self, told: Callable[[int], None]) -> Summary:
        """Read all."""
        interrupted = False
        try:
            self._run(told)
        except KeyboardInterrupt:
            interrupted = True
        self._release(None)
        openings = self._rows.openings()
        return Summary(self._facts(openings, interrupted), openings)

    def _run(self, told: Callable[[int], None]) -> None:
        octets = 0
        for number, (now, tap, frame) in enumerate(_in_time(self._captures), 1):
            self._frames[0].append(tap)
            self._frames[1].append(frame.number)
            self._take(number, now, tap, frame)
            if not number % _REPORT_EVERY:
                read = sum(capture.bytes_read for capture in self._captures)
                octets, before = read, octets
                told(read - before)
        told(sum(capture.bytes_read for capture in self._captures) - octets)

    def _take(self, number: int, now: int, tap: int, frame: Frame) -> None:
        tally, time = self._tally, frame.time_ns
        tally.octets += frame.original_length
        tally.tick(time, number)
        found = decode(frame.link_type, frame.data, frame.original_length)
        if found is Skip.FRAGMENT:
            found = self._fragments[tap].take(frame._replace(number=number))
        if counted(found, number, time, tally, self._window, tally.first_frame_time):
            assert not isinstance(found, Skip)
            self._release(now)
            self._hold(_Held(number, time, found, tap, now))

    def _hold(self, one: _Held) -> None:
        assert one.found is not None
        home = self._home.setdefault(flow_of(one.found), one.tap)
        known = None if one.key is None else self._known(one)
        if known is None:
            self._held.append(one)
            if one.key is not None:
                self._sighted.setdefault(one.key, []).append(one)
            return
        self._tally.copies += 1
        self._tally.first_copy = self._tally.first_copy or one.frame
        self._tally.first_copied = self._tally.first_copied or known.frame
        if is_unique(one.found) or len(self._sighted[known.key or ()]) == 1:  # it cannot be another
            self._clocks.compare(flow_of(one.found), is_upward(one.found), known.times, one.tap, one.time)
        known.times[one.tap] = one.time
        if one.tap == home != known.tap and known.found is not None:
            known.found = None
            one.times = known.times
            self._held.append(one)

    def _known(self, one: _Held) -> _Held | None:
        """The last sighting at other taps of what may be the same packet."""
        assert one.found is not None
        unique = is_unique(one.found)
        apart = APART_NS if unique else ALIKE_APART_NS
        for known in reversed(self._sighted.get(one.key or (), ())):
            if one.tap not in known.times:
                untimed = NO_TIME in (known.time, one.time)
                if unique if untimed else one.time - known.time <= apart:
                    return known
        return None

    def _release(self, now: int | None) -> None:
        """Give on what can no more be seen at another tap; without a time all."""
        while self._held and (now is None or now - self._held[0].since > APART_NS):
            one = self._held.popleft()
            if one.key is not None and (same := self._sighted.get(one.key)):
                self._sighted[one.key] = [other for other in same if other is not one]
                if not self._sighted[one.key]:
                    del self._sighted[one.key]
            if one.found is not None:
                self._rows.add(one.frame, one.time, one.found)

    def _facts(self, openings: Openings, interrupted: bool) -> CaptureFacts:
        captures, tally = self._captures, self._tally
        for fragments in self._fragments:
            tally.split_headers += fragments.split_headers
            tally.first_split_header = tally.first_split_header or fragments.first_split_header
            fragments.settle(tally.skipped, tally.first_skipped)
        parts = tuple(map(facts_of, captures))
        # The capture goes on as long as one tap does.
        damage = captures[0].damage if all(capture.damage for capture in captures) else None
        facts = CaptureFacts(
            path=captures[0].path,
            format=", ".join(dict.fromkeys(capture.format for capture in captures)),
            compression=", ".join(dict.fromkeys(filter(None, (capture.compression for capture in captures)))),
            link_types=tuple(dict.fromkeys(link_type for capture in captures for link_type in capture.link_types)),
            clocks=tuple(dict.fromkeys(clock for capture in captures for clock in capture.clocks)),
            frames=len(self._frames[0]),
            end_time=max(tally.last_time, *(capture.end_time_ns for capture in captures)),
            dropped=sum(capture.dropped for capture in captures),
            damage=damage,
            interrupted=interrupted,
            parts=parts,
            joined=MERGED,
            ahead=tuple(self._clocks.ahead([capture.path for capture in captures])),
            **vars(tally),
        )
        return replace(facts, numbering=self._numbering(openings, facts))

    def _numbering(self, openings: Openings, facts: CaptureFacts) -> Numbering:
        """The place of each frame that something refers to."""
        taps, numbers = (np.frombuffer(one, one.typecode) for one in self._frames)
        named = [
            facts.first_cut, facts.first_split_header, facts.first_timed, facts.first_step_back, facts.first_copy,
            facts.first_copied, *facts.first_skipped.values(),
        ]  # fmt: skip
        ends = [(taps == tap).nonzero()[0][-1:] + 1 for tap in range(len(self._captures))]  # damage stands there
        frames = np.unique(np.concatenate([openings.rows["frame"], np.array(named, np.int64), *ends]))
        frames = frames[frames > 0]
        return Numbering(
            frames, taps[frames - 1].astype(np.int64), numbers[frames - 1].astype(np.int64), np.ones_like(frames)
        )


class _CompiledRows:
    """The compiled table, which selects as Selector does."""

    def __init__(self) -> None:
        self._table = cells.new_table()

    def add(self, frame: int, time_ns: int, found: Packet) -> None:
        cells.add(self._table, frame, time_ns, found)

    def openings(self) -> Openings:
        return cells.openings_of(self._table)


def _in_time(captures: Iterable[Capture]) -> Iterator[tuple[int, int, Frame]]:
    """The frames of all in the order of their times, with that and with whose they are. One capture keeps its order."""

    def timed(tap: int, capture: Capture) -> Iterator[tuple[int, int, Frame]]:
        latest = NO_TIME
        for frame in capture:
            latest = max(latest, frame.time_ns)
            yield latest, tap, frame

    return merge(*(timed(tap, capture) for tap, capture in enumerate(captures)), key=itemgetter(0))


def time_at_one_tap(traffic: Traffic, facts: CaptureFacts) -> None:
    """Give no round-trip time of merged captures whose ends, or a repeat between them, were seen at different taps."""
    handshakes = traffic.handshakes
    syn, synack, ack = (facts.places(getattr(handshakes, f"{name}_frame"))[0] for name in ("syn", "synack", "ack"))
    repeated = (handshakes.syn_count > 1) | (handshakes.synack_count > 1)
    mixed = _of_several_files(traffic.only(repeated), facts)
    server, client = (syn != synack) | mixed, (synack != ack) | mixed
    for name, apart in (("server", server), ("client", client), ("handshake", server | client)):
        for column in (f"{name}_rtt", f"{name}_rtt_min", f"{name}_rtt_max"):
            handshakes.put(column, np.where(apart, ABSENT, getattr(handshakes, column)))
    none = RTT_STATUSES.index("none")
    handshakes.put("rtt_status", np.where(server | client, none, handshakes.rtt_status))


def _of_several_files(traffic: Traffic, facts: CaptureFacts) -> npt.NDArray[np.bool_]:
    """Of which handshakes the SYNs, SYN-ACKs and the completing segment are not all of one file."""
    timed = traffic.is_event(Event.SYN, Event.SYNACK, Event.COMPLETING)
    file, _ = facts.places(traffic.rows["frame"][timed])
    several = np.zeros(len(traffic.handshakes), bool)
    of = traffic.handshake[timed]
    first = np.zeros(len(several), np.int64)
    first[of] = file
    several[of[file != first[of]]] = True
    return several
