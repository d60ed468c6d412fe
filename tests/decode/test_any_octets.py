"""The decoder on any octets whatsoever, and on random right frames that dpkt packs."""

from __future__ import annotations

import struct

import pytest
from dpkt.ip import IP
from dpkt.ip6 import IP6 as IPv6
from dpkt.tcp import TCP
from hypothesis import given, settings
from hypothesis import strategies as st

from pcapcheck.decode.layout import EXTENSION_HEADERS
from pcapcheck.decode.link_layers import VLAN_TAGS
from pcapcheck.decode.numbers import ETHERTYPES, IP6_PROTOCOLS, LINK_TYPES
from pcapcheck.decode.segment import GOOD, NOT_CHECKED, SYN, IcmpError, Segment, Skip
from pcapcheck.decode.through_dpkt import decode
from tests.decode.frames import ETHERNET, IP4, IP6, RAW, ethernet, extension, fragment6, icmp, ip4, ip6, tcp

PORT, NUMBER = st.integers(0, 0xFFFF), st.integers(0, 0xFFFFFFFF)


def well_formed(found: Segment | IcmpError | Skip, data: bytes, original_length: int) -> None:
    if isinstance(found, Skip):
        return
    assert len(found.src) == len(found.dst) in (4, 16)
    assert -1 <= found.vlan <= 4095
    assert (found.ip_id == -1) == (len(found.src) == 16)
    if isinstance(found, Segment):
        assert 0 <= found.payload_length < max(original_length, len(data), 2**32)
        assert len(found.options) <= 40
        assert 0 <= found.tcp_flags <= 0xFFF


@pytest.mark.parametrize("link_type", [*LINK_TYPES, 147])
@given(data=st.binary(max_size=120), original_length=st.integers(0, 70000))
def test_any_octets_decode(link_type: int, data: bytes, original_length: int) -> None:
    well_formed(decode(link_type, data, original_length), data, original_length)


# Octets that mean something somewhere: they lead far deeper than random ones.
MEANT = st.sampled_from(
    [
        *(struct.pack(">H", ethertype) for ethertype in (*ETHERTYPES, *VLAN_TAGS, 8)),
        *(bytes([protocol, 0]) for protocol in (6, 1, 58, *EXTENSION_HEADERS, *IP6_PROTOCOLS)),
        *(b"\x45\0\0\x28", b"\x46\0\0\0", b"\x60\0\0\0", b"\x50\x02", b"\x01\x00", b"\xaa\xaa\x03\0\0\0"),
    ]
)


@settings(max_examples=500)
@given(
    frame=st.sampled_from(
        [
            ethernet(IP4, ip4(tcp(b"x", bytes(8)), options=bytes(4)), (0x8100, 1)),
            ethernet(IP4, ip4(icmp(3, 1, ip4(tcp())), 1)),
            ethernet(IP6, ip6(icmp(1, 4, ip6(fragment6(60) + extension(6) + tcp(), 44)), 58)),
            ethernet(IP6, ip6(extension(43) + extension(44) + fragment6(51) + bytes(16) + tcp(), 0)),
            ethernet(IP6, ip6(extension(6, b"\xc2\x04\0\x01\x11\x70") + tcp(), 0, length=0)),
        ]
    ),
    changes=st.lists(st.tuples(st.integers(0, 150), MEANT | st.binary(min_size=1, max_size=3)), max_size=6),
    kept=st.integers(0, 200),
    original_length=st.integers(0, 70000),
)
def test_right_frames_with_some_octets_changed_decode(
    frame: bytes, changes: list[tuple[int, bytes]], kept: int, original_length: int
) -> None:
    data = bytearray(frame)
    for at, octets in changes:
        data[at : at + len(octets)] = octets
    cut = bytes(data[:kept])
    well_formed(decode(ETHERNET, cut, original_length), cut, original_length)
    for link_type, start in ((RAW, 14), (228, 14), (229, 14), (0, 10), (108, 10)):
        well_formed(decode(link_type, cut[start:], original_length), cut, original_length)


@given(
    ports=st.tuples(PORT, PORT),
    numbers=st.tuples(NUMBER, NUMBER),
    tcp_flags=st.integers(0, 0xFFF),
    window=PORT,
    options=st.integers(0, 10).flatmap(lambda words: st.binary(min_size=4 * words, max_size=4 * words)),
    payload=st.binary(max_size=40),
    six=st.booleans(),
    padding=st.integers(0, 20),
    data=st.data(),
)
def test_what_dpkt_packs_comes_back(
    ports: tuple[int, int],
    numbers: tuple[int, int],
    tcp_flags: int,
    window: int,
    options: bytes,
    payload: bytes,
    six: bool,
    padding: int,
    data: st.DataObject,
) -> None:
    size = 16 if six else 4
    addresses = st.binary(min_size=size, max_size=size)
    src, dst = data.draw(addresses), data.draw(addresses)
    packed = TCP(sport=ports[0], dport=ports[1], seq=numbers[0], ack=numbers[1], win=window, opts=options, data=payload)
    packed._off_flags = (5 + len(options) // 4) << 12 | tcp_flags
    datagram = (
        IPv6(src=src, dst=dst, nxt=6, hlim=9, plen=len(packed), _v_fc_flow=6 << 28 | 3 << 20, data=packed)
        if six
        else IP(src=src, dst=dst, p=6, ttl=9, id=77, tos=3, data=packed)
    )
    frame = ethernet(IP6 if six else IP4, bytes(datagram)) + bytes(padding)
    assert decode(ETHERNET, frame, len(frame)) == Segment(
        src=src,
        dst=dst,
        src_port=ports[0],
        dst_port=ports[1],
        seq=numbers[0],
        ack=numbers[1],
        tcp_flags=tcp_flags,
        window=window,
        payload_length=len(payload),
        ttl=9,
        ip_id=-1 if six else 77,
        ecn=3,
        options=options,
        unseen=0,
        checksum=GOOD if tcp_flags & SYN else NOT_CHECKED,
        vlan=-1,
        tunnel="",
        tenant=0,
    )
