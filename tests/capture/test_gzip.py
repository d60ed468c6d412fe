"""Captures inside gzip: members, padding, cuts and damage, all with isal, with zlib in its place, and in a pipe."""

from __future__ import annotations

import gzip
import io
import itertools
import random
import sys
import zlib
from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pcapcheck.capture.compression import Unpacked, compression_of
from pcapcheck.capture.frame import Damage
from pcapcheck.capture.sources import StoredFile
from pcapcheck.errors import CaptureError, UnrecognisedFormat
from tests.capture import build_captures
from tests.capture.build_captures import (
    Pieces,
    Pipe,
    frame_lists,
    pcap_file,
    pcap_header,
    pcap_record,
    piece_sizes,
    section,
)

RECORDS = [pcap_record(n, 0, random.Random(n).randbytes(50)) for n in range(12)]
OCTETS = pcap_header() + b"".join(RECORDS)
FRAMES, _ = build_captures.read(OCTETS)


@pytest.fixture(scope="module", autouse=True, params=["isal", "zlib", "pipe"])
def read(request):
    """Reads a capture: from a file with isal, from a file with zlib alone, from a pipe (which isal does not take)."""
    with pytest.MonkeyPatch.context() as without:
        if request.param == "zlib":
            without.setitem(sys.modules, "isal.igzip_lib", None)
        yield partial(build_captures.read, source=Pipe if request.param == "pipe" else Pieces)


@given(frame_lists(1000), piece_sizes, st.lists(st.integers(0, 400), max_size=3), st.sampled_from([b"", bytes(5)]))
def test_members_are_one_stream_and_zeros_after_them_are_padding(read, frames, sizes, cuts, padding):
    octets = pcap_file(frames)
    edges = sorted({0, len(octets), *(min(cut, len(octets)) for cut in cuts)})
    members = [gzip.compress(octets[a:b]) for a, b in itertools.pairwise(edges)]
    stored = b"".join(members) + padding
    back, capture = read(stored, sizes)
    assert back == frames
    assert (capture.compression, capture.format, capture.damage) == ("gzip", "pcap", None)


def test_what_follows_the_last_member_and_is_none_is_damage(read):
    frames, capture = read(gzip.compress(OCTETS) + b"\0\0junk")
    assert frames == FRAMES
    assert capture.damage == Damage("CAP02", len(OCTETS), 12, "another gzip member or the end", "octets 6a 75 6e 6b")


def test_pcapng_inside_gzip(read):
    _, capture = read(gzip.compress(section()))
    assert (capture.compression, capture.format) == ("gzip", "pcapng")


def test_a_cut_at_every_octet_leaves_the_records_that_came_out_whole(read):
    half = 24 + 66 * 6
    members = gzip.compress(OCTETS[:half]), gzip.compress(OCTETS[half:])
    stored = b"".join(members)
    for end in range(2, len(stored)):
        inflated = b""
        for member in (stored[:end][: len(members[0])], stored[:end][len(members[0]) :]):
            inflated += zlib.decompressobj(31).decompress(member)
        if len(inflated) < 24:
            with pytest.raises(CaptureError, match=r"needed the rest of the gzip data|found its end after"):
                read(stored[:end])
            continue
        frames, capture = read(stored[:end])
        whole = (len(inflated) - 24) // 66
        assert frames == FRAMES[:whole]
        if end == len(members[0]):
            assert capture.damage is None  # a file of one member: nothing says that there was another
            continue
        assert capture.damage is not None
        assert (capture.damage.rule, capture.damage.offset, capture.damage.frame) == ("CAP01", 24 + 66 * whole, whole)
        assert "gzip" in capture.damage.needed


def test_a_wrong_checksum_is_damage_behind_every_record(read):
    stored = bytearray(gzip.compress(OCTETS))
    stored[-8] ^= 1
    frames, capture = read(bytes(stored))
    assert frames == FRAMES
    assert capture.damage is not None
    assert (capture.damage.rule, capture.damage.offset, capture.damage.frame) == ("CAP02", len(OCTETS), 12)
    assert capture.damage.needed == "intact gzip data"


@pytest.mark.parametrize("kept", [100, 24 + 66 * 3, 24 + 66 * 3 + 1, len(OCTETS)])
def test_corrupt_data_gives_all_that_lies_before_it(read, kept):
    packer = zlib.compressobj(wbits=31)
    stored = packer.compress(OCTETS[:kept]) + packer.flush(zlib.Z_FULL_FLUSH) + b"\x07 is no deflate block"
    frames, capture = read(stored)
    whole = (kept - 24) // 66
    assert frames == FRAMES[:whole]
    assert capture.damage is not None
    assert (capture.damage.rule, capture.damage.offset) == ("CAP02", 24 + 66 * whole)
    assert "invalid block type" in capture.damage.found


@given(st.integers(10, len(gzip.compress(OCTETS)) - 1), st.integers(0, 7), piece_sizes)
def test_no_flipped_bit_passes_unseen(read, position, bit, sizes):
    stored = bytearray(gzip.compress(OCTETS))
    stored[position] ^= 1 << bit
    try:
        _, capture = read(bytes(stored), sizes)
    except CaptureError:
        return
    assert capture.damage is not None


@pytest.mark.parametrize("size", [*range(1, 60), 300, 2048])
def test_a_wrong_checksum_is_named_whatever_the_reads(size):
    stored = bytearray(gzip.compress(OCTETS))
    stored[-6] ^= 1
    unpacked = Unpacked(StoredFile(io.BytesIO(bytes(stored)), owned=False), b"", compression_of(bytes(stored)))
    octets = b""
    while piece := unpacked.read(size):
        octets += piece
    assert octets == OCTETS
    assert unpacked.fault is not None
    assert unpacked.fault.needed == "intact gzip data"


@pytest.mark.parametrize("size", range(1, 60))
def test_what_zlib_still_holds_at_the_end_of_the_file_is_not_lost(size):
    """Read in small pieces, the last octets come out when all of the file was put in already."""
    stored = gzip.compress(b"".join(bytes([n]) * 300 for n in range(20)))[:-9]
    expected = zlib.decompressobj(31).decompress(stored)
    unpacked = Unpacked(StoredFile(io.BytesIO(stored), owned=False), b"", compression_of(stored))
    octets = b""
    while piece := unpacked.read(size):
        octets += piece
    assert octets == expected
    assert unpacked.fault is not None
    assert unpacked.fault.rule == "CAP01"


def test_gzip_inside_gzip_is_not_opened(read):
    with pytest.raises(UnrecognisedFormat, match="found a gzip file inside gzip; decompress it first"):
        read(gzip.compress(gzip.compress(OCTETS)))


def test_something_else_inside_gzip_is_named(read):
    with pytest.raises(UnrecognisedFormat, match="found a text file inside gzip"):
        read(gzip.compress(b"hello\n"))
    with pytest.raises(UnrecognisedFormat, match="found an empty file inside gzip"):
        read(gzip.compress(b""))


def test_a_long_compressible_capture_is_read_in_bounded_pieces(read):
    octets = pcap_header() + pcap_record(1, 0, bytes(1000)) * 5000
    frames, capture = read(gzip.compress(octets), [100])
    assert len(frames) == 5000
    assert capture.damage is None
    assert capture.bytes_read < len(octets) // 100
