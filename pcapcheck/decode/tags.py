"""Ethertypes that wrap what a frame carries: tags of switches, backbone bridges, service chains, MACsec."""

from __future__ import annotations

from typing import Final

from pcapcheck.decode.link_layers import tagged
from pcapcheck.decode.place import Around, Datagram, Follows, Found, Layer, Numbers
from pcapcheck.decode.segment import Skip

ENCRYPTED_OR_CHANGED: Final = 0x0C  # MACsec's E and C bits
EXPLICIT_SCI: Final = 0x20

# Next protocols of NSH, RFC 8300, section 2.2; of VXLAN-GPE, draft-ietf-nvo3-vxlan-gpe, section 3.2.
IP4, IP6, ETHERNET, NSH, MPLS = 1, 2, 3, 4, 5


def tag(size: int) -> Layer:
    """A tag of so many octets, an ethertype at its end."""

    def layer(data: bytes, start: int, end: int, around: Around) -> Found:
        at = start + size
        return tagged(data[at - 2] << 8 | data[at - 1], data, at, around) if len(data) >= at else Skip.CUT_HEADER

    return layer


def bridged(tunnel: str, size: int) -> Layer:
    """A header of so many octets, then an Ethernet frame."""

    def layer(data: bytes, start: int, end: int, around: Around) -> Found:
        return Follows(Numbers.LINK_TYPE, 1, start + size, around.inside(tunnel))

    return layer


def trill(data: bytes, start: int, end: int, around: Around) -> Found:
    """RFC 6325, section 3.1: six octets, and the options, whose length is in words."""
    if len(data) < start + 6:
        return Skip.CUT_HEADER
    options = (data[start] << 8 | data[start + 1]) >> 6 & 0x1F
    return Follows(Numbers.LINK_TYPE, 1, start + 6 + 4 * options, around.inside("trill"))


def cisco_metadata(data: bytes, start: int, end: int, around: Around) -> Found:
    """Version, length in words, and so many words; then an ethertype."""
    if len(data) < start + 2:
        return Skip.CUT_HEADER
    return tag(4 + 4 * data[start + 1])(data, start, end, around)


def macsec(data: bytes, start: int, end: int, around: Around) -> Found:
    """IEEE 802.1AE, section 9.3: open only where neither E nor C is set, so that it is authenticated and no more."""
    if len(data) < start + 6:
        return Skip.CUT_HEADER
    if data[start] & ENCRYPTED_OR_CHANGED:
        return Skip.ENCRYPTED
    return tag(16 if data[start] & EXPLICIT_SCI else 8)(data, start, end, around)


def nsh(data: bytes, start: int, end: int, around: Around) -> Found:
    """RFC 8300, section 2.2: length in words, and the next protocol."""
    if len(data) < start + 4:
        return Skip.CUT_HEADER
    size = (data[start + 1] & 0x3F) * 4
    if data[start] >> 6 or size < 8:
        return Skip.BAD_HEADER
    return next_protocol(data[start + 3], start + size, around.inside("nsh"))


def next_protocol(number: int, start: int, around: Around) -> Found:
    """What NSH and VXLAN-GPE number alike."""
    if number in (IP4, IP6):
        return Datagram(4 if number == IP4 else 6, start, around)
    if number == ETHERNET:
        return Follows(Numbers.LINK_TYPE, 1, start, around)
    if number == NSH:
        return Follows(Numbers.ETHERTYPE, 0x894F, start, around)
    return Follows(Numbers.ETHERTYPE, 0x8847, start, around) if number == MPLS else Skip.NOT_IP
