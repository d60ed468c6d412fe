"""Options read strictly: what is right, and every fault by its words."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pcapcheck.decode.options import Options, parse_options

LINUX_SYN = bytes.fromhex("020405b4 0402 080a 0000000a 0000000b 01 030307")
BLOCK = bytes.fromhex("00000001 fffffffe")


@pytest.mark.parametrize(
    ("octets", "expected"),
    [
        (b"", Options()),
        (LINUX_SYN, Options(mss=1460, sack_permitted=True, tsval=10, tsecr=11, wscale=7)),
        (b"\x02\x04\0\0", Options(mss=0)),
        (b"\x03\x03\xff\0", Options(wscale=255)),
        (b"\x01\x01\x05\x0a" + BLOCK, Options(sack=((1, 0xFFFFFFFE),))),
        (b"\x01\x01\x05\x22" + BLOCK * 4, Options(sack=((1, 0xFFFFFFFE),) * 4)),
        (b"\x22\x02\x01\x01", Options(fast_open=0)),
        (b"\x22\x0a" + bytes(8), Options(fast_open=8)),
        (b"\xfe\x04\xf9\x89", Options(fast_open=0)),
        (b"\xfd\x0c\xf9\x89" + bytes(8), Options(fast_open=8)),
        (b"\xfe\x06\xe2\xd4\0\0", Options()),
        (b"\x1e\x04\x01\x81", Options(mptcp=0)),
        (b"\x1e\x0c\x10\0" + bytes(8), Options(mptcp=1)),
        (b"\x1e\x04\x21\0\x1e\x03\x50\0", Options(mptcp=2)),
        (b"\x13\x12" + bytes(16), Options(md5=True)),
        (b"\x1d\x10\x01\x02" + bytes(12), Options(ao=True)),
        (b"\xac\x0b" + bytes(9) + b"\0", Options()),
        (b"\x45\x04ab", Options()),  # a kind that nobody has assigned
        (b"\0\0\0\0", Options()),
        (b"\x01\x01\x01\x01", Options()),
    ],
)
def test_right_options(octets: bytes, expected: Options) -> None:
    assert parse_options(octets) == expected


@pytest.mark.parametrize(
    ("octets", "expected"),
    [
        (b"\x02\0\x05\xb4", Options(faults=("kind 2 has length 0",))),
        (b"\x45\x01ab", Options(faults=("kind 69 has length 1",))),
        (b"\x02\x03\x05\x01", Options(faults=("kind 2 has length 3",))),
        (b"\x03\x04\x07\x07\x02\x04\x05\xb4", Options(mss=1460, faults=("kind 3 has length 4",))),
        (b"\x04\x03\0\x01", Options(faults=("kind 4 has length 3",))),
        (b"\x05\x02\x01\x01", Options(faults=("kind 5 has length 2",))),
        (b"\x08\x02\x01\x01", Options(faults=("kind 8 has length 2",))),
        (b"\x22\x05abc\x01\x01\x01", Options(faults=("kind 34 has length 5",))),
        (b"\x22\x04ab", Options(faults=("kind 34 has length 4",))),
        (b"\x1e\x02\x01\x01", Options(faults=("kind 30 has length 2",))),
        (b"\x45\x29" + bytes(38), Options(faults=("kind 69 has length 41",))),
        (b"\x01\x01\x01\x02", Options(faults=("kind 2 has no length",))),
        (b"\x02\x04\x05", Options(faults=("kind 2 has length 4, but only 3 octets are left",))),
        (b"\0\0\0\x01", Options(faults=("octets after the end of the list are not zero",))),
        (b"\0\x02\x04\x05\xb4\0\0\0", Options(faults=("octets after the end of the list are not zero",))),
        (b"\x02\x04\x05\xb4\x02\x04\x02\x18", Options(mss=536, faults=("kind 2 is repeated",))),
        (b"\x45\x04ab\x45\x04cd", Options(faults=("kind 69 is repeated",))),
    ],
)
def test_faults(octets: bytes, expected: Options) -> None:
    assert parse_options(octets) == expected


@pytest.mark.parametrize("kept", range(len(LINUX_SYN)))
def test_options_that_the_snaplen_cut_have_no_faults(kept: int) -> None:
    options = parse_options(LINUX_SYN[:kept], complete=False)
    assert options == Options(
        mss=1460 if kept >= 4 else -1,
        sack_permitted=kept >= 6,
        tsval=10 if kept >= 16 else -1,
        tsecr=11 if kept >= 16 else -1,
    )


def test_a_wrong_length_is_a_fault_also_where_it_is_cut() -> None:
    assert parse_options(b"\x02\x05", complete=False).faults == ("kind 2 has length 5",)


@given(st.binary(max_size=44), st.booleans())
def test_any_octets_are_read(octets: bytes, complete: bool) -> None:
    options = parse_options(octets, complete)
    assert -1 <= options.mss <= 0xFFFF
    assert -1 <= options.wscale <= 0xFF
    assert len(options.sack) <= 4


@given(st.binary(max_size=40))
def test_cut_options_show_no_fault_that_whole_ones_lack(octets: bytes) -> None:
    cut, whole = parse_options(octets, complete=False), parse_options(octets)
    assert cut._replace(faults=()) == whole._replace(faults=())
    assert set(cut.faults) <= set(whole.faults)
    assert len(whole.faults) - len(cut.faults) <= 1
