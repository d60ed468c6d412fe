"""snoop, the capture format of Solaris (RFC 1761)."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Final

from pcapcheck.capture.frame import Clock, Frame
from pcapcheck.capture.interface import Interface, Section
from pcapcheck.capture.opened import Capture, largest_record, too_long
from pcapcheck.capture.sources import Fault
from pcapcheck.capture.stream import Broken

_FILE_HEADER: Final = 16
_RECORD_HEADER: Final = 24
_VERSION: Final = 2
# RFC 1761, section 3, as LINKTYPE_ values. Solaris numbers its other drivers in the same field.
_LINK_TYPES: Final = {
    0: 1,  # IEEE 802.3
    2: 6,  # IEEE 802.5 Token Ring
    4: 1,  # Ethernet
    8: 10,  # FDDI
    18: 123,  # SunATM
}
_OTHERS: Final = {
    1: "IEEE 802.4 token bus",
    3: "IEEE 802.6 metropolitan net",
    5: "HDLC",
    6: "character synchronous",
    7: "IBM channel to channel",
    9: "other",
    26: "IP over InfiniBand",
}
_LONGEST_PADDING: Final = 65_536  # the format has 3 octets; other writers put their own data behind the packet


class Snoop(Capture):
    """A snoop file: one link type, microseconds, big-endian."""

    magic = (b"snoop\0\0\0",)

    def _read_header(self) -> None:
        found = self._stream.refill(0, _FILE_HEADER)
        if found < _FILE_HEADER:
            raise self._stream.cut(f"a {_FILE_HEADER}-octet snoop file header", found)
        version, data_link = struct.unpack_from(">II", self._stream.chunk, 8)
        if version != _VERSION:  # 3 to 5: Shomiti's Surveyor, with headers of its own
            raise Broken(8, Fault("CAP02", f"snoop version {_VERSION}", f"{version}; try editcap -F pcapng in out"))
        if data_link not in _LINK_TYPES:
            name = _OTHERS.get(data_link, "unknown")
            raise Broken(12, Fault("CAP02", "a snoop link type that carries TCP", f"{data_link} ({name})"))
        self.format = "snoop"
        self.sections.append(Section(">"))
        self._add_interface(Interface(0, _LINK_TYPES[data_link], 0, Clock("10^-6", 0)))
        self._lost = 0

    @property
    def dropped(self) -> int:
        return self._lost

    def _read_frames(self) -> Iterator[Frame]:
        stream, link_type = self._stream, self.link_types[0]
        limit = largest_record(link_type, 0)
        unpack = struct.Struct(">6I").unpack_from
        position = _FILE_HEADER
        try:
            while True:
                if position + _RECORD_HEADER > len(stream.chunk):
                    found = stream.refill(position, _RECORD_HEADER)
                    position = 0
                    if found < _RECORD_HEADER:
                        if not found and stream.source.fault is None:
                            return
                        raise stream.cut(f"a {_RECORD_HEADER}-octet record header", found)
                original, captured, length, lost, seconds, microseconds = unpack(stream.chunk, position)
                if captured > limit:
                    raise too_long(stream.offset + position, captured, limit)
                shortest = _RECORD_HEADER + captured
                if not shortest <= length <= shortest + _LONGEST_PADDING:
                    needed = f"a record length from {shortest} to {shortest + _LONGEST_PADDING}"
                    raise Broken(stream.offset + position, Fault("CAP02", needed, str(length)))
                if position + shortest > len(stream.chunk):
                    found = stream.refill(position, shortest)
                    position = 0
                    if found < shortest:
                        raise stream.cut(f"{captured} octets of packet data", found - _RECORD_HEADER)
                data = position + _RECORD_HEADER
                self.frame_count += 1
                self._frame_at = data
                self._lost = max(self._lost, lost)  # counted since capturing began
                time_ns = seconds * 1_000_000_000 + microseconds * 1000
                yield Frame(self.frame_count, time_ns, link_type, original, stream.chunk[data : data + captured])
                if position + length > len(stream.chunk):
                    found = stream.refill(position, length)
                    position = 0
                    if found < length:
                        raise stream.cut(f"{length - shortest} octets of padding", found - shortest)
                position += length
        except Broken as broken:
            self._spoil(broken)
