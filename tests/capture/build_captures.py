"""Captures octet by octet, as the file formats say, and a pipe that hands them out in pieces of any size."""

from __future__ import annotations

import io
import struct
from collections.abc import Callable, Sequence

from hypothesis import strategies as st

from pcapcheck.capture import Capture, open_capture
from pcapcheck.capture.frame import Frame

ETHERNET, RAW = 1, 101
NUMBERS = {"pcap": 0xA1B2C3D4, "pcap-ns": 0xA1B23C4D, "pcap-modified": 0xA1B2CD34}


def pcap_header(kind="pcap", order="<", link_type=ETHERNET, snaplen=262_144, version=(2, 4)) -> bytes:
    return struct.pack(order + "IHHiIII", NUMBERS[kind], *version, 0, 0, snaplen, link_type)


def pcap_record(seconds, fraction, data, original=None, kind="pcap", order="<", captured=None) -> bytes:
    captured = len(data) if captured is None else captured
    header = struct.pack(order + "IIII", seconds, fraction, captured, len(data) if original is None else original)
    if kind == "pcap-modified":
        header += struct.pack(order + "IHBB", 3, 0x0800, 4, 0)
    return header + data


def pcap_file(frames: Sequence[Frame], kind="pcap", order="<", link_type=ETHERNET) -> bytes:
    """A classic pcap of frames whose times it can hold."""
    unit = 1 if kind == "pcap-ns" else 1000
    records = (
        pcap_record(f.time_ns // 10**9, f.time_ns % 10**9 // unit, f.data, f.original_length, kind, order)
        for f in frames
    )
    return pcap_header(kind, order, link_type) + b"".join(records)


def block(kind, body, order="<", length=None, trailer=None) -> bytes:
    body += bytes(-len(body) % 4)
    length = len(body) + 12 if length is None else length
    return struct.pack(order + "II", kind, length) + body + struct.pack(order + "I", trailer or length)


def options(*pairs: tuple[int, bytes], order="<") -> bytes:
    return b"".join(
        struct.pack(order + "HH", code, len(value)) + value + bytes(-len(value) % 4) for code, value in pairs
    )


def section(order="<", version=(1, 0), length=-1) -> bytes:
    return block(0x0A0D0D0A, struct.pack(order + "IHHq", 0x1A2B3C4D, *version, length), order)


def interface(link_type=ETHERNET, snaplen=0, tsresol=None, tsoffset=None, order="<") -> bytes:
    pairs = [(2, b"eth0")]
    if tsresol is not None:
        pairs.append((9, bytes([tsresol])))
    if tsoffset is not None:
        pairs.append((14, struct.pack(order + "q", tsoffset)))
    body = struct.pack(order + "HHI", link_type, 0, snaplen)
    return block(1, body + options(*pairs, (0, b""), order=order), order)


def enhanced(time, data, original=None, interface_id=0, order="<", captured=None) -> bytes:
    captured = len(data) if captured is None else captured
    original = len(data) if original is None else original
    fields = struct.pack(order + "IIIII", interface_id, time >> 32, time & 0xFFFFFFFF, captured, original)
    return block(6, fields + data, order)


def obsolete(time, data, interface_id=0, order="<") -> bytes:
    fields = struct.pack(order + "HHIIII", interface_id, 0xFFFF, time >> 32, time & 0xFFFFFFFF, len(data), len(data))
    return block(2, fields + data, order)


def simple(data, original=None, order="<") -> bytes:
    return block(3, struct.pack(order + "I", len(data) if original is None else original) + data, order)


def statistics(interface_id=0, end=None, ifdrop=None, osdrop=None, order="<") -> bytes:
    pairs = []
    if end is not None:
        pairs.append((3, struct.pack(order + "II", end >> 32, end & 0xFFFFFFFF)))
    pairs += [(code, struct.pack(order + "Q", n)) for code, n in ((5, ifdrop), (7, osdrop)) if n is not None]
    return block(5, struct.pack(order + "III", interface_id, 0, 0) + options(*pairs, order=order), order)


class Pipe(io.RawIOBase):
    """Octets in pieces of the sizes given, round and round; no seek, no tell."""

    def __init__(self, octets: bytes, sizes: Sequence[int] = (1 << 16,)) -> None:
        self._octets, self._sizes, self._reads, self._position = octets, sizes, 0, 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer) -> int:
        size = min(self._sizes[self._reads % len(self._sizes)], len(buffer))
        self._reads += 1
        piece = self._octets[self._position :][:size]
        self._position += len(piece)
        buffer[: len(piece)] = piece
        return len(piece)


class Pieces(Pipe):
    """The same, but of a file: it can be read again."""

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        assert whence == io.SEEK_CUR
        self._position += offset
        return self._position


def read(
    octets: bytes, sizes: Sequence[int] = (1 << 16,), source: Callable[[bytes, Sequence[int]], Pipe] = Pipe
) -> tuple[list[Frame], Capture]:
    """The frames of a capture that comes through a pipe, and the capture at its end."""
    with open_capture("-", source(octets, sizes)) as capture:
        return list(capture), capture


piece_sizes = st.lists(st.integers(1, 70), min_size=1, max_size=5)
byte_orders = st.sampled_from("<>")


@st.composite
def frame_lists(draw, unit=1, link_type=ETHERNET) -> list[Frame]:
    """Frames numbered from 1 whose times are whole multiples of ``unit`` nanoseconds within pcap's 32-bit seconds."""
    ticks = st.integers(0, (2**32 * 10**9 - 1) // unit)
    one = st.tuples(ticks, st.integers(0, 2**32 - 1), st.binary(max_size=40))
    drawn = draw(st.lists(one, max_size=8))
    return [Frame(n, tick * unit, link_type, original, data) for n, (tick, original, data) in enumerate(drawn, 1)]
