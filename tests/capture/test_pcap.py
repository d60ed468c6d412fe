"""Classic pcap: what the variants mean, and where a reader must stop."""

from __future__ import annotations

import struct
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pcapcheck.capture import open_capture
from pcapcheck.capture.frame import Damage
from pcapcheck.errors import CaptureError
from tests.capture.build_captures import (
    NUMBERS,
    Pipe,
    byte_orders,
    frame_lists,
    pcap_file,
    pcap_header,
    pcap_record,
    piece_sizes,
    read,
)


@given(st.data(), st.sampled_from(sorted(NUMBERS)), byte_orders, st.integers(0, 0xFFFF), piece_sizes)
def test_what_was_written_is_read_whatever_the_reads(data, kind, order, link_type, sizes):
    written = data.draw(frame_lists(1 if kind == "pcap-ns" else 1000, link_type))
    octets = pcap_file(written, kind, order, link_type)
    frames, capture = read(octets, sizes)
    assert frames == written
    assert (capture.format, capture.link_types, capture.damage) == (kind, [link_type], None)
    assert capture.frame_count == len(written)
    assert capture.bytes_read == len(octets)


@pytest.mark.parametrize("kind", NUMBERS)
def test_a_cut_leaves_the_whole_records_and_says_where(kind):
    header = 24 if kind == "pcap-modified" else 16
    records = [pcap_record(1, n, bytes(range(n)), 99, kind) for n in (0, 7, 20)]
    octets = pcap_header(kind) + b"".join(records)
    whole, _ = read(octets)
    assert [len(frame.data) for frame in whole] == [0, 7, 20]
    starts = [24, 24 + len(records[0]), 24 + len(records[0] + records[1]), len(octets)]
    for end in range(24, len(octets)):
        number = sum(start <= end for start in starts) - 1
        frames, capture = read(octets[:end])
        assert frames == whole[:number]
        found = end - starts[number]
        if found == 0:
            assert capture.damage is None
        elif found < header:
            assert capture.damage == Damage(
                "CAP01", starts[number], number, f"a {header}-octet record header", str(found)
            )
        else:
            needed = f"{len(whole[number].data)} octets of packet data"
            assert capture.damage == Damage("CAP01", starts[number], number, needed, str(found - header))


@pytest.mark.parametrize("length", range(4, 24))
def test_a_cut_file_header_is_an_error(length):
    with pytest.raises(CaptureError, match=rf"-: at byte 0: needed a 24-octet pcap file header, found {length}$"):
        read(pcap_header()[:length])


@pytest.mark.parametrize("length", [2, 3])
def test_a_cut_magic_is_an_error_too(length):
    with pytest.raises(CaptureError, match=f"needed a whole file header, found {length}"):
        read(pcap_header()[:length])


def test_a_file_header_alone_is_an_empty_capture():
    frames, capture = read(pcap_header())
    assert frames == []
    assert (capture.damage, capture.link_types, capture.format) == (None, [1], "pcap")


def test_microseconds_over_a_second_carry_over():
    (frame,), _ = read(pcap_header() + pcap_record(10, 1_500_000, b"x"))
    assert frame.time_ns == 11_500_000_000


def test_seconds_are_unsigned():
    (frame,), _ = read(pcap_header() + pcap_record(0xFFFFFFFF, 999_999, b"x"))
    assert frame.time_ns == 4_294_967_295_999_999_000


def test_the_fcs_bits_are_no_part_of_the_link_type():
    (frame,), capture = read(pcap_header(link_type=0x2400_0001) + pcap_record(1, 0, b"x"))
    assert frame.link_type == 1
    assert capture.link_types == [1]


@pytest.mark.parametrize("version", [(2, 0), (2, 3), (2, 4), (2, 9), (3, 0), (543, 0)])
def test_versions_from_2_on_are_read(version):
    frames, _ = read(pcap_header(version=version) + pcap_record(1, 0, b"x"))
    assert len(frames) == 1


@pytest.mark.parametrize("version", [(0, 0), (1, 4)])
def test_versions_before_2_had_another_header(version):
    with pytest.raises(CaptureError, match=rf"at byte 4: needed pcap version 2 or later, found {version[0]}\."):
        read(pcap_header(version=version) + pcap_record(1, 0, b"x"))


@pytest.mark.parametrize("version", [(2, 0), (2, 2), (2, 3), (543, 0)])
def test_old_files_may_hold_the_two_lengths_the_other_way_round(version):
    swapped = struct.pack("<IIII", 1, 0, 60, 2) + b"ab"
    frames, capture = read(pcap_header(version=version) + swapped + pcap_record(1, 0, b"cd", 60))
    assert [(frame.original_length, frame.data) for frame in frames] == [(60, b"ab"), (60, b"cd")]
    assert capture.damage is None


def test_more_captured_than_was_on_the_wire_is_kept_as_it_stands():
    (frame,), _ = read(pcap_header() + pcap_record(1, 0, b"abcdef", 2))
    assert (frame.original_length, frame.data) == (2, b"abcdef")


def test_more_captured_than_the_snaplen_is_kept_as_it_stands():
    (frame,), _ = read(pcap_header(snaplen=2) + pcap_record(1, 0, b"abcdef"))
    assert frame.data == b"abcdef"


@pytest.mark.parametrize(
    ("link_type", "snaplen", "limit"),
    [
        (1, 96, 262_144),
        (1, 0, 262_144),
        (1, 400_000, 400_000),
        (1, 0xFFFFFFFF, 262_144),  # "unlimited" bounds nothing
        (231, 96, 128 << 20),
        (279, 96, 8 << 20),
    ],
)
def test_a_captured_length_over_the_bound_is_corrupt_and_one_at_the_bound_is_cut(link_type, snaplen, limit):
    header = pcap_header(link_type=link_type, snaplen=snaplen) + pcap_record(1, 0, b"good")
    tracemalloc.start()
    frames, over = read(header + pcap_record(1, 0, b"bad", captured=limit + 1))
    _, at = read(header + pcap_record(1, 0, b"bad", captured=limit))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert [frame.data for frame in frames] == [b"good"]
    assert over.damage == Damage("CAP02", 44, 1, f"a captured length of at most {limit}", str(limit + 1))
    assert at.damage == Damage("CAP01", 44, 1, f"{limit} octets of packet data", "3")
    assert peak < 2 << 20  # what a length field says is never allocated


def test_a_record_larger_than_every_read_is_whole():
    data = bytes(range(256)) * 1562
    octets = pcap_header(snaplen=400_000) + pcap_record(1, 0, data) + pcap_record(2, 0, b"next")
    frames, capture = read(octets, [1000, 1, 70_000])
    assert [frame.data for frame in frames] == [data, b"next"]
    assert capture.damage is None


def test_a_capture_longer_than_a_chunk_is_read_across_the_joints():
    written = [bytes([n % 256]) * (n % 1500) for n in range(2000)]
    octets = pcap_header() + b"".join(pcap_record(n, 0, data) for n, data in enumerate(written))
    assert len(octets) > 2 << 19
    frames, capture = read(octets, [1 << 20])
    assert [frame.data for frame in frames] == written
    assert [frame.number for frame in frames] == list(range(1, 2001))
    assert capture.damage is None


def test_iterating_again_gives_nothing_more():
    _, capture = read(pcap_header() + pcap_record(1, 0, b"x"))
    assert list(capture) == []
    assert capture.frame_count == 1


def test_the_frame_count_is_exact_at_every_frame():
    octets = pcap_header() + pcap_record(1, 0, b"x") * 5
    with open_capture("-", Pipe(octets)) as capture:
        assert [(frame.number, capture.frame_count) for frame in capture] == [(n, n) for n in range(1, 6)]
