"""Tunnels straight over IP: IP itself, GRE with all that it carries, EtherIP, L2TPv3."""

from __future__ import annotations

from typing import Final

from pcapcheck.decode.link_layers import ethernet
from pcapcheck.decode.place import Around, Datagram, Follows, Found, Layer, Numbers, ipv4, ipv6
from pcapcheck.decode.plausible import is_ethernet, is_ip
from pcapcheck.decode.point_to_point import ppp
from pcapcheck.decode.segment import Skip

# Flags of GRE, RFC 1701 and RFC 2890; ACKNOWLEDGES is of version 1, RFC 2637, section 4.1.
CHECKSUM, ROUTING, KEY, SEQUENCE, ACKNOWLEDGES = 0x8000, 0x4000, 0x2000, 0x1000, 0x0080
BRIDGING, PPP_IN_GRE, ERSPAN, ERSPAN_3, WCCP = 0x6558, 0x880B, 0x88BE, 0x22EB, 0x883E
# Aruba's access points put 802.11 frames into GRE, their queue in the middle of the protocol.
ARUBA, ARUBA_BITS = 0x8200, 0xFE0F
# RFC 7637, section 3.2: a VSID is of 0x001000 to 0xFFFFFE; a smaller key is one of plain GRE.
LEAST_VSID, NO_VSID = 0x1000, 0xFFFFFF
SUBHEADER: Final = 0x01  # of ERSPAN III
ERSPAN_IP: Final = 2  # its frame type

# Cookies of L2TPv3 are of 0, 4 or 8 octets (RFC 3931, section 4.1), its sublayer is of 0 or 4 (section 4.6).
COOKIE_AND_SUBLAYER: Final = (4, 0, 8, 12)


def within(tunnel: str, following: Layer) -> Layer:
    """A layer that is a tunnel by standing where it stands."""

    def layer(data: bytes, start: int, end: int, around: Around) -> Found:
        return following(data, start, end, around.inside(tunnel))

    return layer


ip4_in_ip4 = within("ipip", ipv4)  # RFC 2003
ip6_in_ip4 = within("6in4", ipv6)  # RFC 4213
ip4_in_ip6 = within("4in6", ipv4)  # RFC 2473
ip6_in_ip6 = within("6in6", ipv6)
ethernet_in_ip6 = within("srv6", ethernet)  # RFC 8986, section 4.13


def gre(data: bytes, start: int, end: int, around: Around) -> Found:
    """RFC 2784 with RFC 2890, RFC 1701's routing, and version 1."""
    if len(data) < start + 4:
        return Skip.CUT_HEADER
    flags, protocol = data[start] << 8 | data[start + 1], data[start + 2] << 8 | data[start + 3]
    if flags & 7 == 1:
        return _pptp(data, start, end, around, flags) if protocol == PPP_IN_GRE else Skip.NOT_IP
    if flags & 7:
        return Skip.BAD_HEADER
    at = start + 4 + (4 if flags & (CHECKSUM | ROUTING) else 0)
    key = int.from_bytes(data[at : at + 4]) if flags & KEY else 0
    at += (4 if flags & KEY else 0) + (4 if flags & SEQUENCE else 0)
    if flags & ROUTING:
        at = _past_routing(data, at)
    if len(data) <= at:
        return Skip.CUT_HEADER if at < end else Skip.NOT_IP  # a keepalive carries nothing
    if protocol in (ERSPAN, ERSPAN_3):
        return _erspan(data, at, around, protocol, sequenced=bool(flags & SEQUENCE))
    if protocol == BRIDGING:
        vsid = key >> 8
        if flags & (CHECKSUM | KEY | SEQUENCE) == KEY and LEAST_VSID <= vsid < NO_VSID:
            around = around.inside("nvgre", vsid)
        else:
            around = around.inside("gre")
        return Follows(Numbers.LINK_TYPE, 1, at, around)
    if protocol & ARUBA_BITS == ARUBA:
        return Follows(Numbers.LINK_TYPE, 105, at, around.inside("gre"))
    if protocol == WCCP:
        # Version 2 puts four octets before the packet, version 1 nothing.
        at += 0 if is_ip(data, at, end, 4) else 4
        protocol = 0x0800
    return Follows(Numbers.ETHERTYPE, protocol, at, around.inside("gre"))


def _past_routing(data: bytes, at: int) -> int:
    """RFC 1701: source route entries (family, offset, length) up to an empty one."""
    while at + 4 <= len(data):
        family, length = data[at] << 8 | data[at + 1], data[at + 3]
        at += 4 + length
        if family == 0 and length == 0:
            break
    return at


def _pptp(data: bytes, start: int, end: int, around: Around, flags: int) -> Found:
    """RFC 2637, section 4.1: without a sequence number it only acknowledges."""
    if not flags & SEQUENCE:
        return Skip.NOT_IP
    at = start + 12 + (4 if flags & ACKNOWLEDGES else 0)
    return ppp(data, at, end, around.inside("pptp"))


def _erspan(data: bytes, at: int, around: Around, protocol: int, *, sequenced: bool) -> Found:
    """draft-foschiano-erspan, section 4: type I has no header, II has one of 8 octets, III of 12 and maybe 8 more."""
    around = around.inside("erspan")
    if protocol == ERSPAN:
        return Follows(Numbers.LINK_TYPE, 1, at + 8 if sequenced else at, around)
    if len(data) < at + 12:
        return Skip.CUT_HEADER
    behind = at + (20 if data[at + 11] & SUBHEADER else 12)
    if data[at + 10] >> 2 & 0x1F == ERSPAN_IP:
        return Follows(Numbers.LINK_TYPE, 101, behind, around)
    return Follows(Numbers.LINK_TYPE, 1, behind, around)


def etherip(data: bytes, start: int, end: int, around: Around) -> Found:
    """RFC 3378, section 3."""
    if len(data) < start + 2:
        return Skip.CUT_HEADER
    if data[start] >> 4 != 3:
        return Skip.BAD_HEADER
    return Follows(Numbers.LINK_TYPE, 1, start + 2, around.inside("etherip"))


def l2tp3(data: bytes, start: int, end: int, around: Around) -> Found:
    """RFC 3931, section 4.1.1: a session of 0 is control; how long its cookie is only the peers know."""
    if len(data) < start + 4:
        return Skip.CUT_HEADER
    if data[start : start + 4] == bytes(4):
        return Skip.NOT_TCP
    return pseudowire(data, start + 4, end, around.inside("l2tp"))


def pseudowire(data: bytes, start: int, end: int, around: Around) -> Found:
    """What follows a session number: the first place at which it can be what it then is."""
    for size in COOKIE_AND_SUBLAYER:
        at = start + size
        if is_ethernet(data, at, end, summed=True):
            return Follows(Numbers.LINK_TYPE, 1, at, around)
        if data[at : at + 3] == b"\xff\x03\x00" or data[at : at + 2] in (b"\x0f\x00", b"\x8f\x00"):
            if is_ip(data, at + 4, end, summed=True):
                return Follows(Numbers.LINK_TYPE, 50, at, around)
        elif is_ip(data, at, end, summed=True):
            return Datagram(data[at] >> 4, at, around)
    return Skip.TUNNEL
