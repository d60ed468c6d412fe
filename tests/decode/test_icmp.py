"""ICMP and ICMPv6 errors: the segment that they quote, and which ICMP is none."""

from __future__ import annotations

import pytest

from pcapcheck.decode.segment import IcmpError, Skip
from tests.decode.frames import (
    A4,
    A6,
    B4,
    B6,
    IP4,
    IP6,
    ROUTER4,
    ROUTER6,
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

ERROR4 = IcmpError(
    reporter=ROUTER4,
    src=A4,
    dst=B4,
    src_port=40000,
    dst_port=443,
    seq=0xFFFFFFF0,
    icmp_version=4,
    icmp_type=3,
    icmp_code=13,
    ttl=63,
    ip_id=0xBEEF,
    vlan=-1,
    tunnel="",
    tenant=0,
)
ERROR6 = ERROR4._replace(reporter=ROUTER6, src=A6, dst=B6, icmp_version=6, icmp_type=1, icmp_code=1, ip_id=-1)


def error4(quote: bytes, icmp_type: int = 3, cut: int = 0, vlan: tuple[tuple[int, int], ...] = ()) -> object:
    return decoded(ethernet(IP4, ip4(icmp(icmp_type, 13, quote), 1, src=ROUTER4, dst=A4), *vlan), cut=cut)


def error6(quote: bytes, icmp_type: int = 1, cut: int = 0) -> object:
    return decoded(ethernet(IP6, ip6(icmp(icmp_type, 1, quote), 58, src=ROUTER6, dst=A6)), cut=cut)


@pytest.mark.parametrize("icmp_type", [3, 4, 11, 12])
def test_icmp_errors(icmp_type: int) -> None:
    assert error4(ip4(tcp()), icmp_type) == ERROR4._replace(icmp_type=icmp_type)


@pytest.mark.parametrize("icmp_type", [1, 2, 3, 4])
def test_icmp6_errors(icmp_type: int) -> None:
    assert error6(ip6(tcp()), icmp_type) == ERROR6._replace(icmp_type=icmp_type)


@pytest.mark.parametrize(
    "quote",
    [
        ip4(tcp())[:28],
        ip4(tcp(bytes(1400)))[:28],
        ip4(tcp(), options=bytes(40))[:68],
        ip4(tcp(), fragment=0x2000),
        ip4(tcp(), total=0),
        ip4(tcp()) + bytes(100) + b"\x20\0\0\0\0\x08\x01\x01\0\0\0\0",  # RFC 4884
    ],
)
def test_quotes_of_ip4(quote: bytes) -> None:
    assert error4(quote) == ERROR4


@pytest.mark.parametrize(
    "quote",
    [ip6(tcp())[:48], ip6(extension(44) + fragment6(6, more=True) + tcp(), 60), ip6(tcp(bytes(1400)))[:1232]],
)
def test_quotes_of_ip6(quote: bytes) -> None:
    assert error6(quote) == ERROR6


def test_an_icmp_error_in_a_vlan() -> None:
    assert error4(ip4(tcp()), vlan=((0x8100, 7),)) == ERROR4._replace(vlan=7)


@pytest.mark.parametrize(
    "quote",
    [
        b"",
        ip4(tcp())[:27],
        ip4(tcp())[:19],
        ip4(tcp(), 17),
        ip4(tcp(), 1),
        ip4(tcp(), fragment=0x0001),
        ip4(tcp(), first=0x65),
        ip4(tcp(), first=0x44),
        ip6(tcp()),
    ],
)
def test_icmp_that_quotes_no_tcp(quote: bytes) -> None:
    assert error4(quote) is Skip.ICMP


@pytest.mark.parametrize("quote", [b"", ip6(tcp())[:47], ip6(fragment6(6, offset=9) + tcp(), 44), ip4(tcp())])
def test_icmp6_that_quotes_no_tcp(quote: bytes) -> None:
    assert error6(quote) is Skip.ICMP


@pytest.mark.parametrize("cut", [13, 20, 32, 39])
def test_a_quote_that_the_snaplen_cut(cut: int) -> None:
    assert error4(ip4(tcp()), cut=12) == ERROR4
    assert error4(ip4(tcp()), cut=cut) is Skip.CUT_HEADER
    assert error6(ip6(tcp()), cut=cut) is Skip.CUT_HEADER


@pytest.mark.parametrize("icmp_type", [0, 5, 8, 9, 13])
def test_other_icmp_is_no_error(icmp_type: int) -> None:
    assert error4(ip4(tcp()), icmp_type) is Skip.NOT_TCP


@pytest.mark.parametrize("icmp_type", [0, 5, 128, 135, 137])
def test_other_icmp6_is_no_error(icmp_type: int) -> None:
    assert error6(ip6(tcp()), icmp_type) is Skip.NOT_TCP


def test_icmp_of_the_other_ip_version_is_none() -> None:
    assert decoded4(icmp(1, 1, ip6(tcp())), 58) is Skip.NOT_TCP
    assert decoded6(icmp(3, 1, ip4(tcp())), 1) is Skip.NOT_TCP


def test_an_icmp_header_without_room() -> None:
    assert decoded4(b"\x03\x01\0\0", 1) is Skip.BAD_HEADER
    assert decoded4(icmp(3, 1, ip4(tcp())), 1, cut=47) is Skip.CUT_HEADER


def test_padding_completes_no_quote() -> None:
    frame = ethernet(IP4, ip4(icmp(3, 13, ip4(tcp())[:27]), 1, src=ROUTER4, dst=A4))
    assert decoded(frame + bytes(9)) is Skip.ICMP
