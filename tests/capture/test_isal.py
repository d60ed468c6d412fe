"""gzip through isal, and through zlib from where isal met damage: the same octets come out as with zlib alone."""

from __future__ import annotations

import gzip
import io
import random
import sys

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pcapcheck.capture import compression
from pcapcheck.capture.compression import Unpacked, compression_of
from pcapcheck.capture.sources import StoredFile
from tests.capture.build_captures import Pieces, Pipe, pcap_record, piece_sizes

pytest.importorskip("isal", reason="isal has no wheel for this machine")

RECORDS = [pcap_record(n, 0, random.Random(n).randbytes(50)) for n in range(12)]
OCTETS = b"".join(RECORDS) * 2


def unpacked_by(file, package):
    """All that comes out of a file, and the fault at its end."""
    with pytest.MonkeyPatch.context() as without:
        if package == "zlib":
            without.setitem(sys.modules, "isal.igzip_lib", None)
        unpacked = Unpacked(StoredFile(file, owned=False), b"", compression_of(b"\x1f\x8b"))
    octets = b""
    while piece := unpacked.read(100):
        octets += piece
    return octets, unpacked.fault


@given(st.integers(0, 3000), st.integers(0, 7), st.sampled_from([0, 1, 9]), piece_sizes)
@example(859, 4, 9, [7, 45, 2, 1, 46])
def test_damage_costs_the_same_octets_with_isal_as_with_zlib(position, bit, level, sizes):
    stored = bytearray(gzip.compress(OCTETS, level))
    stored[position % len(stored)] ^= 1 << bit
    with_isal, with_zlib = (unpacked_by(Pieces(bytes(stored), sizes), package) for package in ("isal", "zlib"))
    if with_isal[1] is None:  # flags or codes that zlib objects to and that nothing needs: the check sum is right
        assert with_isal[0] == OCTETS
    elif "invalid distances set" in with_zlib[1].found:  # zlib stops at a code that is not whole, isal where it is used
        assert with_isal[0].startswith(with_zlib[0])
    else:
        assert with_isal[0] == with_zlib[0]
        # Of a check sum that is cut, isal says so, and zlib that it is wrong.
        assert with_isal[1] == with_zlib[1] or with_isal[1].rule == "CAP01"


def test_isal_takes_what_can_be_read_again_and_zlib_the_rest(monkeypatch):
    stored = gzip.compress(OCTETS)

    def inflate():
        raise AssertionError("zlib")

    monkeypatch.setattr(compression, "_Inflate", inflate)
    assert unpacked_by(Pieces(stored), "isal") == (OCTETS, None)
    for source, package in ((Pipe, "isal"), (Pieces, "zlib")):
        with pytest.raises(AssertionError, match="zlib"):
            unpacked_by(source(stored), package)


def test_of_several_members_only_the_damaged_one_is_read_again(monkeypatch):
    whole, damaged = gzip.compress(OCTETS), gzip.compress(RECORDS[0] * 99, 0)[:-1] + b"\xff"
    file = io.BytesIO(b"read before" + whole + damaged)
    file.seek(11)  # as a shell leaves a standard input
    offsets, rewind = [], StoredFile.rewind
    monkeypatch.setattr(StoredFile, "rewind", lambda file, offset: offsets.append(offset) or rewind(file, offset))
    octets, fault = unpacked_by(file, "isal")
    assert octets == OCTETS + RECORDS[0] * 99
    assert "incorrect length check" in fault.found
    assert offsets == [len(whole)]


def test_where_the_file_cannot_be_read_again_after_all_the_damage_is_named_all_the_same():
    class Gone(Pieces):
        def seek(self, offset, whence=0):
            raise OSError(5, "gone")

    stored = gzip.compress(OCTETS)[:-8] + bytes(8)
    octets, fault = unpacked_by(Gone(stored), "isal")
    assert OCTETS.startswith(octets)
    assert fault.needed == "intact gzip data"
