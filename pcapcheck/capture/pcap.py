"""Classic pcap: microseconds, nanoseconds and the modified (Kuznetzov) record header, in either byte order."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Final, NamedTuple

from pcapcheck.capture.frame import Clock, Frame
from pcapcheck.capture.interface import Interface, Section
from pcapcheck.capture.opened import PCAPNG_MAGIC, Capture, PlainPcap, joined, largest_record, too_long
from pcapcheck.capture.sources import Fault
from pcapcheck.capture.stream import Broken

_FILE_HEADER: Final = 24
_LINK_TYPE: Final = 0xFFFF  # above it: FCS length and flags


class _Variant(NamedTuple):
    byte_order: str
    format: str
    nanoseconds: int  # that one unit of the fraction stands for
    record_header: int  # octets; the modified one ends with interface, protocol and packet type


_MICROSECONDS: Final = ("pcap", 1000, 16)
_NANOSECONDS: Final = ("pcap-ns", 1, 16)
_MODIFIED: Final = ("pcap-modified", 1000, 24)
_VARIANTS: Final = {
    struct.pack(byte_order + "I", number): _Variant(byte_order, *kind)
    for number, kind in ((0xA1B2C3D4, _MICROSECONDS), (0xA1B23C4D, _NANOSECONDS), (0xA1B2CD34, _MODIFIED))
    for byte_order in "<>"
}
# Magic and version 2.4 of a file header.
_FILE_STARTS: Final = frozenset(
    magic + struct.pack(variant.byte_order + "HH", 2, 4) for magic, variant in _VARIANTS.items()
)


class Pcap(Capture):
    """A classic pcap file. One of 24 octets is a legal empty capture."""

    magic = tuple(_VARIANTS)

    def _read_header(self) -> None:
        found = self._stream.refill(0, _FILE_HEADER)
        if found < _FILE_HEADER:
            raise self._stream.cut(f"a {_FILE_HEADER}-octet pcap file header", found)
        header = self._stream.chunk[:_FILE_HEADER]
        self._variant = _VARIANTS[header[:4]]
        fields: tuple[int, ...] = struct.unpack(self._variant.byte_order + "4xHH8xII", header)
        major, minor, snaplen, network = fields
        # Wireshark's bound: before version 2 the file header was another one, after it nothing changed.
        if major < 2:
            raise Broken(4, Fault("CAP02", "pcap version 2 or later", f"{major}.{minor}"))
        self._old_lengths = (major, minor) < (2, 4) or major == 543  # 543.0: DG/UX
        self.format = self._variant.format
        clock = Clock("10^-9" if self._variant.nanoseconds == 1 else "10^-6", 0)
        self.sections.append(Section(self._variant.byte_order))
        self._add_interface(Interface(0, network & _LINK_TYPE, snaplen, clock))
        self._limit = largest_record(network & _LINK_TYPE, snaplen)

        self._stream.position = _FILE_HEADER

    def plain(self) -> PlainPcap:
        variant = self._variant
        return PlainPcap(
            variant.byte_order == ">", variant.nanoseconds, variant.record_header, self._limit, self.link_types[0]
        )

    def _read_frames(self) -> Iterator[Frame]:
        # All that the loop touches is local: it runs once a frame.
        stream, limit, old_lengths = self._stream, self._limit, self._old_lengths
        link_type, nanoseconds, header = self.link_types[0], self._variant.nanoseconds, self._variant.record_header
        unpack = struct.Struct(self._variant.byte_order + "IIII").unpack_from
        frame = tuple.__new__  # Frame(...) without its keyword arguments: half the time
        chunk, position, end, number = stream.chunk, stream.position, len(stream.chunk), self.frame_count
        try:
            while True:
                data = position + header
                if data > end:
                    end = stream.refill(position, header)
                    chunk, position, data = stream.chunk, 0, header
                    if end < header:
                        if not end and stream.source.fault is None:
                            stream.position = 0
                            return
                        raise stream.cut(f"a {header}-octet record header", end)
                seconds, fraction, captured, original = unpack(chunk, position)
                if captured > original and old_lengths:  # before version 2.4 the two could stand the other way round
                    captured, original = original, captured
                if captured > limit:
                    if chunk.startswith(PCAPNG_MAGIC, position):
                        raise joined(stream.offset + position, "a record header")
                    raise too_long(stream.offset + position, captured, limit)
                # A file header taken for a record has its time zone, 0, where the captured length is.
                if not captured and chunk[position : position + 8] in _FILE_STARTS:
                    raise joined(stream.offset + position, "a record header")
                following = data + captured
                if following > end:
                    end = stream.refill(position, header + captured)
                    chunk, position, data, following = stream.chunk, 0, header, header + captured
                    if following > end:
                        raise stream.cut(f"{captured} octets of packet data", end - header)
                self.frame_count = number = number + 1
                self._frame_at = data
                time_ns = seconds * 1_000_000_000 + fraction * nanoseconds
                stream.position = following
                yield frame(Frame, (number, time_ns, link_type, original, chunk[data:following]))
                position = following
        except Broken as broken:
            stream.position = position
            self._spoil(broken)
