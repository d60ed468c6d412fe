"""Where the IP header of a frame starts and where its headers end: link types, ethertypes, extension headers.

A layer is a function of the octets, where it starts and the VLAN id so far. It gives the IP datagram that it carries,
or the reason why there is none. To open one more encapsulation, put its function where its table says ``TUNNEL``.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Final, NamedTuple

from pcapcheck.decode.segment import Skip


class Datagram(NamedTuple):
    """An IP datagram inside a frame, as the layer below announces it: its header is not yet read."""

    version: int  # 4 or 6
    start: int  # of the IP header
    vlan: int  # the outermost tag's VLAN id, -1 if none


class Upper(NamedTuple):
    """What stands behind all headers of IP."""

    protocol: int
    start: int
    checkable: bool  # not a first fragment, and the TCP checksum is over the addresses of the IP header


Layer = Callable[[bytes, int, int], Datagram | Skip]

TCP: Final = 6
UDP: Final = 17
HOP_BY_HOP, ROUTING, FRAGMENT, AUTHENTICATION, DESTINATION = 0, 43, 44, 51, 60
MOBILITY, HIP, SHIM6 = 135, 139, 140
EXTENSION_HEADERS: Final = frozenset(
    {HOP_BY_HOP, ROUTING, FRAGMENT, AUTHENTICATION, DESTINATION, MOBILITY, HIP, SHIM6}
)  # RFC 7045, section 4, without ESP, which hides what follows
JUMBO_PAYLOAD: Final = 0xC2  # RFC 2675, section 2

TYPE: Final = struct.Struct(">H")
TAG: Final = struct.Struct(">HH")
VLAN_TAGS: Final = frozenset({0x8100, 0x88A8, 0x9100, 0x9200})
LARGEST_LENGTH: Final = 1500  # IEEE 802.3: up to here the type field is a length, and LLC follows


def peel(link_type: int, data: bytes) -> Datagram | Skip:
    """The IP datagram of a frame of this link type, or why there is none."""
    layer = LINK_TYPES.get(link_type)
    return Skip.UNKNOWN_LINK_TYPE if layer is None else layer(data, 0, -1)


def skip_reason(protocol: int, data: bytes, start: int) -> Skip:
    """Why what this IP protocol carries is not judged."""
    if protocol == UDP and len(data) >= start + 4 and TYPE.unpack_from(data, start + 2)[0] in UDP_TUNNELS:
        return Skip.TUNNEL
    return IP_PROTOCOLS.get(protocol, Skip.NOT_TCP)


def past_extensions(data: bytes, protocol: int, start: int, end: int, known: frozenset[int]) -> Upper | Skip:
    """What follows the ``known`` extension headers, in whatever order they come (RFC 8200, section 4.1).

    ``end`` is where the datagram ends by its own length; ``data`` may be cut before it.
    """
    checkable = True
    while protocol in known:
        if start + 8 > end:
            return Skip.BAD_HEADER
        if start + 4 > len(data):
            return Skip.CUT_HEADER
        if protocol == FRAGMENT:
            size = 8
            offset_and_more = TYPE.unpack_from(data, start + 2)[0]
            if offset_and_more >> 3:
                return Skip.LATER_FRAGMENT
            checkable = checkable and not offset_and_more & 1  # neither: an atomic fragment, RFC 6946
        elif protocol == AUTHENTICATION:
            size = (data[start + 1] + 2) * 4  # RFC 4302, section 2.2
            if size < 12:
                return Skip.BAD_HEADER
        else:
            size = (data[start + 1] + 1) * 8
            # A routing header names the final destination, a destination option the home address (RFC 6275, 6.3).
            checkable = checkable and protocol == HOP_BY_HOP
        protocol = data[start]
        start += size
        if start > end:
            return Skip.BAD_HEADER
    return Upper(protocol, start, checkable)


def jumbo_length(data: bytes, start: int) -> int:
    """The jumbo payload length of the hop-by-hop header that starts here, 0 if it has none (RFC 2675)."""
    if start + 2 > len(data):
        return 0
    end = min(len(data), start + (data[start + 1] + 1) * 8)
    at = start + 2
    while at + 6 <= end:
        if data[at] == JUMBO_PAYLOAD and data[at + 1] == 4:
            return int.from_bytes(data[at + 2 : at + 6])
        at += 1 if data[at] == 0 else 2 + data[at + 1]  # Pad1 has no length octet
    return 0


def _ethernet(data: bytes, start: int, vlan: int) -> Datagram | Skip:
    if len(data) < start + 14:
        return Skip.CUT_HEADER
    return _tagged(TYPE.unpack_from(data, start + 12)[0], data, start + 14, vlan)


def _tagged(ethertype: int, data: bytes, start: int, vlan: int) -> Datagram | Skip:
    """What follows an ethertype and any number of VLAN tags."""
    while ethertype in VLAN_TAGS:
        if len(data) < start + 4:
            return Skip.CUT_HEADER
        tag, ethertype = TAG.unpack_from(data, start)
        vlan = tag & 0xFFF if vlan < 0 else vlan
        start += 4
    return _llc(data, start, vlan) if ethertype <= LARGEST_LENGTH else _network(ethertype, data, start, vlan)


def _network(ethertype: int, data: bytes, start: int, vlan: int) -> Datagram | Skip:
    layer = ETHERTYPES.get(ethertype, Skip.NOT_IP)
    return layer if isinstance(layer, Skip) else layer(data, start, vlan)


def _llc(data: bytes, start: int, vlan: int) -> Datagram | Skip:
    """IEEE 802.2: IP by its own service access point (RFC 948), or behind a SNAP header (RFC 1042)."""
    header = data[start : start + 8]
    if header[:3] == b"\x06\x06\x03":
        return _ipv4(data, start + 3, vlan)
    if header[:3] == b"\xaa\xaa\x03" and len(header) == 8 and header[3:6] in (b"\0\0\0", b"\0\0\xf8"):
        return _network(TYPE.unpack_from(header, 6)[0], data, start + 8, vlan)
    cut = len(header) < 3 or (len(header) < 8 and header[:3] == b"\xaa\xaa\x03")
    return Skip.CUT_HEADER if cut else Skip.NOT_IP


def _cooked(protocol: int, data: bytes, start: int, vlan: int) -> Datagram | Skip:
    """Behind a Linux cooked header: small values are Linux's own, and only 4 among them means LLC."""
    if protocol == 4:
        return _llc(data, start, vlan)
    return Skip.NOT_IP if protocol <= LARGEST_LENGTH else _tagged(protocol, data, start, vlan)


def _sll(data: bytes, start: int, vlan: int) -> Datagram | Skip:
    if len(data) < start + 16:
        return Skip.CUT_HEADER
    return _cooked(TYPE.unpack_from(data, start + 14)[0], data, start + 16, vlan)


def _sll2(data: bytes, start: int, vlan: int) -> Datagram | Skip:
    if len(data) < start + 20:
        return Skip.CUT_HEADER
    return _cooked(TYPE.unpack_from(data, start)[0], data, start + 20, vlan)


def _null(data: bytes, start: int, vlan: int) -> Datagram | Skip:
    """An address family in the byte order of the host that captured, which nothing else tells."""
    if len(data) < start + 4:
        return Skip.CUT_HEADER
    family = data[start : start + 4]
    version = FAMILIES.get(int.from_bytes(family, "little")) or FAMILIES.get(int.from_bytes(family, "big"))
    return Skip.NOT_IP if version is None else Datagram(version, start + 4, vlan)


def _loop(data: bytes, start: int, vlan: int) -> Datagram | Skip:
    if len(data) < start + 4:
        return Skip.CUT_HEADER
    version = FAMILIES.get(int.from_bytes(data[start : start + 4], "big"))
    return Skip.NOT_IP if version is None else Datagram(version, start + 4, vlan)


def _raw(data: bytes, start: int, vlan: int) -> Datagram | Skip:
    if len(data) <= start:
        return Skip.CUT_HEADER
    version = data[start] >> 4
    return Datagram(version, start, vlan) if version in (4, 6) else Skip.NOT_IP


def _ipv4(data: bytes, start: int, vlan: int) -> Datagram:
    return Datagram(4, start, vlan)


def _ipv6(data: bytes, start: int, vlan: int) -> Datagram:
    return Datagram(6, start, vlan)


LINK_TYPES: Final[dict[int, Layer]] = {
    0: _null,
    1: _ethernet,
    12: _raw,  # DLT_RAW as most systems write it
    14: _raw,  # and OpenBSD
    101: _raw,
    108: _loop,
    113: _sll,
    228: _ipv4,
    229: _ipv6,
    276: _sll2,
}

# AF_INET is 2 everywhere; AF_INET6 is 24 on NetBSD, OpenBSD and Npcap, 28 on FreeBSD, 30 on macOS, 10 on Linux.
FAMILIES: Final = {2: 4, 10: 6, 24: 6, 28: 6, 30: 6}

ETHERTYPES: Final[dict[int, Layer | Skip]] = {
    0x0800: _ipv4,
    0x86DD: _ipv6,
    0x22F3: Skip.TUNNEL,  # TRILL
    0x6558: Skip.TUNNEL,  # transparent Ethernet bridging
    0x880B: Skip.TUNNEL,  # PPP
    0x8847: Skip.TUNNEL,  # MPLS
    0x8848: Skip.TUNNEL,  # MPLS with an upstream-assigned label
    0x8864: Skip.TUNNEL,  # PPPoE session
    0x88E7: Skip.TUNNEL,  # IEEE 802.1ah backbone service tag
    0x8903: Skip.TUNNEL,  # Cisco FabricPath
    0x8909: Skip.TUNNEL,  # Cisco MetaData
    0x8926: Skip.TUNNEL,  # VN-Tag
    0x892F: Skip.TUNNEL,  # HSR
    0x893F: Skip.TUNNEL,  # IEEE 802.1BR E-Tag
    0x894F: Skip.TUNNEL,  # NSH
    0x88E5: Skip.ENCRYPTED,  # MACsec
}

IP_PROTOCOLS: Final[dict[int, Skip]] = {
    4: Skip.TUNNEL,  # IPv4 in IP
    41: Skip.TUNNEL,  # IPv6 in IP
    47: Skip.TUNNEL,  # GRE
    55: Skip.TUNNEL,  # minimal encapsulation, RFC 2004
    94: Skip.TUNNEL,  # IPIP of KA9Q
    97: Skip.TUNNEL,  # EtherIP
    98: Skip.TUNNEL,  # RFC 1241
    115: Skip.TUNNEL,  # L2TPv3
    137: Skip.TUNNEL,  # MPLS in IP
    143: Skip.TUNNEL,  # Ethernet in SRv6, RFC 8986
    50: Skip.ENCRYPTED,  # ESP
}

# By destination port: GTP-U, Teredo, VXLAN, Geneve, VXLAN as Linux first had it.
UDP_TUNNELS: Final = frozenset({2152, 3544, 4789, 6081, 8472})
