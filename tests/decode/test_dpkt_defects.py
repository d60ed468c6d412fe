"""What dpkt 1.9.8 gets wrong or raises on: each is tried on dpkt itself, then on the decoder that goes through it.

The first half of each test fails on the day when dpkt mends the defect: then the check around it may go.
"""

from __future__ import annotations

import struct

import pytest
from dpkt.ethernet import Ethernet
from dpkt.icmp import ICMP
from dpkt.ip import IP
from dpkt.ip6 import IP6 as IPv6
from dpkt.loopback import Loopback
from dpkt.radiotap import Radiotap
from dpkt.tcp import TCP, parse_opts

from pcapcheck.decode.options import parse_options
from pcapcheck.decode.segment import AE, SYN, Skip
from tests.decode.frames import (
    IP4,
    IP6,
    NULL,
    SEGMENT4,
    SEGMENT6,
    decoded,
    decoded4,
    decoded6,
    ethernet,
    extension,
    fragment6,
    icmp,
    ip4,
    ip6,
    tcp,
)


def test_fragment_header_before_another_extension_header_raises() -> None:
    payload = fragment6(60) + extension(6) + tcp()
    with pytest.raises(AttributeError):
        IPv6(ip6(payload, 44))
    assert decoded6(payload, 44) == SEGMENT6


def test_later_fragment_behind_another_extension_header_is_taken_as_tcp() -> None:
    payload = extension(44) + fragment6(6, offset=185) + bytes(64).replace(b"\0", b"\x66")
    assert isinstance(IPv6(ip6(payload, 60)).data, TCP)
    assert decoded6(payload, 60) is Skip.FRAGMENT


def test_mpls_label_at_the_end_raises() -> None:
    frame = ethernet(0x8847, b"\0\x01\x01\x40")
    with pytest.raises(IndexError):
        Ethernet(frame)
    assert decoded(frame) is Skip.CUT_HEADER


def test_cut_radiotap_raises() -> None:
    header = b"\0\0\x08\0\xff\xff\xff\xff"
    with pytest.raises(IndexError):
        Radiotap(header)
    assert decoded(header, 127) is Skip.CUT_HEADER


def test_version_nibble_is_not_looked_at() -> None:
    assert isinstance(IP(ip4(tcp(), first=0x65)).data, TCP)
    assert decoded4(tcp(), first=0x65) is Skip.BAD_HEADER


def test_data_offset_past_the_end_is_accepted() -> None:
    assert IP(ip4(tcp(data_offset=15))).data.off == 15
    assert decoded4(tcp(data_offset=15)) is Skip.BAD_HEADER


def test_cut_tcp_header_is_left_as_octets() -> None:
    frame = ip4(tcp())[:36]
    assert isinstance(IP(frame).data, bytes)
    assert decoded4(tcp(), cut=4) == SEGMENT4


def test_length_zero_takes_padding_as_payload() -> None:
    # With the length left to the card the frame is as long as its segment: the wire length tells, not the octets.
    frame = ethernet(IP4, ip4(tcp(b"payload"), total=0))
    assert len(Ethernet(frame + b"\0" * 9).data.data.data) == 16
    assert decoded(frame, cut=7) == SEGMENT4._replace(payload_length=7)


def test_ip_header_length_past_the_total_length_is_accepted() -> None:
    assert len(IP(ip4(tcp(), first=0x4F)).opts) == 20
    assert decoded4(tcp(), first=0x4F) is Skip.BAD_HEADER


def test_over_long_option_is_accepted() -> None:
    octets = b"\x02\x0a\x05\xb4"
    assert parse_opts(octets) == [(2, b"\x05\xb4")]
    assert parse_options(octets).mss == -1
    assert parse_options(octets).faults == ("kind 2 has length 10",)


def test_option_without_a_length_becomes_none() -> None:
    assert None in parse_opts(b"\x01\x01\x01\x02")
    assert parse_options(b"\x01\x01\x01\x02").faults == ("kind 2 has no length",)


def test_third_vlan_tag_hides_the_outer_ones() -> None:
    frame = ethernet(IP6, ip6(tcp()), (0x88A8, 1), (0x8100, 2), (0x8100, 3))
    assert Ethernet(frame).vlanid == 3
    assert decoded(frame) == SEGMENT6._replace(vlan=1)


def test_five_vlan_tags_are_too_many() -> None:
    frame = ethernet(IP4, ip4(tcp()), *((0x8100, vlan) for vlan in range(1, 6)))
    assert isinstance(Ethernet(frame).data, bytes)
    assert decoded(frame) == SEGMENT4._replace(vlan=1)


def test_type_between_length_and_ethertype_is_taken_as_ethernet_ii() -> None:
    frame = ethernet(1501, b"\xaa\xaa\x03\0\0\0\x08\0" + ip4(tcp()))
    assert isinstance(Ethernet(frame).data, bytes)
    assert decoded(frame) is Skip.NOT_IP


def test_loopback_of_an_unknown_family_is_parsed_as_ethernet() -> None:
    frame = struct.pack("<I", 7) + ethernet(IP4, ip4(tcp()))
    assert isinstance(Loopback(frame).data, Ethernet)
    assert decoded(frame, NULL) is Skip.NOT_IP


def test_reserved_flags_are_left_out() -> None:
    header = tcp(tcp_flags=0xE00 | AE)
    assert TCP(header).flags == AE
    assert decoded4(header) == SEGMENT4._replace(tcp_flags=0xE00 | AE)


def test_parameter_problem_has_no_quote() -> None:
    message = icmp(12, 0, ip4(tcp(tcp_flags=SYN)))
    assert isinstance(ICMP(message).data, bytes)
    error = decoded4(message, 1)
    assert not isinstance(error, Skip)
    assert (error.src_port, error.seq) == (40000, 0xFFFFFFF0)
