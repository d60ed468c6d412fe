"""Whatever the octets: frames, damage or a CaptureError, and no loop."""

from __future__ import annotations

import contextlib
import gzip
import struct

from hypothesis import example, given, settings
from hypothesis import strategies as st

from pcapcheck.errors import CaptureError
from tests.capture.build_captures import (
    RAW,
    block,
    enhanced,
    interface,
    obsolete,
    pcap_header,
    pcap_record,
    read,
    section,
    simple,
    statistics,
)

SEEDS = [
    pcap_header() + pcap_record(1, 0, b"abcd") * 3,
    pcap_header("pcap-modified", ">") + pcap_record(1, 0, b"abcd", kind="pcap-modified", order=">") * 3,
    section()
    + interface(tsresol=6, tsoffset=1)
    + enhanced(1, b"ab")
    + simple(b"cd")
    + block(0xBAD, b"")
    + statistics(end=9),
    section(">")
    + interface(RAW, order=">")
    + obsolete(1, b"ab", order=">")
    + section()
    + interface()
    + enhanced(5, b"x"),
]
LENGTHS = [0, 1, 3, 11, 12, 2**16, 2**24, 2**31 - 1, 2**31, 2**32 - 4, 2**32 - 1]


def outcome(octets: bytes, compressed: bool = False) -> object:
    """What reading gives; a frame takes up at least 12 octets, so that more of them than fit is a loop."""
    try:
        frames, capture = read(gzip.compress(octets) if compressed else octets)
    except CaptureError as error:
        return str(error)
    assert len(frames) <= len(octets) // 12
    assert capture.frame_count >= len(frames)
    assert [frame.number for frame in frames] == sorted({frame.number for frame in frames})
    if capture.damage:
        assert capture.damage.frame == capture.frame_count
        assert 24 <= capture.damage.offset <= len(octets)
    return frames, capture.damage


@settings(max_examples=300)
@given(st.sampled_from(SEEDS), st.lists(st.tuples(st.integers(0, 200), st.integers(0, 255)), max_size=4), st.booleans())
def test_changed_octets(seed, changes, compressed):
    octets = bytearray(seed)
    for position, value in changes:
        octets[position % len(octets)] = value
    plain = outcome(bytes(octets))
    if compressed and octets[:2] != b"\x1f\x8b" and isinstance(plain, tuple):
        assert outcome(bytes(octets), compressed) == plain


def test_each_word_in_turn_set_to_each_odd_length():
    for seed in SEEDS:
        for position in range(0, len(seed) - 3):
            for length in LENGTHS:
                for order in "<>":
                    outcome(seed[:position] + struct.pack(order + "I", length) + seed[position + 4 :])


@given(st.binary(max_size=80), st.sampled_from([b"", *(seed[:28] for seed in SEEDS), b"\x1f\x8b\x08\0"]))
@example(b"", b"\x1f")
def test_any_octets(octets, start):
    with contextlib.suppress(CaptureError):
        read(start + octets)
