"""An exchange: what was sent, and the frames, segments and captures made of it."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Final, NamedTuple

from pcapcheck.capture.frame import Frame
from pcapcheck.decode.segment import IcmpError, Segment
from pcapcheck.errors import UsageError
from pcapcheck.testing.octets import ETHERNET, Wire, as_captured, frame_octets

START_NS: Final = 1_767_225_600 * 10**9  # 2026-01-01T00:00:00Z
SNAPLEN: Final = 262_144  # tcpdump's default


class Line(NamedTuple):
    """One frame as written: ``content`` is the whole segment, before anything is cut; None is a frame without IP."""

    time_ns: int
    content: Segment | IcmpError | None
    wire: Wire


@dataclass(frozen=True)
class Exchange:
    """The lines of an exchange in the order of capture."""

    description: str
    lines: tuple[Line, ...]
    snaplen: int = SNAPLEN

    def segments(self) -> list[tuple[int, int, Segment | IcmpError]]:
        """Frame number, time in ns and content of every frame that holds a segment or an ICMP error about one."""
        found: list[tuple[int, int, Segment | IcmpError]] = []
        for frame, line in zip(self.frames(), self.lines, strict=True):
            start = frame_octets(line.content, line.wire)[1]
            content = as_captured(line.content, line.wire, len(frame.data) - start)
            if content is not None:
                found.append((frame.number, frame.time_ns, content))
        return found

    def frames(self) -> list[Frame]:
        """The Ethernet frames, numbered from 1."""
        frames = []
        for number, line in enumerate(self.lines, start=1):
            data, start = frame_octets(line.content, line.wire)
            captured = len(data) if line.wire.cut is None else start + line.wire.cut
            captured = min(captured, self.snaplen)
            frames.append(Frame(number, line.time_ns, ETHERNET, len(data), data[:captured]))
        return frames

    def pcap(self, *, nanoseconds: bool = False) -> bytes:
        """The capture as the octets of a pcap file."""
        magic, unit = (0xA1B23C4D, 1) if nanoseconds else (0xA1B2C3D4, 1000)
        parts = [struct.pack("<IHHiIII", magic, 2, 4, 0, 0, self.snaplen, ETHERNET)]
        for frame in self.frames():
            seconds, rest = divmod(frame.time_ns, 10**9)
            if rest % unit or not 0 <= seconds < 2**32:
                raise UsageError(
                    f"frame {frame.number}: the time {frame.time_ns} ns does not fit a pcap file"
                    + (" in microseconds: write it with nanoseconds=True" if rest % unit else "")
                )
            parts.append(struct.pack("<IIII", seconds, rest // unit, len(frame.data), frame.original_length))
            parts.append(frame.data)
        return b"".join(parts)

    def write_pcap(self, path: str | PathLike[str], *, nanoseconds: bool = False) -> None:
        """Writes the capture to ``path``."""
        Path(path).write_bytes(self.pcap(nanoseconds=nanoseconds))
