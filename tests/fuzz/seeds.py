"""What fuzzing starts from: the samples, the laboratory's captures, and generated ones of every container."""

from __future__ import annotations

import bz2
import gzip
import lzma
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

from pcapcheck.capture import open_capture
from pcapcheck.capture.frame import Frame
from tests.capture.build_captures import (
    RAW,
    block,
    enhanced,
    interface,
    obsolete,
    options,
    pcap_file,
    section,
    simple,
    statistics,
)

TESTS: Final = Path(__file__).parents[1]
FOLDERS: Final = (TESTS.parent / "sample_captures", TESTS / "lab", TESTS / "malformed")
_LARGEST: Final = 16_384  # a mutation of a longer one says no more, and takes longer


class Seed(NamedTuple):
    """A capture, and where in it a length or another number stands that a reader acts upon."""

    name: str
    octets: bytes
    fields: list[tuple[int, str]]  # offset, struct format


def seeds() -> list[Seed]:
    """All of them, in the order of their names."""
    found = [
        Seed(path.name, octets, fields_of(octets))
        for folder in FOLDERS
        for path in sorted(folder.iterdir())
        if path.suffix in (".pcap", ".pcapng", ".snoop", ".gz", ".bin") and len(octets := path.read_bytes()) <= _LARGEST
    ]
    return found + [Seed(name, octets, fields_of(octets)) for name, octets in generated()]


def frames() -> list[Frame]:
    """The different frames of all seeds."""
    found: dict[tuple[int, bytes], Frame] = {}
    for folder in FOLDERS[:2]:
        for path in sorted(folder.glob("*.pcap*")):
            with open_capture(str(path)) as capture:
                for frame in capture:
                    found.setdefault((frame.link_type, frame.data[:60]), frame)
    return list(found.values())


def generated() -> Iterator[tuple[str, bytes]]:
    """Captures of every container that is read, around the frames of one real handshake."""
    with open_capture(str(FOLDERS[0] / "ipv6.pcap")) as capture:
        some = list(capture)[:6]
    for kind in ("pcap", "pcap-ns", "pcap-modified"):
        for order in "<>":
            yield f"{kind}{order}", pcap_file(some, kind, order)
    for order in "<>":
        octets = section(order) + interface(1, tsresol=9, tsoffset=3600, order=order) + interface(RAW, 96, order=order)
        for frame in some:
            octets += enhanced(frame.time_ns, frame.data, order=order)
        octets += obsolete(5, some[0].data, order=order) + simple(some[1].data, order=order)
        octets += block(0xBAD, struct.pack(order + "I", 32473), order) + block(4, bytes(8), order)
        octets += block(
            6, struct.pack(order + "5I", 1, 0, 9, 4, 4) + b"abcd" + options((1, b"words"), order=order), order
        )
        octets += statistics(0, end=10**9, ifdrop=3, osdrop=4, order=order)
        yield f"pcapng{order}", octets + section("<") + interface() + enhanced(7, some[2].data)
    snoop = struct.pack(">8sII", b"snoop", 2, 4)
    for frame in some:
        data = frame.data + bytes(-len(frame.data) % 4)
        snoop += struct.pack(">6I", len(frame.data), len(frame.data), 24 + len(data), 0, 5, 6) + data
    yield "snoop", snoop
    plain = pcap_file(some, "pcap-ns")
    yield "gzip", gzip.compress(plain[:500], mtime=0) + gzip.compress(plain[500:], mtime=0)
    yield "bzip2", bz2.compress(plain)
    yield "xz", lzma.compress(plain)


def fields_of(octets: bytes) -> list[tuple[int, str]]:
    """The fields of a sound capture that say how long something is, which it is, or when."""
    if octets[:4] == b"\x0a\x0d\x0d\x0a":
        return list(_pcapng_fields(octets))
    if octets[:5] == b"snoop":
        return [(8, ">I"), (12, ">I"), *_snoop_fields(octets)]
    for order in "<>":
        number = struct.unpack_from(order + "I", octets.ljust(4, b"\0"))[0]
        if number in (0xA1B2C3D4, 0xA1B23C4D, 0xA1B2CD34):
            return [(4, order + "H"), (6, order + "H"), (16, order + "I"), (20, order + "I"), *_records(octets, order)]
    return []


def _records(octets: bytes, order: str) -> Iterator[tuple[int, str]]:
    header = 24 if octets[:4] in (b"\x34\xcd\xb2\xa1", b"\xa1\xb2\xcd\x34") else 16
    at = 24
    while at + header <= len(octets):
        yield from ((at + field, order + "I") for field in (0, 4, 8, 12))
        at += header + struct.unpack_from(order + "I", octets, at + 8)[0]


def _snoop_fields(octets: bytes) -> Iterator[tuple[int, str]]:
    at = 16
    while at + 24 <= len(octets):
        yield from ((at + field, ">I") for field in (0, 4, 8, 12))
        at += max(24, struct.unpack_from(">I", octets, at + 8)[0])


def _pcapng_fields(octets: bytes) -> Iterator[tuple[int, str]]:
    at, order = 0, "<"
    while at + 12 <= len(octets):
        if octets[at : at + 4] == b"\x0a\x0d\x0d\x0a":
            order = "<" if octets[at + 8] == 0x4D else ">"
            yield from ((at + 8, order + "I"), (at + 12, order + "H"), (at + 16, order + "q"))
        kind, length = struct.unpack_from(order + "II", octets, at)
        if length < 12:
            return
        yield from ((at + field, order + "I") for field in (0, 4, length - 4))
        if kind == 1:
            yield from ((at + 8, order + "H"), (at + 12, order + "I"))
            # The first two options: code, length, and where the second begins behind a name of four octets.
            yield from ((at + field, order + "H") for field in (16, 18, 24, 26))
        elif kind in (2, 3, 5, 6):
            yield from ((at + field, order + "I") for field in (8, 12, 16, 20, 24) if field < length - 4)
        at += length + -length % 4
