"""pcapng: sections in either byte order, each with its own interfaces, clocks and link types.

Block and option names are those of the specification (draft-ietf-opsawg-pcapng). The section length is ignored: it may
be unknown, and blocks are walked anyway.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from contextlib import suppress
from typing import Final, NamedTuple

import numpy as np

from pcapcheck.capture.frame import NO_TIME, Clock, Frame
from pcapcheck.capture.interface import Interface, Section, comments_in
from pcapcheck.capture.opened import MOST_LISTED, PCAPNG_MAGIC, Capture, PlainPcapng, joined, largest_record, too_long
from pcapcheck.capture.sources import Fault
from pcapcheck.capture.stream import Broken

_SECTION_HEADER: Final = 0x0A0D0D0A  # the same in both byte orders
_INTERFACE, _PACKET, _SIMPLE, _STATISTICS, _ENHANCED = 1, 2, 3, 5, 6
# Wireshark gives these a frame number though they hold no packet: custom blocks (copied or not), systemd journal
# entries, the three sysdig events.
_NUMBERED: Final = frozenset({0xBAD, 0x40000BAD, 0x9, 0x204, 0x216, 0x221})
_SHORTEST: Final = {_SECTION_HEADER: 28, _INTERFACE: 20, _PACKET: 32, _SIMPLE: 16, _STATISTICS: 24, _ENHANCED: 32}
_SHORTEST_OTHER: Final = 12
_ENHANCED_HEADER: Final = 28  # octets before the packet data; the obsolete packet block has as many
_LONGEST_MINIMUM: Final = max(_SHORTEST.values())
_LONGEST: Final = 16 << 20
_BYTE_ORDER_MAGIC: Final = {b"\x4d\x3c\x2b\x1a": "<", b"\x1a\x2b\x3c\x4d": ">"}
# The magic numbers of pcap, in either byte order.
_PCAP_MAGIC: Final = frozenset({0xA1B2C3D4, 0xD4C3B2A1, 0xA1B23C4D, 0x4D3CB2A1, 0xA1B2CD34, 0x34CDB2A1})
_VERSIONS: Final = ((1, 0), (1, 2))  # 1.2 is 1.0 written by mistake
_END_OF_OPTIONS: Final = 0
_IF_TSRESOL, _IF_TSOFFSET = 9, 14
_ISB_STARTTIME, _ISB_ENDTIME, _ISB_IFDROP, _ISB_OSDROP = 2, 3, 5, 7
# Where the options of a block begin that has them at a fixed place.
_OPTIONS_AT: Final = {_SECTION_HEADER: 24, _INTERFACE: 16, _STATISTICS: 20}
_FAR_NS: Final = 2**60  # an offset as large is none that a compiled loop need know
# Times lie between these, from 1823 to 2116: then int64 holds the nanoseconds between any two of them as well.
_EARLIEST, _LATEST = -(2**62), 2**62


class _Interface(NamedTuple):
    link_type: int
    snaplen: int  # 0: no limit
    limit: int  # of the captured length
    multiplier: int  # a timestamp t is t * multiplier // divisor + offset_ns
    divisor: int
    offset_ns: int

    def time_ns(self, high: int, low: int) -> int:
        """Nanoseconds since the epoch, rounded down; NO_TIME where it is too far from it (after the year 2116)."""
        time = (high << 32 | low) * self.multiplier // self.divisor + self.offset_ns
        return time if _EARLIEST < time < _LATEST else NO_TIME

    def plain(self) -> tuple[int, int, int, int, int]:
        """A line of PlainPcapng.interfaces."""
        unit = self.multiplier if self.divisor == 1 and abs(self.offset_ns) < _FAR_NS else 0
        return self.link_type, self.limit, unit, (_LATEST - _FAR_NS - 1) // (unit or 1), self.offset_ns if unit else 0


class _Section:
    """The byte order of a section and the interfaces that it has described so far."""

    def __init__(self, byte_order: str) -> None:
        self.byte_order = byte_order
        self.interfaces: list[_Interface] = []
        self.described: list[Interface] = []  # the same ones, as the capture describes them
        self.block_header = struct.Struct(byte_order + "II").unpack_from
        self.word = struct.Struct(byte_order + "I").unpack_from
        self.enhanced = struct.Struct(byte_order + "IIIIIII").unpack_from
        self.obsolete = struct.Struct(byte_order + "HHIIII").unpack_from
        self.longest = _LONGEST


class Pcapng(Capture):
    """A pcapng file, or several of them one after the other."""

    magic = (PCAPNG_MAGIC,)

    def _read_header(self) -> None:
        self.format = "pcapng"
        self._lost: dict[tuple[_Section, int], int] = {}
        self._section_count = 0
        self._unlisted = Interface(0, 0, 0, Clock("", 0))  # stands for every one beyond those that are listed
        self._stopped_ns = NO_TIME
        self._section = _Section("<")
        stream = self._stream
        needed = _SHORTEST[_SECTION_HEADER]
        found = stream.refill(0, needed)
        if found < needed:
            raise stream.cut(f"a pcapng section header of at least {needed} octets", found)
        section = _section_at(stream.chunk, 0, 0)
        length = _padded_length(_SECTION_HEADER, section.word(stream.chunk, 4)[0], 0, section.longest)
        found = stream.refill(0, length)
        if found < length:
            raise stream.cut(f"a pcapng section header of {length} octets", found)
        _check_trailer(section, stream.chunk, length, length, 0)
        _check_version(section, stream.chunk, 0)

    @property
    def dropped(self) -> int:
        return sum(self._lost.values())

    @property
    def described(self) -> tuple[int, ...]:
        return self._section_count, len(self._section.interfaces), len(self._lost)

    def plain(self) -> PlainPcapng:
        section = self._section
        interfaces = [interface.plain() for interface in section.interfaces]
        return PlainPcapng(section.byte_order == ">", np.array(interfaces, np.int64).reshape(-1, 5), section.longest)

    def _read_frames(self) -> Iterator[Frame]:
        stream, section, details = self._stream, self._section, self.details
        chunk, position, end = stream.chunk, stream.position, len(stream.chunk)
        number, latest = self.frame_count, self._latest_ns
        kind = _SECTION_HEADER
        frame = tuple.__new__  # Frame(...) without its keyword arguments: half the time
        try:
            while True:
                if position + _ENHANCED_HEADER > end:
                    end = stream.refill(position, _ENHANCED_HEADER)
                    chunk, position = stream.chunk, 0
                    if end < _SHORTEST_OTHER:
                        if not end and stream.source.fault is None:
                            stream.position = 0
                            return
                        raise stream.cut(f"a block of at least {_SHORTEST_OTHER} octets", end)
                # Nearly every block is an enhanced packet block, so its fields are read at once, whatever it is.
                if position + _ENHANCED_HEADER <= end:
                    kind, length, source, high, low, captured, original = section.enhanced(chunk, position)
                else:
                    kind, length = section.block_header(chunk, position)
                if kind == _SECTION_HEADER:
                    self._section = section = _section_at(chunk, position, stream.offset + position)
                    (length,) = section.word(chunk, position + 4)
                # Long enough for any kind: only the odd blocks pay for the call.
                if length < _LONGEST_MINIMUM or length > section.longest or length % 4:
                    length = _padded_length(kind, length, stream.offset + position, section.longest)
                following = position + length
                if following > end:
                    end = stream.refill(position, length)
                    chunk, position, following = stream.chunk, 0, length
                    if following > end:
                        raise stream.cut(f"a block of {length} octets", end)
                if section.word(chunk, following - 4)[0] != length:
                    _check_trailer(section, chunk, following, length, stream.offset + position)

                if kind == _ENHANCED:
                    data = position + _ENHANCED_HEADER
                elif kind == _SIMPLE:
                    source, data = 0, position + 12
                    captured = original = section.word(chunk, position + 8)[0]
                elif kind == _PACKET:
                    source, _, high, low, captured, original = section.obsolete(chunk, position + 8)
                    data = position + _ENHANCED_HEADER
                else:
                    if kind in _NUMBERED:
                        self.frame_count = number = number + 1
                    else:
                        self._describe(section, kind, chunk[position:following], stream.offset + position)
                    position = following
                    continue

                if source >= len(section.interfaces):
                    known = f"one of the section's {len(section.interfaces)} interfaces"
                    raise _corrupt(stream.offset + position, known, f"interface {source}")
                link_type, snaplen, limit, multiplier, divisor, offset_ns = section.interfaces[source]
                if kind == _SIMPLE:
                    time_ns, captured = NO_TIME, min(original, snaplen or original)
                else:
                    # interface.time_ns(high, low), without the call
                    time_ns = (high << 32 | low) * multiplier // divisor + offset_ns
                    if not _EARLIEST < time_ns < _LATEST:
                        time_ns = NO_TIME
                    elif time_ns > latest:
                        latest = time_ns
                if captured > limit:
                    raise too_long(stream.offset + position, captured, limit)
                if captured > following - 4 - data:
                    room = f"room for {following - 4 - data}"
                    raise _corrupt(stream.offset + position, f"{captured} octets of packet data", room)
                if details:
                    section.described[source].frames += 1
                    if kind != _SIMPLE:
                        options = data - position + captured + -captured % 4
                        self._add_comments(comments_in(chunk[position:following], options, section.byte_order))
                self.frame_count = number = number + 1
                stream.position = following
                self._frame_at = data
                yield frame(Frame, (number, time_ns, link_type, original, chunk[data : data + captured]))
                position = following
        except Broken as broken:
            stream.position = position
            self._spoil(joined(broken.offset, "a block header") if kind in _PCAP_MAGIC else broken)
        finally:
            self.end_time_ns = self._stopped_ns if self._stopped_ns > latest else NO_TIME

    def _describe(self, section: _Section, kind: int, block: bytes, offset: int) -> None:
        """Take in a block that is no frame; an unknown one says nothing."""
        if kind == _SECTION_HEADER:
            _check_version(section, block, offset)
            self._add_section(section, block)
        elif kind == _INTERFACE:
            self._describe_interface(section, block, offset)
        elif kind == _STATISTICS:
            self._add_statistics(section, block, offset)
        if self.details and kind in _OPTIONS_AT:
            self._add_comments(comments_in(block, _OPTIONS_AT[kind], section.byte_order))

    def _add_section(self, section: _Section, block: bytes) -> None:
        self._section_count += 1
        if len(self.sections) == MOST_LISTED:
            return
        described = Section(section.byte_order)
        with suppress(Broken):  # nothing that matters to frames is in these options
            for code, value in _options(section, block, _OPTIONS_AT[_SECTION_HEADER], 0):
                described.take(code, value)
        self.sections.append(described)

    def _describe_interface(self, section: _Section, block: bytes, offset: int) -> None:
        link_type, snaplen = struct.unpack_from(section.byte_order + "H2xI", block, 8)
        described = Interface(self._section_count - 1, link_type, snaplen, Clock("10^-6", 0))
        multiplier, divisor, offset_ns, resolution = 1000, 1, 0, "10^-6"
        for code, value in _options(section, block, _OPTIONS_AT[_INTERFACE], offset):
            described.take(code, value)
            if code == _IF_TSRESOL and len(value) == 1:
                exponent = value[0] & 0x7F
                resolution = f"{2 if value[0] & 0x80 else 10}^-{exponent}"
                if value[0] & 0x80:
                    multiplier, divisor = 10**9, 2**exponent
                else:
                    multiplier, divisor = 10 ** max(9 - exponent, 0), 10 ** max(exponent - 9, 0)
            elif code == _IF_TSOFFSET and len(value) == 8:
                offset_ns = struct.unpack(section.byte_order + "q", value)[0] * 10**9
        limit = largest_record(link_type, snaplen)
        section.interfaces.append(_Interface(link_type, snaplen, limit, multiplier, divisor, offset_ns))
        section.longest = max(section.longest, limit + 65_536)  # room for the options around the largest packet
        described.clock = Clock(resolution, offset_ns)
        section.described.append(described if len(self.interfaces) < MOST_LISTED else self._unlisted)
        self._add_interface(described)

    def _add_statistics(self, section: _Section, block: bytes, offset: int) -> None:
        (number,) = section.word(block, 8)
        if number >= len(section.interfaces):
            return  # as Wireshark: nothing else depends on it
        lost, described = 0, section.described[number]
        for code, value in _options(section, block, _OPTIONS_AT[_STATISTICS], offset):
            described.take_statistic(code, value, section.byte_order)
            if code in (_ISB_STARTTIME, _ISB_ENDTIME) and len(value) == 8:
                high, low = section.block_header(value)
                time_ns = section.interfaces[number].time_ns(high, low)
                described.take_time(code, time_ns)
                if code == _ISB_ENDTIME:
                    self._stopped_ns = max(self._stopped_ns, time_ns)
            elif code in (_ISB_IFDROP, _ISB_OSDROP) and len(value) == 8:
                lost += struct.unpack(section.byte_order + "Q", value)[0]
        self._lost[section, number] = lost  # a later block of the same interface counts from the same start


def _section_at(chunk: bytes, position: int, offset: int) -> _Section:
    """The section whose header starts at ``position``; its first 12 octets are there."""
    magic = chunk[position + 8 : position + 12]
    byte_order = _BYTE_ORDER_MAGIC.get(magic)
    if byte_order is None:
        raise _corrupt(offset, "the byte-order magic 1a2b3c4d of a section header", magic.hex())
    return _Section(byte_order)


def _check_version(section: _Section, block: bytes, offset: int) -> None:
    major, minor = struct.unpack_from(section.byte_order + "HH", block, 12)
    if (major, minor) not in _VERSIONS:
        raise _corrupt(offset, "pcapng version 1.0", f"{major}.{minor}")


def _padded_length(kind: int, stated: int, offset: int, longest: int) -> int:
    """The octets that a block takes up: some writers leave the padding out of the length."""
    length = stated + -stated % 4
    shortest = _SHORTEST.get(kind, _SHORTEST_OTHER)
    if not shortest <= length <= longest:
        raise _corrupt(offset, f"a block length from {shortest} to {longest} (block type {kind:#x})", stated)
    return length


def _check_trailer(section: _Section, chunk: bytes, end: int, length: int, offset: int) -> None:
    (trailer,) = section.word(chunk, end - 4)
    if trailer + -trailer % 4 != length:
        raise _corrupt(offset, f"the block's length again at its end, {length}", trailer)


def _options(section: _Section, block: bytes, start: int, offset: int) -> Iterator[tuple[int, bytes]]:
    """Code and value of each option of a block."""
    end = len(block) - 4
    while start + 4 <= end:
        code, length = struct.unpack_from(section.byte_order + "HH", block, start)
        if code == _END_OF_OPTIONS:
            return
        start += 4
        if start + length > end:
            raise _corrupt(offset, f"{length} octets of option {code}", end - start)
        yield code, block[start : start + length]
        start += length + -length % 4


def _corrupt(offset: int, needed: str, found: object) -> Broken:
    return Broken(offset, Fault("CAP02", needed, str(found)))
