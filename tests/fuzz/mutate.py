"""Mutations of captures and frames: numbers at their limits, cuts, splices, flipped bits."""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from random import Random
from typing import Final

from tests.fuzz.seeds import Seed

_LIMITS: Final = {
    1: (0, 1, 0x7F, 0x80, 0xFE, 0xFF),
    2: (0, 1, 0x7FFF, 0x8000, 0xFFFE, 0xFFFF),
    4: (0, 1, 3, 11, 12, 0xFFFF, 1 << 18, (1 << 18) + 1, 1 << 24, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFE, 0xFFFFFFFF),
    8: (0, 1, 0x7FFFFFFFFFFFFFFF, 0x8000000000000000, 0xFFFFFFFFFFFFFFFF),
}
_UNSIGNED: Final = {1: "B", 2: "H", 4: "I", 8: "Q"}


def mutated_file(seed: Seed, others: Sequence[Seed], random: Random) -> bytes:
    """One to four changes of a capture, half of them at fields that a reader acts upon."""
    octets = bytearray(seed.octets)
    for _ in range(random.choice((1, 1, 1, 2, 3, 4))):
        if seed.fields and random.random() < 0.5:
            _set_field(octets, *random.choice(seed.fields), random)
        else:
            random.choice(_CHANGES)(octets, random.choice(others).octets, random)
    return bytes(octets)


def mutated_frame(data: bytes, other: bytes, random: Random) -> bytes:
    """One to three changes of a frame, most of them in its headers."""
    octets = bytearray(data)
    for _ in range(random.choice((1, 1, 2, 3))):
        if octets and random.random() < 0.7:
            at = random.randrange(min(len(octets), 80))
            octets[at] = random.choice(_LIMITS[1]) if random.random() < 0.5 else random.randrange(256)
        else:
            random.choice(_CHANGES)(octets, other, random)
    return bytes(octets)


def _set_field(octets: bytearray, at: int, format: str, random: Random) -> None:
    size = struct.calcsize(format)
    if at + size > len(octets):
        return
    unsigned = format[0] + _UNSIGNED[size]
    if random.random() < 0.4:
        (value,) = struct.unpack_from(unsigned, octets, at)
        value = (value + random.choice((-4, -2, -1, 1, 2, 4))) % (1 << 8 * size)
    else:
        value = random.choice(_LIMITS[size])
    struct.pack_into(unsigned, octets, at, value)


def _flip_bit(octets: bytearray, other: bytes, random: Random) -> None:
    if octets:
        octets[random.randrange(len(octets))] ^= 1 << random.randrange(8)


def _set_number(octets: bytearray, other: bytes, random: Random) -> None:
    size = random.choice((1, 2, 4))
    if len(octets) >= size:
        at = random.randrange(len(octets) - size + 1)
        struct.pack_into(random.choice("<>") + _UNSIGNED[size], octets, at, random.choice(_LIMITS[size]))


def _cut(octets: bytearray, other: bytes, random: Random) -> None:
    if octets:
        del octets[random.randrange(len(octets)) :]


def _drop(octets: bytearray, other: bytes, random: Random) -> None:
    if octets:
        at = random.randrange(len(octets))
        del octets[at : at + random.randrange(1, 40)]


def _repeat(octets: bytearray, other: bytes, random: Random) -> None:
    if octets:
        at = random.randrange(len(octets))
        piece = octets[at : at + random.randrange(1, 200)]
        octets[at:at] = piece * random.choice((1, 1, 2, 8))


def _splice(octets: bytearray, other: bytes, random: Random) -> None:
    if octets and other:
        start = random.randrange(len(other))
        at = random.randrange(len(octets))
        octets[at:] = other[start : start + 4096]


def _insert(octets: bytearray, other: bytes, random: Random) -> None:
    if other:
        start = random.randrange(len(other))
        at = random.randrange(len(octets) + 1)
        octets[at:at] = other[start : start + random.randrange(1, 200)]


def _add_tail(octets: bytearray, other: bytes, random: Random) -> None:
    octets += random.randbytes(random.randrange(1, 40))


_CHANGES: Final[tuple[Callable[[bytearray, bytes, Random], None], ...]] = (
    _flip_bit, _flip_bit, _set_number, _set_number, _cut, _drop, _repeat, _splice, _insert, _add_tail,
)  # fmt: skip
