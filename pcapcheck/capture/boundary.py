"""Where a record may begin in octets from the middle of a capture: a guess that whoever reads up to there can check."""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Final

from pcapcheck.capture.opened import PlainPcap, PlainPcapng

# So many records in a row are no chance, unless somebody put them into a packet.
_CHAIN: Final = 64

_FRACTIONS: Final = 10**9  # ns: what a time stamp's fraction stays below
_BLOCKS: Final = frozenset({1, 2, 3, 4, 5, 6, 0x0A0D0D0A})  # interfaces, packets, names, statistics, sections
_SHORTEST_BLOCK, _LONGEST_BLOCK = 12, 1 << 20

# Of the record at this place: how long it is, 0 where there can be none.
_Length = Callable[[bytes, int], int]


def boundary(octets: bytes, most: int, plain: PlainPcap | PlainPcapng) -> int | None:
    """The first place among ``most`` from which on records seem to follow each other; None if there is none."""
    if isinstance(plain, PlainPcap):
        header, length = plain.header, _pcap(plain)
    else:
        header, length = _SHORTEST_BLOCK, _pcapng(plain)
    last = len(octets) - header
    return next((at for at in range(min(most, last + 1)) if _is_chain(octets, at, last, length)), None)


def _is_chain(octets: bytes, at: int, last: int, length: _Length) -> bool:
    for _ in range(_CHAIN):
        if at > last:
            return True
        size = length(octets, at)
        if not size:
            return False
        at += size
    return True


def _pcap(plain: PlainPcap) -> _Length:
    unpack = struct.Struct((">" if plain.big_endian else "<") + "4xIII").unpack_from

    def length(octets: bytes, at: int) -> int:
        fraction, captured, original = unpack(octets, at)
        right = 0 < captured <= original <= plain.limit and fraction * plain.nanoseconds < _FRACTIONS
        return plain.header + captured if right else 0

    return length


def _pcapng(plain: PlainPcapng) -> _Length:
    order = ">" if plain.big_endian else "<"
    block, word = struct.Struct(order + "II").unpack_from, struct.Struct(order + "I").unpack_from

    def length(octets: bytes, at: int) -> int:
        kind, size = block(octets, at)
        if kind not in _BLOCKS or size % 4 or not _SHORTEST_BLOCK <= size <= _LONGEST_BLOCK:
            return 0
        end = at + size
        return size if end > len(octets) or word(octets, end - 4)[0] == size else 0

    return length
