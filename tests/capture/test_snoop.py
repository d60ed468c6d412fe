"""snoop, as RFC 1761 has it."""

from __future__ import annotations

import shutil
import struct
import subprocess

import pytest

from pcapcheck.capture.frame import Damage, Frame
from pcapcheck.errors import CaptureError
from tests.capture.build_captures import read

HEADER = struct.pack(">8sII", b"snoop", 2, 4)


def record(seconds, microseconds, data, original=None, drops=0, length=None, captured=None) -> bytes:
    padding = bytes(-len(data) % 4)
    length = 24 + len(data) + len(padding) if length is None else length
    captured = len(data) if captured is None else captured
    original = len(data) if original is None else original
    return struct.pack(">6I", original, captured, length, drops, seconds, microseconds) + data + padding


OCTETS = HEADER + record(1, 2, b"abcde", original=60) + record(3, 999_999, b"abcd", drops=7) + record(4, 0, b"")


@pytest.mark.parametrize("sizes", [[1], [7, 30], [1 << 16]])
def test_records_times_and_drops(sizes):
    frames, capture = read(OCTETS, sizes)
    assert frames == [
        Frame(1, 1_000_002_000, 1, 60, b"abcde"),
        Frame(2, 3_999_999_000, 1, 4, b"abcd"),
        Frame(3, 4_000_000_000, 1, 0, b""),
    ]
    assert (capture.format, capture.link_types, capture.dropped, capture.damage) == ("snoop", [1], 7, None)


def test_an_empty_capture():
    frames, capture = read(HEADER)
    assert (frames, capture.damage, capture.dropped) == ([], None, 0)


@pytest.mark.parametrize(("data_link", "link_type"), [(0, 1), (2, 6), (4, 1), (8, 10), (18, 123)])
def test_link_types(data_link, link_type):
    frames, _ = read(struct.pack(">8sII", b"snoop", 2, data_link) + record(1, 0, b"x"))
    assert [frame.link_type for frame in frames] == [link_type]


@pytest.mark.parametrize(
    ("version", "data_link", "message"),
    [
        (2, 1, "at byte 12: needed a snoop link type that carries TCP, found 1 (IEEE 802.4 token bus)"),
        (2, 77, "found 77 (unknown)"),
        (4, 4, "at byte 8: needed snoop version 2, found 4; try editcap -F pcapng in out"),
    ],
)
def test_what_is_not_read_is_named(version, data_link, message):
    with pytest.raises(CaptureError) as raised:
        read(struct.pack(">8sII", b"snoop", version, data_link))
    assert message in str(raised.value)


def test_a_cut_at_every_octet_leaves_the_whole_records_and_says_where():
    starts = [16, 16 + 32, 16 + 32 + 28, 16 + 32 + 28 + 24]
    whole, _ = read(OCTETS)
    for end in range(16, len(OCTETS)):
        frames, capture = read(OCTETS[:end])
        complete = sum(end >= start for start in starts[1:])
        data_there = end - starts[complete] >= 24 + len(whole[complete].data)
        assert frames == whole[: complete + data_there]
        if end in starts:
            assert capture.damage is None
        else:
            assert capture.damage is not None
            assert (capture.damage.rule, capture.damage.offset) == ("CAP01", starts[complete])


@pytest.mark.parametrize(
    ("damaged", "needed", "found"),
    [
        (record(1, 0, b"x", captured=0xFFFFFFFF), "a captured length of at most 262144", "4294967295"),
        (record(1, 0, b"xyz", length=0), "a record length from 27 to 65563", "0"),
        (record(1, 0, b"xyz", length=26), "a record length from 27 to 65563", "26"),
        (record(1, 0, b"xyz", length=0xFFFFFFFF), "a record length from 27 to 65563", "4294967295"),
    ],
)
def test_impossible_lengths_are_damage(damaged, needed, found):
    frames, capture = read(OCTETS + damaged + record(9, 9, b"after"))
    assert len(frames) == 3
    assert capture.damage == Damage("CAP02", len(OCTETS), 3, needed, found)


def test_tshark_reads_the_same(tmp_path):
    if shutil.which("tshark") is None:
        pytest.skip("tshark is not installed")
    path = tmp_path / "x.snoop"
    path.write_bytes(HEADER + record(1_700_000_000, 2, bytes(20), 60) + record(1_700_000_003, 999_999, bytes(18)))
    fields = ["frame.number", "frame.time_epoch", "frame.cap_len", "frame.len"]
    arguments = [word for field in fields for word in ("-e", field)]
    command = ["tshark", "-n", "-r", str(path), "-T", "fields", "-E", "separator=,", *arguments]
    lines = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
    frames, _ = read(path.read_bytes())
    assert lines == [
        f"{f.number},{f.time_ns // 10**9}.{f.time_ns % 10**9:09d},{len(f.data)},{f.original_length}" for f in frames
    ]
