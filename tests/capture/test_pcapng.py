"""pcapng: sections, interfaces, clocks, the blocks that count, and where a reader must stop."""

from __future__ import annotations

import shutil
import struct
import subprocess
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pcapcheck.capture.frame import NO_TIME, Damage, Frame
from pcapcheck.errors import CaptureError
from tests.capture.build_captures import (
    ETHERNET,
    RAW,
    block,
    byte_orders,
    enhanced,
    interface,
    obsolete,
    options,
    piece_sizes,
    read,
    section,
    simple,
    statistics,
)

SECOND = 1_700_000_000
TICKS = SECOND * 10**6  # in microseconds, the default resolution
START = section() + interface()


@st.composite
def files(draw) -> tuple[bytes, list[Frame], list[int]]:
    """A file of several sections, its frames and its link types."""
    octets, frames, link_types, number = b"", [], [], 0
    for _ in range(draw(st.integers(1, 3))):
        order = draw(byte_orders)
        octets += section(order, draw(st.sampled_from([(1, 0), (1, 2)])), draw(st.integers(-1, 99)))
        known: list[tuple[int, int]] = []  # link type, snaplen
        for _ in range(draw(st.integers(0, 8))):
            kind = draw(st.sampled_from(["interface", "enhanced", "obsolete", "simple", "custom", "unknown"]))
            data = draw(st.binary(max_size=30))
            if kind == "interface" or not known:
                known.append((draw(st.sampled_from([ETHERNET, RAW, 113])), draw(st.sampled_from([0, 16, 65_535]))))
                octets += interface(*known[-1], order=order)
                if known[-1][0] not in link_types:
                    link_types.append(known[-1][0])
            elif kind == "unknown":
                octets += block(draw(st.sampled_from([4, 0xA, 0xC0FFEE, 0x80000001])), data, order)
            elif kind == "custom":
                number += 1
                octets += block(draw(st.sampled_from([0xBAD, 0x40000BAD, 9, 0x204, 0x216, 0x221])), data, order)
            else:
                number += 1
                time = draw(st.integers(0, 2**62 // 1000 - 1))
                which = draw(st.integers(0, len(known) - 1))
                if kind == "enhanced":
                    original = draw(st.integers(0, 2**32 - 1))
                    octets += enhanced(time, data, original, which, order)
                    frames.append(Frame(number, time * 1000, known[which][0], original, data))
                elif kind == "obsolete":
                    octets += obsolete(time, data, which, order)
                    frames.append(Frame(number, time * 1000, known[which][0], len(data), data))
                else:
                    link_type, snaplen = known[0]
                    octets += simple(data[: snaplen or None], len(data), order)
                    frames.append(Frame(number, NO_TIME, link_type, len(data), data[: snaplen or None]))
    return octets, frames, link_types


@given(files(), piece_sizes)
def test_what_was_written_is_read_whatever_the_reads(file, sizes):
    octets, written, link_types = file
    frames, capture = read(octets, sizes)
    assert frames == written
    assert (capture.format, capture.damage, capture.link_types) == ("pcapng", None, link_types)
    assert capture.bytes_read == len(octets)


@pytest.mark.parametrize("order", ["<", ">"])
def test_a_cut_leaves_the_whole_blocks_and_says_where(order):
    blocks = [
        section(order),
        interface(order=order),
        enhanced(TICKS, b"first", order=order),
        simple(b"second", order=order),
        block(0xBAD, b"", order),
        section(order),
        interface(order=order),
        obsolete(TICKS, b"third", order=order),
        statistics(order=order),
    ]
    starts = [sum(map(len, blocks[:n])) for n in range(len(blocks) + 1)]
    numbers = [sum(n in (2, 3, 4, 7) for n in range(until)) for until in range(len(blocks) + 1)]
    octets = b"".join(blocks)
    whole, _ = read(octets)
    assert [(frame.number, frame.data) for frame in whole] == [(1, b"first"), (2, b"second"), (4, b"third")]
    for end in range(2, len(octets)):
        complete = sum(start <= end for start in starts) - 1
        if complete == 0:
            with pytest.raises(CaptureError, match=rf"at byte 0: needed .*, found {end}$"):
                read(octets[:end])
            continue
        frames, capture = read(octets[:end])
        assert frames == [frame for frame in whole if frame.number <= numbers[complete]]
        assert capture.frame_count == numbers[complete]
        found = end - starts[complete]
        if found == 0:
            assert capture.damage is None
        else:
            needed = "a block of at least 12" if found < 12 else f"a block of {len(blocks[complete])}"
            expected = Damage("CAP01", starts[complete], numbers[complete], f"{needed} octets", str(found))
            assert capture.damage == expected


@given(st.integers(0, 255), st.integers(-(2**33), 2**33), st.integers(0, 2**64 - 1), byte_orders)
def test_times_are_exact_at_every_resolution_and_offset(tsresol, tsoffset, ticks, order):
    octets = section(order) + interface(tsresol=tsresol, tsoffset=tsoffset, order=order)
    (frame,), _ = read(octets + enhanced(ticks, b"x", order=order))
    unit = Fraction(1, 2 ** (tsresol & 0x7F) if tsresol & 0x80 else 10**tsresol)
    exact = (ticks * unit + tsoffset) * 10**9 // 1
    assert frame.time_ns == (exact if -(2**62) < exact < 2**62 else NO_TIME)


def test_each_interface_has_its_own_clock_and_link_type():
    octets = section() + interface(ETHERNET) + interface(RAW, tsresol=9) + interface(ETHERNET, tsresol=0x8A)
    octets += enhanced(SECOND * 10**9 + 1, b"b", interface_id=1) + enhanced(TICKS + 1, b"a", interface_id=0)
    octets += enhanced((SECOND << 10) + 1023, b"c", interface_id=2)
    frames, capture = read(octets)
    assert [(frame.link_type, frame.time_ns - SECOND * 10**9) for frame in frames] == [
        (RAW, 1),
        (ETHERNET, 1000),
        (ETHERNET, 999_023_437),
    ]
    assert capture.link_types == [ETHERNET, RAW]


def test_interfaces_are_numbered_anew_in_each_section():
    octets = START + enhanced(TICKS, b"a") + section(">") + interface(RAW, order=">") + enhanced(TICKS, b"b", order=">")
    frames, _ = read(octets)
    assert [(frame.number, frame.link_type) for frame in frames] == [(1, ETHERNET), (2, RAW)]
    _, capture = read(START + enhanced(TICKS, b"a") + section() + enhanced(TICKS, b"b"))
    offset = len(START + enhanced(TICKS, b"a") + section())
    assert capture.damage == Damage("CAP02", offset, 1, "one of the section's 0 interfaces", "interface 0")


def test_a_simple_packet_has_no_time_and_ends_at_the_snaplen():
    frames, _ = read(section() + interface(snaplen=10) + simple(bytes(10), 40) + simple(bytes(7)))
    assert frames == [Frame(1, NO_TIME, ETHERNET, 40, bytes(10)), Frame(2, NO_TIME, ETHERNET, 7, bytes(7))]


def test_a_length_without_its_padding_is_rounded_up():
    fields = struct.pack("<IIIII", 0, TICKS >> 32, TICKS & 0xFFFFFFFF, 5, 5)
    odd = struct.pack("<II", 6, 37) + fields + b"abcde\0\0\0" + struct.pack("<I", 37)
    frames, capture = read(START + odd + enhanced(TICKS, b"next"))
    assert [frame.data for frame in frames] == [b"abcde", b"next"]
    assert capture.damage is None


CORRUPT = {
    "length 0": (block(0xC0FFEE, b"", length=0), "a block length from 12 to 16777216 (block type 0xc0ffee)", "0"),
    "length 8": (block(0xC0FFEE, b"", length=8), "a block length from 12 to 16777216 (block type 0xc0ffee)", "8"),
    "length 2^32-1": (
        block(6, b"", length=2**32 - 1),
        "a block length from 32 to 16777216 (block type 0x6)",
        "4294967295",
    ),
    "over 16 MiB": (
        block(4, b"", length=(16 << 20) + 4),
        "a block length from 12 to 16777216 (block type 0x4)",
        "16777220",
    ),
    "too short for its kind": (block(6, bytes(16)), "a block length from 32 to 16777216 (block type 0x6)", "28"),
    "two lengths": (block(4, bytes(8), trailer=24), "the block's length again at its end, 20", "24"),
    "unknown interface": (enhanced(TICKS, b"", interface_id=1), "one of the section's 1 interfaces", "interface 1"),
    "captured over the block": (enhanced(TICKS, bytes(4), captured=5), "5 octets of packet data", "room for 4"),
    "captured over the bound": (
        enhanced(TICKS, b"", captured=262_145),
        "a captured length of at most 262144",
        "262145",
    ),
    "simple over the block": (simple(bytes(8), 9), "9 octets of packet data", "room for 8"),
    "byte-order magic": (block(0x0A0D0D0A, bytes(16)), "the byte-order magic 1a2b3c4d of a section header", "00000000"),
    "version": (section(version=(2, 0)), "pcapng version 1.0", "2.0"),
    "interface option": (block(1, struct.pack("<HHIHHI", 1, 0, 0, 9, 5, 6)), "5 octets of option 9", "4"),
    "statistics option": (block(5, bytes(12) + struct.pack("<HH", 3, 8)), "8 octets of option 3", "0"),
}


@pytest.mark.parametrize("name", CORRUPT)
def test_a_corrupt_block_ends_the_capture_behind_its_good_prefix(name):
    bad, needed, found = CORRUPT[name]
    good = START + enhanced(TICKS, b"good")
    frames, capture = read(good + bad + enhanced(TICKS, b"never reached"))
    assert [frame.data for frame in frames] == [b"good"]
    assert capture.damage == Damage("CAP02", len(good), 1, needed, found)


def test_a_first_section_header_that_makes_no_sense_is_an_error():
    with pytest.raises(CaptureError, match="needed the byte-order magic 1a2b3c4d of a section header, found 01020304"):
        read(section().replace(b"\x4d\x3c\x2b\x1a", b"\1\2\3\4"))
    with pytest.raises(CaptureError, match=r"needed pcapng version 1\.0, found 1\.1"):
        read(section(version=(1, 1)))
    with pytest.raises(CaptureError, match="needed a block length from 28 to 16777216"):
        read(block(0x0A0D0D0A, bytes.fromhex("4d3c2b1a") + bytes(20), length=0))
    with pytest.raises(CaptureError, match="needed the block's length again at its end, 28, found 29"):
        read(section()[:-4] + struct.pack("<I", 29))


def test_d_bus_messages_may_be_larger_than_other_blocks():
    large = bytes(17 << 20)
    frames, capture = read(section() + interface(231) + enhanced(TICKS, large), [1 << 20])
    assert [len(frame.data) for frame in frames] == [17 << 20]
    assert capture.damage is None


def test_unknown_options_and_wrong_option_lengths_change_nothing():
    body = struct.pack("<HHI", ETHERNET, 0, 0) + options((9, b"\x09\x09"), (14, b"\1"), (0xBAC, b"abc"))
    (frame,), _ = read(section() + block(1, body) + enhanced(TICKS, b"x"))
    assert frame.time_ns == SECOND * 10**9


def test_the_end_of_capturing_counts_only_if_it_is_later_than_every_frame():
    octets = START + enhanced(TICKS + 9, b"a") + enhanced(TICKS, b"b")
    _, later = read(octets + statistics(end=TICKS + 10))
    _, not_later = read(octets + statistics(end=TICKS + 9))
    _, unsaid = read(octets + statistics())
    assert later.end_time_ns == SECOND * 10**9 + 10_000
    assert not_later.end_time_ns == NO_TIME
    assert unsaid.end_time_ns == NO_TIME


def test_dropped_frames_are_summed_over_interfaces_and_repeated_statistics_replace():
    octets = section() + interface() + interface()
    octets += statistics(0, ifdrop=1, osdrop=2) + statistics(1, ifdrop=10) + statistics(0, ifdrop=3, osdrop=4)
    octets += (
        section(">")
        + interface(order=">")
        + statistics(0, osdrop=100, order=">")
        + statistics(7, ifdrop=5000, order=">")
    )
    _, capture = read(octets)
    assert capture.dropped == 3 + 4 + 10 + 100
    assert capture.damage is None


def test_the_numbers_times_and_lengths_are_tshark_s(tmp_path):
    if shutil.which("tshark") is None:
        pytest.skip("tshark is not installed")
    pen = struct.pack("<I", 32473)
    octets = START + enhanced(TICKS + 1, bytes(20)) + block(0xBAD, pen + b"copied") + simple(bytes(22))
    octets += block(9, b"__REALTIME_TIMESTAMP=1700000000000000\nMESSAGE=abc\n") + interface(RAW, tsresol=0x8A)
    octets += block(0x204, struct.pack("<HQQIHI", 0, SECOND * 10**9, 5, 30, 2, 1) + bytes(8)) + block(0xC0FFEE, b"")
    octets += block(0x40000BAD, pen) + enhanced((SECOND << 10) + 1023, bytes(24), 60, 1)
    octets += (
        section(">") + interface(tsresol=8, tsoffset=-3600, order=">") + obsolete(TICKS * 100 + 1, bytes(26), order=">")
    )
    octets += enhanced(TICKS, bytes(28))[:-1]
    path = tmp_path / "mixed.pcapng"
    path.write_bytes(octets)
    fields = ["frame.number", "frame.time_epoch", "frame.cap_len", "frame.len"]
    command = [
        "tshark",
        "-n",
        "-r",
        str(path),
        "-T",
        "fields",
        "-E",
        "separator=,",
        *(a for f in fields for a in ("-e", f)),
    ]
    lines = subprocess.run(command, capture_output=True, text=True, check=False).stdout.split()
    theirs = {}
    for line in lines:
        number, time, captured, original = line.split(",")
        seconds, _, fraction = time.partition(".")
        time_ns = int(seconds) * 10**9 + int(fraction) if time else NO_TIME
        theirs[int(number)] = (time_ns, int(captured), int(original))
    frames, capture = read(octets)
    assert [frame.number for frame in frames] == [1, 3, 7, 8]
    assert {
        frame.number: (frame.time_ns, len(frame.data), frame.original_length) for frame in frames
    }.items() <= theirs.items()
    assert capture.frame_count == max(theirs) == 8
