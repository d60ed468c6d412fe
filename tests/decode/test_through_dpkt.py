"""IP and TCP headers: lengths, fragments, what a snaplen leaves, and checksums."""

from __future__ import annotations

import struct

import pytest
from dpkt.ip import IP
from dpkt.ip6 import IP6 as IPv6
from dpkt.tcp import TCP

from pcapcheck.decode.segment import (
    ACK,
    BAD,
    GOOD,
    NOT_CHECKED,
    OPTIONS_UNSEEN,
    PARTIAL,
    SYN,
    WINDOW_UNSEEN,
    Segment,
    Skip,
)
from pcapcheck.decode.through_dpkt import decode
from tests.decode.frames import (
    A4,
    A6,
    B4,
    B6,
    ETHERNET,
    IP4,
    IP6,
    RAW,
    SEGMENT4,
    SEGMENT6,
    authentication,
    decoded,
    decoded4,
    decoded6,
    ethernet,
    extension,
    fragment6,
    ip4,
    ip6,
    tcp,
)

OPTIONS = bytes.fromhex("020405b4 01030307")


def test_options_and_payload() -> None:
    expected = {"options": OPTIONS, "payload_length": 5}
    assert decoded4(tcp(b"hello", OPTIONS)) == SEGMENT4._replace(**expected)  # type: ignore[arg-type]
    assert decoded6(tcp(b"hello", OPTIONS)) == SEGMENT6._replace(**expected)  # type: ignore[arg-type]


@pytest.mark.parametrize("tcp_flags", [0, 0x001, 0x111, 0x100, 0xE00, 0xFFD])
def test_all_twelve_flag_bits(tcp_flags: int) -> None:
    assert decoded4(tcp(tcp_flags=tcp_flags)) == SEGMENT4._replace(tcp_flags=tcp_flags)


def test_octets_behind_the_ip_length_are_no_payload() -> None:
    assert decoded(ethernet(IP4, ip4(tcp(b"hi")) + b"\0" * 4)) == SEGMENT4._replace(payload_length=2)
    assert decoded(ethernet(IP6, ip6(tcp()) + b"trailer")) == SEGMENT6


def test_a_payload_that_the_snaplen_cut_has_its_whole_length() -> None:
    assert decoded4(tcp(bytes(1400)), cut=1400) == SEGMENT4._replace(payload_length=1400)
    assert decoded6(tcp(bytes(1400)), cut=1399) == SEGMENT6._replace(payload_length=1400)


@pytest.mark.parametrize(
    ("kept", "expected"),
    [
        (27, {"options": OPTIONS[:7], "unseen": OPTIONS_UNSEEN}),
        (20, {"options": b"", "unseen": OPTIONS_UNSEEN}),
        (16, {"options": b"", "unseen": OPTIONS_UNSEEN}),
        (15, {"options": b"", "unseen": OPTIONS_UNSEEN | WINDOW_UNSEEN, "window": 0}),
        (14, {"options": b"", "unseen": OPTIONS_UNSEEN | WINDOW_UNSEEN, "window": 0}),
    ],
)
def test_a_tcp_header_that_the_snaplen_cut(kept: int, expected: dict[str, object]) -> None:
    header = tcp(b"x" * 100, OPTIONS)
    cut = len(header) - kept
    segment = SEGMENT4._replace(payload_length=100, **expected)  # type: ignore[arg-type]
    assert decoded4(header, cut=cut) == segment
    assert decoded6(header, cut=cut) == segment._replace(src=A6, dst=B6, ip_id=-1)


def test_a_cut_header_without_options_lacks_none() -> None:
    assert decoded4(tcp(), cut=4) == SEGMENT4
    assert decoded4(tcp(), cut=6) == SEGMENT4._replace(unseen=WINDOW_UNSEEN, window=0)


@pytest.mark.parametrize("cut", range(7, 41))
def test_thirteen_octets_of_tcp_header_are_too_few(cut: int) -> None:
    assert decoded4(tcp(), cut=cut) is Skip.CUT_HEADER


@pytest.mark.parametrize("length", range(20))
def test_an_ip_length_without_room_for_a_tcp_header(length: int) -> None:
    assert decoded4(tcp(), total=20 + length) is Skip.BAD_HEADER
    if length:  # 0 stands for another thing in IPv6 too
        assert decoded6(tcp(), length=length) is Skip.BAD_HEADER


@pytest.mark.parametrize("total", [1, 19])
def test_an_ip_length_below_the_ip_header(total: int) -> None:
    assert decoded4(tcp(), total=total) is Skip.BAD_HEADER


@pytest.mark.parametrize("first", [0x40, 0x44, 0x65, 0x05])
def test_a_bad_version_or_header_length(first: int) -> None:
    assert decoded4(tcp(), first=first) is Skip.BAD_HEADER


def test_an_ip_header_length_past_the_total_length() -> None:
    assert decoded4(tcp(), first=0x4B) is Skip.BAD_HEADER
    assert decoded4(bytes(8), 17, first=0x48) is Skip.BAD_HEADER


def test_an_ip_header_length_past_the_captured_octets() -> None:
    assert decoded4(tcp(), options=bytes(40), cut=21) is Skip.CUT_HEADER


def test_segmentation_offload_leaves_the_ip_length_to_the_card() -> None:
    payload = bytes(70000)
    assert decoded4(tcp(payload), total=0) == SEGMENT4._replace(payload_length=70000)
    assert decoded4(tcp(payload, OPTIONS), total=0, cut=70000) == SEGMENT4._replace(
        payload_length=70000, options=OPTIONS
    )
    assert decoded6(tcp(payload), length=0) == SEGMENT6._replace(payload_length=70000)
    assert decoded6(tcp(payload), length=0, cut=69990) == SEGMENT6._replace(payload_length=70000)
    assert decoded6(extension(6) + tcp(payload), 0, length=0) == SEGMENT6._replace(payload_length=70000)


def test_an_original_length_below_the_captured_one_is_not_believed() -> None:
    assert decode(RAW, ip4(tcp(b"abc"), total=0), 0) == SEGMENT4._replace(payload_length=3)


@pytest.mark.parametrize("padding", [b"", b"\x01\0", b"\0", b"\0\x01\x01\0"])
def test_a_jumbogram(padding: bytes) -> None:
    jumbo = extension(6, (padding + struct.pack(">BBI", 0xC2, 4, 80028)).ljust(14, b"\0"))
    frame = ethernet(IP6, ip6(jumbo + tcp(bytes(79992)), 0, length=0))
    assert decoded(frame + b"trailer") == SEGMENT6._replace(payload_length=79992)
    assert decoded(frame, cut=79000) == SEGMENT6._replace(payload_length=79992)


def test_ip_options() -> None:
    assert decoded4(tcp(b"x"), options=b"\x94\x04\0\0") == SEGMENT4._replace(payload_length=1)
    assert decoded4(tcp(b"x"), options=bytes(40)) == SEGMENT4._replace(payload_length=1)


@pytest.mark.parametrize(
    ("fragment", "expected"),
    [
        (0x2000, SEGMENT4),
        (0x8000, SEGMENT4),  # the reserved bit
        (0x0001, Skip.FRAGMENT),
        (0x3FFF, Skip.FRAGMENT),
    ],
)
def test_ip4_fragments(fragment: int, expected: Segment | Skip) -> None:
    assert decoded4(tcp(), fragment=fragment) == expected


@pytest.mark.parametrize(
    ("protocol", "headers"),
    [
        (0, extension(6)),
        (43, extension(6, bytes(22))),
        (60, extension(6)),
        (44, fragment6(6)),
        (44, fragment6(6, more=True)),
        (51, authentication(6)),
        (135, extension(6)),
        (60, extension(0) + extension(6)),
        (0, extension(60) + extension(43) + extension(44) + fragment6(51) + authentication(60) + extension(6)),
    ],
)
def test_ip6_extension_headers_in_any_order(protocol: int, headers: bytes) -> None:
    assert decoded6(headers + tcp(b"four"), protocol) == SEGMENT6._replace(payload_length=4)


@pytest.mark.parametrize(
    ("protocol", "payload", "cut", "reason"),
    [
        (44, fragment6(6, offset=1) + tcp(), 0, Skip.FRAGMENT),
        (59, tcp(), 0, Skip.NOT_TCP),
        (0, extension(59) + tcp(), 0, Skip.NOT_TCP),
        (0, extension(50) + tcp(), 0, Skip.ENCRYPTED),
        (0, extension(55) + tcp(), 0, Skip.TUNNEL),
        (0, extension(6, bytes(2046)) + b"", 2040, Skip.BAD_HEADER),
        (0, b"\x06\x09" + bytes(30), 0, Skip.BAD_HEADER),  # runs over the end
        (0, b"\x06\0\0\0", 0, Skip.BAD_HEADER),
        (0, b"\x3b\x09" + bytes(30), 0, Skip.BAD_HEADER),
        (44, fragment6(6, offset=1)[:4], 0, Skip.BAD_HEADER),
        (51, b"\x06\0" + bytes(6) + tcp(), 0, Skip.BAD_HEADER),
        (0, extension(6) + tcp(), 25, Skip.CUT_HEADER),
        (0, extension(6) + tcp(), 15, Skip.CUT_HEADER),
    ],
)
def test_ip6_without_a_segment(protocol: int, payload: bytes, cut: int, reason: Skip) -> None:
    assert decoded6(payload, protocol, cut=cut) is reason


def test_ip4_behind_an_authentication_header() -> None:
    assert decoded4(authentication(6) + tcp(b"x"), 51) == SEGMENT4._replace(payload_length=1)
    assert decoded4(extension(6) + tcp(), 0) is Skip.NOT_TCP  # an extension header of IPv6 only


@pytest.mark.parametrize("data_offset", [1, 4, 6, 15])
def test_a_data_offset_out_of_bounds(data_offset: int) -> None:
    assert decoded4(tcp(data_offset=data_offset)) is Skip.BAD_HEADER


# dpkt fills in the checksums of these: a source of truth other than the code under test.
SUMMED4 = bytes(IP(src=A4, dst=B4, p=6, data=TCP(sport=40000, dport=443, flags=SYN, data=b"odd")))
SUMMED6 = bytes(IPv6(src=A6, dst=B6, nxt=6, plen=23, data=TCP(sport=40000, dport=443, flags=SYN, data=b"odd")))


def checksum_of(frame: bytes, cut: int = 0, link_type: int = RAW) -> int:
    segment = decoded(frame, link_type, cut)
    assert isinstance(segment, Segment)
    return segment.checksum


@pytest.mark.parametrize("frame", [SUMMED4, SUMMED6])
def test_the_checksum_of_a_syn(frame: bytes) -> None:
    assert checksum_of(frame) == GOOD
    assert checksum_of(ethernet(IP4 if len(frame) == 43 else IP6, frame + b"pad"), link_type=ETHERNET) == GOOD
    assert checksum_of(frame[:-1] + b"!") == BAD
    assert checksum_of(frame, cut=1) == NOT_CHECKED


def test_the_pseudo_headers_sum_is_left_for_the_card() -> None:
    # 192.0.2.1 + 198.51.100.2 + protocol 6 + length 23, folded.
    partial = 0xC000 + 0x0201 + 0xC633 + 0x6402 + 6 + 23
    field = (partial & 0xFFFF) + (partial >> 16)
    assert checksum_of(SUMMED4[:36] + struct.pack(">H", field) + SUMMED4[38:]) == PARTIAL
    assert checksum_of(SUMMED4[:36] + struct.pack(">H", field ^ 0xFFFF) + SUMMED4[38:]) == BAD


def test_only_a_syn_is_checked() -> None:
    assert checksum_of(SUMMED4[:33] + bytes([ACK]) + SUMMED4[34:]) == NOT_CHECKED
    assert checksum_of(SUMMED4[:33] + bytes([SYN | ACK]) + SUMMED4[34:]) == BAD


def test_what_hides_the_addresses_of_the_checksum_is_not_judged() -> None:
    segment4, segment6 = SUMMED4[20:], SUMMED6[40:]
    assert checksum_of(ip4(segment4, options=b"\x94\x04\0\0")) == GOOD
    assert checksum_of(ip4(segment4, options=b"\x83\x07\x04" + B4 + b"\0")) == NOT_CHECKED
    assert checksum_of(ip4(authentication(6) + segment4, 51)) == GOOD
    assert checksum_of(ip6(extension(6) + segment6, 0)) == GOOD
    assert checksum_of(ip6(fragment6(6) + segment6, 44)) == GOOD
    assert checksum_of(ip6(extension(6) + segment6, 43)) == NOT_CHECKED
    assert checksum_of(ip6(extension(0) + extension(6) + segment6, 60)) == NOT_CHECKED


@pytest.mark.parametrize(
    "frame",
    [
        ip4(SUMMED4[20:], fragment=0x2000),
        ip4(authentication(6) + SUMMED4[20:], 51, fragment=0x2000),
        ip6(fragment6(6, more=True) + SUMMED6[40:], 44),
        ip4(tcp()[:16], fragment=0x2000),
        ip4(tcp(options=bytes(8))[:24], fragment=0x2000),
        ip6(fragment6(60, more=True) + extension(6), 44),
    ],
)
def test_a_first_fragment_with_a_syn_or_without_the_whole_header_is_left_to_be_put_together(frame: bytes) -> None:
    assert decoded(frame, RAW) is Skip.FRAGMENT
