"""Other captures of the same traffic: what a capture's own faults, and other initial sequence numbers, make of one."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from pcapcheck import seq
from pcapcheck.capture import open_capture
from pcapcheck.decode.options import Kind
from pcapcheck.decode.segment import ACK, RST, IcmpError, Segment
from pcapcheck.decode.through_dpkt import decode

MILLISECOND = 10**6
SECOND = 10**9

# Of so many frames from the start each is dropped, doubled, moved; that is behind every opening of the lab.
FRAMES = 24


class Record(NamedTuple):
    """One frame of a capture, not yet numbered."""

    time: int
    length: int  # on the wire
    octets: bytes
    link_type: int


Records = list[Record]
Variant = tuple[str, Records]


def read(path: Path) -> Records:
    """The frames of a capture, up to where it is cut."""
    with open_capture(str(path)) as capture:
        return [Record(frame.time_ns, frame.original_length, bytes(frame.data), frame.link_type) for frame in capture]


def write(path: Path, records: Sequence[Record], *, snaplen: int = 262144) -> None:
    """The frames as a capture in nanoseconds."""
    link_type = records[0].link_type if records else 1
    octets = [struct.pack("<IHHiIII", 0xA1B23C4D, 2, 4, 0, 0, snaplen, link_type)]
    for record in records:
        cut = record.octets[:snaplen]
        octets.append(struct.pack("<IIII", *divmod(record.time, SECOND), len(cut), record.length))
        octets.append(cut)
    path.write_bytes(b"".join(octets))


def decoded(record: Record) -> Segment | IcmpError | None:
    found = decode(record.link_type, record.octets, record.length)
    return found if isinstance(found, Segment | IcmpError) else None


# What the capture does.


def dropped(records: Records) -> Iterator[Variant]:
    """One frame, and each two frames that follow each other, were not captured."""
    for count in (1, 2, 3, 5):
        for index in range(min(FRAMES, len(records) - count + 1)):
            yield f"without {index + 1}-{index + count}", records[:index] + records[index + count :]


def doubled(records: Records) -> Iterator[Variant]:
    """A mirror port that copies each frame, one frame, or with the TTL of a hop further."""
    for apart in (2_000, 60_000):
        twice = [copy for one in records for copy in (one, one._replace(time=one.time + apart))]
        yield f"all twice, {apart} ns apart", twice
        yield f"all twice, {apart} ns apart, by time", sorted(twice, key=lambda one: one.time)
    for index, record in enumerate(records[:FRAMES]):
        copy = record._replace(time=record.time + 3_000)
        yield f"{index + 1} twice", [*records[: index + 1], copy, *records[index + 1 :]]


def reordered(records: Records) -> Iterator[Variant]:
    """Two neighbours change places: with their times, or in the file alone."""
    for index in range(min(FRAMES, len(records) - 1)):
        first, then = records[index : index + 2]
        swapped = [then._replace(time=first.time), first._replace(time=then.time)]
        yield f"{index + 1} and {index + 2} exchanged", records[:index] + swapped + records[index + 2 :]
        yield f"{index + 2} recorded before {index + 1}", [*records[:index], then, first, *records[index + 2 :]]


def delayed(records: Records) -> Iterator[Variant]:
    """One frame, or one direction, is recorded later than it passed: a bridge of several queues."""
    for late in (300_000, 40 * MILLISECOND, SECOND):
        for index, record in enumerate(records[:FRAMES]):
            moved = [*records[:index], record._replace(time=record.time + late), *records[index + 1 :]]
            yield f"{index + 1} recorded {late} ns late", sorted(moved, key=lambda one: one.time)
        for upward in (True, False):
            moved = [
                one._replace(time=one.time + late) if _is_upward(decoded(one)) is upward else one for one in records
            ]
            yield f"one way ({upward}) recorded {late} ns late", sorted(moved, key=lambda one: one.time)


def cut_off(records: Records) -> Iterator[Variant]:
    """The capture began late or ended early."""
    for index in range(1, min(FRAMES, len(records))):
        yield f"from {index + 1} on", records[index:]
        yield f"up to {index}", records[:index]
        tail = records[:index]
        # Something else goes on in it, so that its end is not near.
        yield f"up to {index}, and 200 s of something else", [*tail, _arp(tail[-1])]


def snapped(records: Records) -> Iterator[Variant]:
    for snaplen in (54, 58, 60, 66, 68, 74, 80, 96):
        yield f"snaplen {snaplen}", [one._replace(octets=one.octets[:snaplen]) for one in records]


def one_way(records: Records) -> Iterator[Variant]:
    """Only one direction was captured."""
    for upward in (True, False):
        yield f"one way ({upward})", [one for one in records if _is_upward(decoded(one)) in (upward, None)]


def renumbered(records: Records) -> Iterator[Variant]:
    """Other initial sequence numbers: the numbers of one side or both wrap at every octet of the opening."""
    found = [decoded(one) for one in records]
    firsts: dict[bool, int] = {}
    for one in found:
        if isinstance(one, Segment) and not _is_reset_of_nothing(one):
            firsts.setdefault(_is_upward(one) is True, one.seq)
    for number in (0, 2**32 - 1, 2**32 - 2, 2**32 - 6, 2**31 - 1, 2**31):
        shifts = {upward: number - first for upward, first in firsts.items()}
        for name, chosen in (("one side", {True}), ("the other side", {False}), ("both sides", {True, False})):
            by = {upward: shift for upward, shift in shifts.items() if upward in chosen}
            moved = [_shifted(one, what, by) for one, what in zip(records, found, strict=True)]
            yield f"{name} from {number}", moved


def without_timestamps(records: Records) -> Iterator[Variant]:
    """No host offers timestamps: NOPs stand in their place."""
    changed = []
    for record in records:
        found = decoded(record)
        options = found.options if isinstance(found, Segment) else b""
        changed.append(
            record._replace(octets=record.octets.replace(options, _nopped(options), 1)) if options else record
        )
    yield "without timestamps", changed


CAPTURED: tuple[Callable[[Records], Iterator[Variant]], ...] = (
    dropped, doubled, reordered, delayed, cut_off, snapped, one_way, renumbered, without_timestamps,
)  # fmt: skip


def merged(first: Records, then: Records) -> Records:
    """Two captures as mergecap makes one of them, begun at the same time."""
    shift = first[0].time - then[0].time
    return sorted([*first, *(one._replace(time=one.time + shift) for one in then)], key=lambda one: one.time)


def _is_upward(found: Segment | IcmpError | None) -> bool | None:
    """Which of the two directions of its flow a segment goes."""
    if not isinstance(found, Segment):
        return None
    return (found.src, found.src_port) < (found.dst, found.dst_port)


def _is_reset_of_nothing(found: Segment) -> bool:
    """RFC 9293, 3.10.7.1: <SEQ=0><ACK=SEG.SEQ+SEG.LEN><CTL=RST,ACK>: its sender has no numbers of its own."""
    return found.seq == 0 and found.tcp_flags & (RST | ACK) == RST | ACK


def _arp(last: Record) -> Record:
    octets = bytes(12) + b"\x08\x06" + bytes(28)
    return Record(last.time + 200 * SECOND, len(octets), octets if last.link_type == 1 else bytes(42), last.link_type)


def _shifted(record: Record, found: Segment | IcmpError | None, by: dict[bool, int]) -> Record:
    """The frame with the numbers of its TCP header, SACK blocks and quotes moved; its checksum is left alone."""
    if found is None:
        return record
    if isinstance(found, IcmpError):
        upward = (found.src, found.src_port) < (found.dst, found.dst_port)
        ports = struct.pack("!HHI", found.src_port, found.dst_port, found.seq)
        moved = struct.pack("!HHI", found.src_port, found.dst_port, seq.add(found.seq, by.get(upward, 0)))
        return record._replace(octets=record.octets.replace(ports, moved, 1))
    upward = _is_upward(found) is True
    head = struct.pack("!HHII", found.src_port, found.dst_port, found.seq, found.ack)
    start = record.octets.index(head)
    octets = bytearray(record.octets)
    if _is_reset_of_nothing(found):
        by = {**by, upward: 0}
    ack = seq.add(found.ack, by.get(not upward, 0)) if found.tcp_flags & ACK else found.ack
    struct.pack_into("!II", octets, start + 4, seq.add(found.seq, by.get(upward, 0)), ack)
    at, end = start + 20, min(start + 20 + len(found.options), len(octets))
    while at + 2 <= end and octets[at] != Kind.END:
        if octets[at] == Kind.NO_OPERATION:
            at += 1
            continue
        if octets[at] == Kind.SACK:
            for edge in range(at + 2, min(at + octets[at + 1], end) - 3, 4):
                number = int.from_bytes(octets[edge : edge + 4])
                octets[edge : edge + 4] = seq.add(number, by.get(not upward, 0)).to_bytes(4)
        at += max(octets[at + 1], 2)
    return record._replace(octets=bytes(octets))


def _nopped(options: bytes) -> bytes:
    at, changed = 0, bytearray(options)
    while at + 2 <= len(options) and options[at] != Kind.END:
        if options[at] == Kind.NO_OPERATION:
            at += 1
            continue
        if options[at] == Kind.TIMESTAMPS:
            changed[at : at + options[at + 1]] = bytes([Kind.NO_OPERATION]) * options[at + 1]
        at += max(options[at + 1], 2)
    return bytes(changed)
