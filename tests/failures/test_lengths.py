"""Every field of a capture at 0, 1, its largest value and the one before: the frames in front stay what they are."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Final

import pytest

from pcapcheck.capture.frame import Damage
from pcapcheck.errors import CaptureError
from tests.failures.captures import CAPTURES, SMALL, read, starts_of_records
from tests.fuzz.seeds import fields_of, generated

_UNSIGNED: Final = {2: "H", 4: "I", 8: "Q"}


def variants(octets: bytes, at: int, format: str) -> list[bytes]:
    """The capture with the field at each of its limits."""
    size = struct.calcsize(format)
    largest = (1 << 8 * size) - 1
    return [
        octets[:at] + struct.pack(format[0] + _UNSIGNED[size], value) + octets[at + size :]
        for value in (0, 1, largest - 1, largest)
    ]


CONTAINERS: Final = [
    *((path.name, path.read_bytes()) for path in CAPTURES if path.stat().st_size <= SMALL),
    *((name, octets) for name, octets in generated() if fields_of(octets)),
]


@pytest.mark.parametrize(("name", "octets"), CONTAINERS, ids=[name for name, _ in CONTAINERS])
def test_each_field_at_its_limits(name: str, octets: bytes) -> None:
    named = 0
    for at, format in fields_of(octets):
        try:
            before, _ = read(octets[:at])
        except CaptureError:
            before = []
        for variant in variants(octets, at, format):
            try:
                frames, capture = read(variant)
            except CaptureError:
                assert before == []
                named += 1
                continue
            assert frames[: len(before)] == before
            assert len(frames) <= len(octets) // 12
            named += capture.damage is not None
    assert named > 0


@pytest.mark.parametrize(
    "path", [path for path in CAPTURES if path.stat().st_size <= SMALL], ids=lambda path: path.stem
)
def test_the_captured_length_of_each_record(path: Path) -> None:
    """Too long by any amount is damage at the very record; too short makes one frame shorter, then damage."""
    octets = path.read_bytes()
    whole, original = read(octets)
    if original.damage:
        return
    starts = starts_of_records(octets)
    order = "<" if original.byte_order == "little-endian" else ">"
    for record, start in enumerate(starts[:-1]):
        for value in (262_145, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFE, 0xFFFFFFFF):
            frames, capture = read(octets[: start + 8] + struct.pack(order + "I", value) + octets[start + 12 :])
            assert frames == whole[:record]
            assert capture.damage == Damage("CAP02", start, record, "a captured length of at most 262144", str(value))
        beyond = len(octets) - start - 16 + 1
        frames, capture = read(octets[: start + 8] + struct.pack(order + "I", beyond) + octets[start + 12 :])
        assert frames == whole[:record]
        assert capture.damage is not None
        assert (capture.damage.rule, capture.damage.offset) == ("CAP01", start)
