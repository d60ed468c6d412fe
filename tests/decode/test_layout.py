"""Every link type and every way to IP, and the reason for each frame that does not lead there."""

from __future__ import annotations

import struct

import pytest

from pcapcheck.decode.segment import Segment, Skip
from tests.decode.frames import (
    ETHERNET,
    IP4,
    IP6,
    LOOP,
    NULL,
    RAW,
    SEGMENT4,
    SEGMENT6,
    SLL,
    SLL2,
    decoded,
    decoded4,
    decoded6,
    ethernet,
    ip4,
    ip6,
    tcp,
)

FOUR, SIX = ip4(tcp()), ip6(tcp())
SNAP = b"\xaa\xaa\x03\0\0\0"


def sll(protocol: int, payload: bytes) -> bytes:
    return struct.pack(">HHH8sH", 0, 1, 6, bytes(8), protocol) + payload


def sll2(protocol: int, payload: bytes) -> bytes:
    return struct.pack(">HHIHBB8s", protocol, 0, 3, 1, 0, 6, bytes(8)) + payload


@pytest.mark.parametrize(
    ("link_type", "frame", "expected"),
    [
        (ETHERNET, ethernet(IP4, FOUR), SEGMENT4),
        (ETHERNET, ethernet(IP6, SIX), SEGMENT6),
        (ETHERNET, ethernet(IP4, FOUR, (0x8100, 7)), SEGMENT4._replace(vlan=7)),
        (ETHERNET, ethernet(IP6, SIX, (0x88A8, 7), (0x8100, 8)), SEGMENT6._replace(vlan=7)),
        (ETHERNET, ethernet(IP4, FOUR, (0x9100, 4095), (0x9200, 2), (0x8100, 1)), SEGMENT4._replace(vlan=4095)),
        (ETHERNET, ethernet(IP4, FOUR, *[(0x8100, 0)] * 9), SEGMENT4._replace(vlan=0)),
        (ETHERNET, ethernet(8 + len(FOUR), SNAP + b"\x08\0" + FOUR), SEGMENT4),
        (ETHERNET, ethernet(8 + len(SIX), SNAP + b"\x86\xdd" + SIX, (0x8100, 7)), SEGMENT6._replace(vlan=7)),
        (ETHERNET, ethernet(3 + len(FOUR), b"\x06\x06\x03" + FOUR), SEGMENT4),
        *[(raw, FOUR, SEGMENT4) for raw in (12, 14, 101)],
        *[(raw, SIX, SEGMENT6) for raw in (12, 14, 101)],
        (228, FOUR, SEGMENT4),
        (229, SIX, SEGMENT6),
        (NULL, b"\x02\0\0\0" + FOUR, SEGMENT4),
        (NULL, b"\0\0\0\x02" + FOUR, SEGMENT4),
        *[(NULL, struct.pack("<I", family) + SIX, SEGMENT6) for family in (10, 24, 28, 30)],
        *[(NULL, struct.pack(">I", family) + SIX, SEGMENT6) for family in (10, 24, 28, 30)],
        (LOOP, b"\0\0\0\x02" + FOUR, SEGMENT4),
        (LOOP, b"\0\0\0\x1e" + SIX, SEGMENT6),
        (SLL, sll(IP4, FOUR), SEGMENT4),
        (SLL, sll(0x8100, struct.pack(">HH", 7, IP6) + SIX), SEGMENT6._replace(vlan=7)),
        (SLL, sll(4, SNAP + b"\x08\0" + FOUR), SEGMENT4),
        (SLL2, sll2(IP4, FOUR), SEGMENT4),
        (SLL2, sll2(IP6, SIX), SEGMENT6),
    ],
)
def test_every_way_to_a_segment(link_type: int, frame: bytes, expected: Segment) -> None:
    assert decoded(frame, link_type) == expected


@pytest.mark.parametrize(
    ("link_type", "frame", "reason"),
    [
        (147, FOUR, Skip.USER_LINK_TYPE),
        (162, FOUR, Skip.USER_LINK_TYPE),
        (9999, FOUR, Skip.UNKNOWN_LINK_TYPE),
        (-1, FOUR, Skip.UNKNOWN_LINK_TYPE),
        (ETHERNET, ethernet(0x0806, bytes(28)), Skip.NOT_IP),
        (ETHERNET, ethernet(0x88CC, FOUR), Skip.NOT_IP),
        (ETHERNET, ethernet(0x8863, FOUR), Skip.NOT_IP),
        (ETHERNET, ethernet(1501, SNAP + b"\x08\0" + FOUR), Skip.NOT_IP),  # neither a length nor a type
        (ETHERNET, ethernet(8, b"\xaa\xaa\x03\0\0\x0c\x08\0" + FOUR), Skip.NOT_IP),  # a type of Cisco's own
        (ETHERNET, ethernet(38, b"\x42\x42\x03" + bytes(35)), Skip.NOT_IP),  # spanning tree
        (ETHERNET, ethernet(0x88E5, b"\x2c\0" + bytes(50)), Skip.ENCRYPTED),
        (ETHERNET, b"", Skip.CUT_HEADER),
        (ETHERNET, bytes(12) + b"\x08", Skip.CUT_HEADER),
        (ETHERNET, ethernet(0x8100, b"\0\x07\x08"), Skip.CUT_HEADER),
        (ETHERNET, ethernet(50, SNAP + b"\x08"), Skip.CUT_HEADER),
        (ETHERNET, ethernet(50, b"\xaa"), Skip.CUT_HEADER),
        (ETHERNET, ethernet(IP4, b""), Skip.CUT_HEADER),
        (RAW, b"", Skip.CUT_HEADER),
        (RAW, b"\x50" + FOUR[1:], Skip.NOT_IP),
        (NULL, b"\x02\0\0", Skip.CUT_HEADER),
        (NULL, b"\x03\0\0\0" + FOUR, Skip.NOT_IP),
        (LOOP, b"\x07\0\0\0" + FOUR, Skip.NOT_IP),
        (SLL, sll(0x0001, SNAP + b"\x08\0" + FOUR), Skip.NOT_IP),
        (SLL, sll(0x000C, FOUR), Skip.NOT_IP),
        (SLL, sll(IP4, b"")[:15], Skip.CUT_HEADER),
        (SLL2, sll2(0x0806, bytes(28)), Skip.NOT_IP),
        (SLL2, sll2(IP4, b"")[:19], Skip.CUT_HEADER),
        (228, SIX, Skip.BAD_HEADER),
        (ETHERNET, ethernet(IP6, FOUR), Skip.BAD_HEADER),
    ],
)
def test_the_reason_for_a_frame_without_ip(link_type: int, frame: bytes, reason: Skip) -> None:
    assert decoded(frame, link_type) is reason


@pytest.mark.parametrize("protocol", [55, 98])
def test_a_tunnel_that_is_not_opened_is_counted_as_one(protocol: int) -> None:
    assert decoded4(FOUR, protocol) is Skip.TUNNEL
    assert decoded6(FOUR, protocol) is Skip.TUNNEL


@pytest.mark.parametrize(("protocol", "reason"), [(50, Skip.ENCRYPTED), (17, Skip.NOT_TCP), (132, Skip.NOT_TCP)])
def test_other_protocols(protocol: int, reason: Skip) -> None:
    assert decoded4(bytes(40), protocol) is reason
    assert decoded6(bytes(40), protocol) is reason
