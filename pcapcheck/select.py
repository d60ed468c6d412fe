"""Segments to openings: number the flows, keep what can matter to a handshake, fold the rest into counters.

What is kept of a flow, in capture order:

- every SYN and SYN-ACK: of one direction and one set of numbers the first TWELVE, then a count and the last;
- every FIN or RST that differs from the last such one of its direction since a kept SYN or SYN-ACK;
- ICMP errors that quote a segment of it, one for each reporter, type, code and sequence number;
- of all other segments, for each direction: the first FOUR after each kept SYN or SYN-ACK of either direction, and
  the last one before the next.

So the rows are bounded for each attempt, however long the connection. Selecting is its own merge: pushing the rows of
two neighbouring stretches, in order, gives the rows of the whole (``select(a + b) == select(select(a) + select(b))``).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np

from pcapcheck import seq
from pcapcheck.decode.option_columns import option_columns
from pcapcheck.decode.options import parse_options
from pcapcheck.decode.segment import ACK, FIN, OPTIONS_UNSEEN, RST, SYN, IcmpError, Segment
from pcapcheck.openings import (
    FAR,
    ICMP,
    REPEATED,
    SEGMENT,
    TSVAL_BACK,
    WITH_SACK,
    WITHOUT_TIMESTAMP,
    FlowKey,
    Flows,
    Ints,
    Openings,
    Row,
)
from pcapcheck.rows import FIELDS, Rows
from pcapcheck.tables import ABSENT, TUNNELS

# Rows that are turned into tuples at a time.
_CHUNK = 1 << 12

TWELVE = 12
FOUR = 4

_USUAL_TIMESTAMP = b"\x01\x01\x08\x0a"
_SACK_KIND = 5
_FIRST_FOLDED = Row._fields.index("folded")  # from there on: what is counted


class Kept:
    """A row while it can still grow: the segment itself, and what was folded into it."""

    __slots__ = (
        "folded", "folded_ack", "folded_end", "folded_largest", "folded_least", "folded_octets", "folded_signs",
        "folded_tsval", "folded_until", "row",
    )  # fmt: skip

    def __init__(self, row: Row) -> None:
        self.row = row
        self.folded = row.folded
        self.folded_octets = row.folded_octets
        self.folded_until = row.folded_until
        self.folded_end = row.folded_end
        self.folded_ack = row.folded_ack
        self.folded_least = row.folded_least
        self.folded_largest = row.folded_largest
        self.folded_tsval = row.folded_tsval
        self.folded_signs = row.folded_signs

    def absorb(self, other: Kept) -> None:
        """Fold a later row of the same side, with all that it had folded itself."""
        mine, row = self.row, other.row
        tsval = tsval_of(row.options)
        self.folded_signs |= other.folded_signs | self._signs_of(row, tsval)
        self.folded_tsval = other.folded_tsval if other.folded else tsval
        self.folded += 1 + other.folded
        self.folded_octets += row.payload_length + other.folded_octets
        self.folded_until = max(self.folded_until, row.time, other.folded_until)
        self.folded_largest = max(self.folded_largest, row.payload_length, other.folded_largest)
        # Distances from the end of this row; beyond FAR either way nothing is asked but "much further".
        step = seq.diff(end_of(row), end_of(mine))
        starts = seq.diff(row.seq, end_of(mine)) if row.payload_length else FAR
        beyond = step + other.folded_least if other.folded_least < FAR else FAR
        least = max(min(starts, beyond), -FAR)
        if least < self.folded_end:
            self.folded_signs |= REPEATED
        self.folded_least = min(self.folded_least, least)
        self.folded_end = max(self.folded_end, min(step + other.folded_end, FAR))
        self.folded_ack = max(self.folded_ack, min(seq.diff(row.ack, mine.ack) + other.folded_ack, FAR))

    def finished(self, flow: int) -> tuple[object, ...]:
        return (
            flow, *self.row[1:_FIRST_FOLDED],
            self.folded, self.folded_octets, self.folded_until, self.folded_end, self.folded_ack,
            self.folded_least, self.folded_largest, self.folded_tsval, self.folded_signs,
        )  # fmt: skip

    def _signs_of(self, row: Row, tsval: int) -> int:
        """What a segment shows that is about to be folded in, beside the one just before it."""
        signs = WITH_SACK if _SACK_KIND in row.options and parse_options(row.options, complete=False).sack else 0
        if tsval == ABSENT:
            return signs if row.unseen & OPTIONS_UNSEEN else signs | WITHOUT_TIMESTAMP
        before = self.folded_tsval if self.folded else tsval_of(self.row.options)
        return signs | TSVAL_BACK if before != ABSENT and seq.diff(tsval, before) < 0 else signs


def tsval_of(options: bytes) -> int:
    """The TSval of the options, ABSENT if there is none (RFC 7323, section 3.2)."""
    if options.startswith(_USUAL_TIMESTAMP):  # RFC 7323, appendix A: nearly every segment has it just so
        return int.from_bytes(options[4:8]) if len(options) >= 12 else ABSENT
    return parse_options(options, complete=False).tsval if len(options) >= 10 else ABSENT


def end_of(row: Row) -> int:
    """The sequence number after the segment: SYN and FIN count one each (RFC 9293, section 3.4)."""
    return seq.add(row.seq, row.payload_length + bool(row.tcp_flags & SYN) + bool(row.tcp_flags & FIN))


class FlowRows:
    """The kept rows of one flow, and where the next segment would be folded."""

    __slots__ = ("closes", "errors", "kept", "others", "syns")

    def __init__(self) -> None:
        self.kept: dict[int, Kept] = {}  # by order of arrival; a folded row leaves
        self.syns: dict[tuple[int, ...], list[int]] = {}  # TWELVE at most, and the last
        self.closes: list[int | None] = [None, None]
        self.errors: dict[tuple[object, ...], int] = {}
        self.others: tuple[list[int], list[int]] = ([], [])  # FOUR at most, and the last

    def push(self, row: Row, arrival: int) -> None:
        self.kept[arrival] = Kept(row)
        flags = row.tcp_flags
        if row.kind == ICMP:
            first = self.errors.setdefault((row.ack, row.seq, row.side, row.options), arrival)
            if first != arrival:
                self._fold(arrival, first)
        elif flags & (SYN | RST) == SYN:
            numbers = (row.side, row.seq, row.ack, 1) if flags & ACK else (row.side, row.seq)
            run = self.syns.setdefault(numbers, [])
            if len(run) < TWELVE:
                self.others = ([], [])
                self.closes = [None, None]
            self._append_to_run(run, arrival, TWELVE)
        elif flags & (FIN | RST):
            last = self.closes[row.side]
            if last is not None and _same_close(self.kept[last].row, row):
                self._fold(arrival, last)
            else:
                self.closes[row.side] = arrival
        else:
            self._append_to_run(self.others[row.side], arrival, FOUR)

    def _append_to_run(self, run: list[int], arrival: int, most: int) -> None:
        """The first ``most`` stay, then only the last: the one before it is folded into the row numbered ``most``."""
        if len(run) > most:
            self._fold(run.pop(), run[most - 1])
        run.append(arrival)

    def _fold(self, arrival: int, into: int) -> None:
        self.kept[into].absorb(self.kept.pop(arrival))


def _same_close(a: Row, b: Row) -> bool:
    return (a.tcp_flags, a.seq, a.ack, a.payload_length, a.options) == (
        b.tcp_flags, b.seq, b.ack, b.payload_length, b.options,
    )  # fmt: skip


class Selector:
    """Takes segments in capture order, gives openings."""

    def __init__(self) -> None:
        # Keys are bytes: their hash is seeded, since in a flood the addresses are the attacker's choice.
        self._numbers: dict[bytes, int] = {}
        self._keys: list[FlowKey] = []
        self._flows: list[FlowRows] = []
        self._arrival = 0

    def __len__(self) -> int:
        return len(self._flows)

    def add(self, frame: int, time_ns: int, found: Segment | IcmpError) -> None:
        """Take the segment, or the ICMP error, of one frame."""
        flow, side = self._flow(found.src, found.src_port, found.dst, found.dst_port, found.tenant)
        if isinstance(found, Segment):
            row = Row(
                flow, side, SEGMENT, frame, time_ns, found.seq, found.ack, found.tcp_flags, found.window,
                found.payload_length, found.ttl, found.ip_id, found.ecn, found.unseen, found.checksum, found.vlan,
                TUNNELS.index(found.tunnel), len(found.options), found.options, 0, 0, time_ns, 0, 0, FAR, 0, ABSENT, 0,
            )  # fmt: skip
        else:
            message = (found.icmp_version == 6) << 16 | found.icmp_type << 8 | found.icmp_code
            row = Row(
                flow, side, ICMP, frame, time_ns, found.seq, message, 0, 0, 0, found.ttl, found.ip_id, 0, 0, 0,
                found.vlan, TUNNELS.index(found.tunnel), len(found.reporter), found.reporter, 0, 0, time_ns, 0, 0, FAR,
                0, ABSENT, 0,
            )  # fmt: skip
        self._push(flow, row)

    def openings(self) -> Openings:
        """The rows kept so far."""
        finished = [kept.finished(number) for number, flow in enumerate(self._flows) for kept in flow.kept.values()]
        return Openings(Flows.of(self._keys), Rows.of(finished))

    def _push(self, flow: int, row: Row) -> None:
        self._arrival += 1
        self._flows[flow].push(row, self._arrival)

    def _flow(self, src: bytes, src_port: int, dst: bytes, dst_port: int, tenant: int) -> tuple[int, int]:
        """The flow's number, and which side of it ``src`` is. Equal endpoints (self-connect) are both side 0."""
        one, other = src + src_port.to_bytes(2), dst + dst_port.to_bytes(2)
        side = int(one > other)
        key = other + one if side else one + other
        if tenant:
            key += tenant.to_bytes(8)
        number = self._numbers.setdefault(key, len(self._flows))
        if number == len(self._flows):
            low, high = ((dst, dst_port), (src, src_port)) if side else ((src, src_port), (dst, dst_port))
            self._keys.append(FlowKey(*low, *high, tenant))
            self._flows.append(FlowRows())
        return number, side


def select(segments: Iterable[tuple[int, int, Segment | IcmpError]]) -> Openings:
    """The openings of segments given as (frame number, time, segment) in capture order."""
    selector = Selector()
    for frame, time_ns, found in segments:
        selector.add(frame, time_ns, found)
    return selector.openings()


def rows_of(rows: Rows, at: Ints | None = None) -> Iterator[Row]:
    """Rows of openings one by one, all or those at these indices, their options cut to their length."""
    at = np.arange(len(rows)) if at is None else at
    for begin in range(0, len(at), _CHUNK):
        part = rows.take(at[begin : begin + _CHUNK])
        columns = {name: part[name].tolist() for name in FIELDS}
        columns["options"] = [
            octets[:length] for octets, length in zip(columns["options"], columns["options_length"], strict=True)
        ]
        lengths = np.where(part["kind"] == ICMP, 0, part["options_length"])
        options = option_columns(part["options"], lengths, part["unseen"])
        yield from map(Row._make, zip(*columns.values(), options.tsval.tolist(), options.tsecr.tolist(), strict=True))
