"""Captures inside bzip2, xz, zstd and lz4: members, padding, cuts, damage, bombs. (gzip has its own file.)"""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import random
import struct
import sys
import zlib

import lz4.frame
import pytest

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

from pcapcheck.capture import compression, open_capture
from pcapcheck.capture.frame import Damage
from pcapcheck.errors import CaptureError, UnrecognisedFormat
from tests.capture.build_captures import Pipe, pcap_header, pcap_record, read, section

COMPRESS = {
    "gzip": gzip.compress,
    "bzip2": bz2.compress,
    "xz": lzma.compress,
    "zstd": lambda octets: zstd.compress(octets, options={zstd.CompressionParameter.checksum_flag: 1}),
    "lz4": lambda octets: lz4.frame.compress(octets, content_checksum=True),
}
RECORDS = [pcap_record(n, 0, random.Random(n).randbytes(50)) for n in range(12)]
OCTETS = pcap_header() + b"".join(RECORDS)
FRAMES, _ = read(OCTETS)
EACH = pytest.mark.parametrize("name", COMPRESS)


@EACH
@pytest.mark.parametrize("sizes", [[1], [100, 7], [1 << 16]])
def test_members_are_one_stream_and_zeros_after_them_are_padding(name, sizes):
    compress = COMPRESS[name]
    frames, capture = read(compress(OCTETS[:300]) + compress(b"") + compress(OCTETS[300:]) + bytes(8), sizes)
    assert frames == FRAMES
    assert (capture.compression, capture.format, capture.damage) == (name, "pcap", None)


@EACH
def test_pcapng(name):
    _, capture = read(COMPRESS[name](section()))
    assert (capture.compression, capture.format) == (name, "pcapng")


@EACH
def test_a_cut_at_every_octet_gives_the_good_prefix(name):
    """bzip2, zstd and lz4 give whole blocks, and this is one block; several members show the prefix."""
    members = [COMPRESS[name](OCTETS[start : start + 66]) for start in (0, *range(66, len(OCTETS), 66))]
    stored = b"".join(members)
    ends, seen = [], 0
    for number, member in enumerate(members, 1):
        seen += len(member)
        ends.append((seen, number))
    for end in range(len(members[0]), len(stored)):
        frames, capture = read(stored[:end])
        complete = max(number for edge, number in ends if edge <= end)
        whole = (66 * complete - 24) // 66
        assert len(frames) in (whole, whole + 1)
        assert frames == FRAMES[: len(frames)]
        if any(edge == end for edge, _ in ends):
            assert (
                capture.damage is None or capture.damage.offset == 24 + 66 * whole
            )  # no member more, but a cut record
        else:
            assert capture.damage is not None
            assert (capture.damage.rule, capture.damage.offset) == ("CAP01", 24 + 66 * len(frames))


@EACH
def test_what_follows_the_last_member_and_is_none_is_damage(name):
    frames, capture = read(COMPRESS[name](OCTETS) + b"\0\0junk, and more of it")
    assert frames == FRAMES
    needed = f"another {name} member or the end"
    assert capture.damage == Damage("CAP02", len(OCTETS), 12, needed, "octets 6a 75 6e 6b 2c 20 61 6e")


@EACH
def test_corrupt_data_keeps_what_lies_before_it(name):
    good = COMPRESS[name](OCTETS)
    bad = bytearray(COMPRESS[name](b"".join(RECORDS)))
    bad[len(bad) // 2] ^= 0x55
    frames, capture = read(good + bytes(bad))
    assert frames[: len(FRAMES)] == FRAMES
    assert capture.damage is not None
    assert (capture.damage.rule, capture.damage.needed) == ("CAP02", f"intact {name} data")


@EACH
def test_damage_in_the_middle_of_a_long_capture_loses_little(name):
    record = pcap_record(1, 0, random.Random(name).randbytes(1000))
    octets = pcap_header() + record * 3000
    stored = bytearray(COMPRESS[name](octets[:2_000_000])) + b"\xff" * 100
    frames, capture = read(bytes(stored))
    assert len(frames) == (2_000_000 - 24) // 1016
    assert capture.damage is not None


@EACH
def test_nested_compression_is_named_not_opened(name):
    for inner in COMPRESS:
        with pytest.raises(UnrecognisedFormat, match=f"found an? {inner} file inside {name}; decompress it first"):
            read(COMPRESS[name](COMPRESS[inner](OCTETS)))


@EACH
def test_the_suffix_says_nothing(name, tmp_path):
    path = tmp_path / "capture.txt"
    path.write_bytes(COMPRESS[name](OCTETS))
    with open_capture(str(path)) as capture:
        assert list(capture) == FRAMES


def test_zstd_files_of_pzstd_begin_with_a_skippable_frame():
    skippable = struct.pack("<II", 0x184D2A50, 4) + b"\1\2\3\4"
    frames, capture = read(skippable + COMPRESS["zstd"](OCTETS[:300]) + skippable + COMPRESS["zstd"](OCTETS[300:]))
    assert frames == FRAMES
    assert (capture.compression, capture.damage) == ("zstd", None)


@pytest.mark.parametrize(
    ("name", "package", "advice"),
    [
        ("lz4", "lz4.frame", "pip install 'pcapcheck[lz4]', or decompress it first"),
        ("bzip2", "bz2", "decompress it first"),
    ],
)
def test_a_missing_package_is_one_line_that_names_the_extra(name, package, advice, monkeypatch):
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(CaptureError) as raised:
        read(COMPRESS[name](OCTETS))
    assert str(raised.value) == f"-: at byte 0: needed a package that reads {name}, found none installed; {advice}"


@pytest.mark.parametrize("name", [name for name in COMPRESS if name != "lz4"])  # whose ratio has 255 as its bound
def test_a_bomb_stops_at_the_ratio_past_the_size(name, monkeypatch):
    """The real limits are 200-fold past 1 GiB: here the size is 1 MB."""
    monkeypatch.setattr(compression, "ANY_RATIO_UP_TO", 1_000_000)
    octets = pcap_header() + pcap_record(1, 0, bytes(100_000)) * 40
    frames, capture = read(COMPRESS[name](octets))
    assert 10 <= len(frames) < 40
    assert capture.damage is not None
    assert capture.damage.rule == "CAP02"
    assert capture.damage.needed.startswith("at most 200 octets out of each stored one")
    assert "--max-bytes" in capture.damage.found
    with open_capture("-", Pipe(COMPRESS[name](octets)), max_bytes=len(octets)) as allowed:
        assert len(list(allowed)) == 40
    assert allowed.damage is None


@pytest.mark.parametrize("wrap", [bytes, *COMPRESS.values()], ids=["plain", *COMPRESS])
@pytest.mark.parametrize("sizes", [[3], [1 << 16]])
def test_reading_stops_at_max_bytes_of_the_uncompressed_capture(wrap, sizes):
    for limit, whole in ((24, 0), (100, 1), (24 + 66 * 2, 2), (len(OCTETS) - 1, 11)):
        with open_capture("-", Pipe(wrap(OCTETS), sizes), max_bytes=limit) as capture:
            assert list(capture) == FRAMES[:whole]
        needed, found = "the rest of the capture", f"the limit --max-bytes {limit}"
        assert capture.damage == Damage("CAP01", 24 + 66 * whole, whole, needed, found)
    with open_capture("-", Pipe(wrap(OCTETS), sizes), max_bytes=len(OCTETS)) as capture:
        assert list(capture) == FRAMES
    assert capture.damage is None


def test_a_limit_inside_the_file_header_is_an_error():
    with pytest.raises(CaptureError, match="the limit --max-bytes 10"):
        open_capture("-", io.BytesIO(OCTETS), max_bytes=10)


def test_xz_that_wants_much_memory_is_refused():
    stored = bytearray(lzma.compress(OCTETS))
    assert stored[16] == 0x16  # 8 MiB of dictionary, in a block header with a checksum
    stored[16] = 0x24  # 1 GiB
    stored[20:24] = zlib.crc32(stored[12:20]).to_bytes(4, "little")
    with pytest.raises(UnrecognisedFormat, match="Memory usage limit exceeded"):
        read(bytes(stored))


def test_zstd_that_wants_much_memory_is_refused():
    frame_of_unknown_size = bytes((0, 30 - 10 << 3))  # the window descriptor: 2^30
    with pytest.raises(UnrecognisedFormat, match="too much memory"):
        read(b"\x28\xb5\x2f\xfd" + frame_of_unknown_size + b"\1\0\0" + bytes(20))
