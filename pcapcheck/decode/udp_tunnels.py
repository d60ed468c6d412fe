"""Tunnels over UDP. A port proves nothing: each header is checked in every bit that its document fixes.

A layer here gives ``Skip.NOT_TCP`` where the octets are not the tunnel's; what is inside is checked by ``layout.udp``.
"""

from __future__ import annotations

from typing import Final

from pcapcheck.decode.place import Around, Datagram, Follows, Found, Numbers
from pcapcheck.decode.plausible import is_ethernet, is_ip
from pcapcheck.decode.point_to_point import ppp
from pcapcheck.decode.segment import Skip
from pcapcheck.decode.tags import next_protocol
from pcapcheck.decode.tunnels import pseudowire
from pcapcheck.decode.wireless import either_way

T_PDU: Final = 255
TEREDO_PREFIX: Final = b"\x20\x01\0\0"  # RFC 4380, section 2.6
LINK_LOCAL: Final = b"\xfe\x80"
# L2TP's first 16 bits: control, a length, sequence numbers, an offset; what is reserved; the version.
CONTROL, LENGTH, NUMBERED, OFFSET, RESERVED, VERSION = 0x8000, 0x4000, 0x0800, 0x0200, 0x34F0, 0xF
TZSP_TYPES: Final = {1: 1, 18: 105, 119: 119, 127: 163}  # encapsulated protocol to link type
ETHERNET: Final = 1  # as a link type
ETHERNET_NEXT: Final = 3  # as VXLAN-GPE's next protocol


def vxlan(data: bytes, start: int, end: int, around: Around) -> Found:
    """RFC 7348, section 5: the I flag alone, all reserved bits 0; or with the bits of the group policy extension.

    A receiver ignores what is reserved. So where it is filled, the inner IP header must be right by its checksum.
    """
    if len(data) < start + 8:
        return Skip.CUT_HEADER if end >= start + 8 else Skip.NOT_TCP
    flags, reserved = data[start], data[start + 1 : start + 4]
    plain = flags == 0x08 and reserved == bytes(3)
    with_policy = flags == 0x88 and reserved[0] & ~0x48 == 0  # draft-smith-vxlan-group-policy, section 2.1
    if not (plain or with_policy) or data[start + 7]:
        at = start + 8
        if not flags & 8 or data[at + 12 : at + 14] not in (b"\x08\0", b"\x86\xdd"):
            return Skip.NOT_TCP
        if not is_ethernet(data, at, end, summed=True):
            return Skip.NOT_TCP
    return Follows(Numbers.LINK_TYPE, ETHERNET, start + 8, around.inside("vxlan", _number(data, start)))


def vxlan_gpe(data: bytes, start: int, end: int, around: Around) -> Found:
    """draft-ietf-nvo3-vxlan-gpe, section 3: version 0, the I flag, and P where there is a next protocol."""
    if len(data) < start + 8:
        return Skip.CUT_HEADER if end >= start + 8 else Skip.NOT_TCP
    flags = data[start]
    if flags & 0xF8 != 0x08 or data[start + 1] or data[start + 2] or data[start + 7]:
        return Skip.NOT_TCP
    if flags & 1:  # operations and maintenance
        return Skip.NOT_TCP
    inside = around.inside("vxlan-gpe", _number(data, start))
    return next_protocol(data[start + 3] if flags & 4 else ETHERNET_NEXT, start + 8, inside)


def _number(data: bytes, start: int) -> int:
    return int.from_bytes(data[start + 4 : start + 7])


def geneve(data: bytes, start: int, end: int, around: Around) -> Found:
    """RFC 8926, section 3.4: version 0, reserved bits 0, options that fill their length exactly."""
    if len(data) < start + 8:
        return Skip.CUT_HEADER if end >= start + 8 else Skip.NOT_TCP
    behind = start + 8 + (data[start] & 0x3F) * 4
    if data[start] >> 6 or data[start + 1] & 0x3F or data[start + 7] or behind > end:
        return Skip.NOT_TCP
    at = start + 8
    while at < behind:
        if len(data) < at + 4:
            return Skip.CUT_HEADER
        at += 4 + (data[at + 3] & 0x1F) * 4
    ethertype = data[start + 2] << 8 | data[start + 3]
    if at != behind or data[start + 1] & 0x80:  # a control packet
        return Skip.NOT_TCP
    inside = around.inside("geneve", _number(data, start))
    if ethertype == 0x6558:
        return Follows(Numbers.LINK_TYPE, ETHERNET, behind, inside)
    return Follows(Numbers.ETHERTYPE, ethertype, behind, inside) if ethertype > 1500 else Skip.NOT_TCP


def gtp_u(data: bytes, start: int, end: int, around: Around) -> Found:
    """3GPP TS 29.281, section 5.1: version 1, PT set, and a length that fits; extension headers, section 5.2."""
    if len(data) < start + 8:
        return Skip.CUT_HEADER if end >= start + 8 else Skip.NOT_TCP
    flags, length = data[start], data[start + 2] << 8 | data[start + 3]
    if flags & 0xF8 != 0x30 or start + 8 + length != end or data[start + 1] != T_PDU:
        return Skip.NOT_TCP
    at = start + 8
    if flags & 7:
        at += 4
        following = data[at - 1] if len(data) >= at and flags & 4 else 0
        while following:
            if len(data) <= at:
                return Skip.CUT_HEADER
            size = data[at] * 4
            if size == 0 or at + size > end:
                return Skip.NOT_TCP
            if len(data) < at + size:
                return Skip.CUT_HEADER
            following = data[at + size - 1]
            at += size
    if len(data) <= at:
        return Skip.CUT_HEADER if at < end else Skip.NOT_TCP
    version = data[at] >> 4
    return Datagram(version, at, around.inside("gtp-u")) if version in (4, 6) else Skip.TUNNEL


def l2tp(data: bytes, start: int, end: int, around: Around) -> Found:
    """RFC 2661, section 3.1, and RFC 3931, section 4.1.2: data messages with reserved bits 0."""
    if len(data) < start + 6:
        return Skip.CUT_HEADER if end >= start + 6 else Skip.NOT_TCP
    flags = data[start] << 8 | data[start + 1]
    if flags & VERSION == 3:
        if flags != 3 or data[start + 2 : start + 4] != bytes(2):
            return Skip.NOT_TCP
        return pseudowire(data, start + 8, end, around.inside("l2tp"))
    if flags & VERSION != 2 or flags & RESERVED or flags & CONTROL:
        return Skip.NOT_TCP
    at = start + 6
    if flags & LENGTH:
        if data[start + 2] << 8 | data[start + 3] != end - start:
            return Skip.NOT_TCP
        at += 2
    at += 4 if flags & NUMBERED else 0
    if flags & OFFSET:
        if len(data) < at + 2:
            return Skip.CUT_HEADER
        at += 2 + (data[at] << 8 | data[at + 1])
    return ppp(data, at, end, around.inside("l2tp"))


def teredo(data: bytes, start: int, end: int, around: Around) -> Found:
    """RFC 4380, section 5.1.1: authentication, origin, then IPv6 that fills the rest, with a Teredo or local address.

    The server knows Teredo by its prefix (section 2.6), and by link-local addresses while a client qualifies (5.2.1).
    """
    at = start
    if data[at : at + 2] == b"\0\x01" and len(data) >= at + 4:
        at += 4 + data[at + 2] + data[at + 3] + 9
    if data[at : at + 2] == b"\0\0":
        at += 8
    if len(data) < at + 40:
        return Skip.CUT_HEADER if at + 40 <= end and len(data) < end else Skip.NOT_TCP
    ends = data[at + 8 : at + 24], data[at + 24 : at + 40]
    if not is_ip(data, at, end, 6, summed=True) or not any(one.startswith((TEREDO_PREFIX, LINK_LOCAL)) for one in ends):
        return Skip.NOT_TCP
    return Datagram(6, at, around.inside("teredo"))


def gue(data: bytes, start: int, end: int, around: Around) -> Found:
    """draft-ietf-intarea-gue, sections 3.1 and 4: version 0 with a header, version 1 is IP itself."""
    if len(data) <= start:
        return Skip.CUT_HEADER if start < end else Skip.NOT_TCP
    if data[start] >> 6 == 1:
        right = is_ip(data, start, end, summed=True)
        return Datagram(data[start] >> 4, start, around.inside("gue")) if right else Skip.NOT_TCP
    if len(data) < start + 4:
        return Skip.CUT_HEADER
    if data[start] & 0xE0:  # another version, or control
        return Skip.NOT_TCP
    at = start + 4 + (data[start] & 0x1F) * 4
    protocol = data[start + 1]
    if protocol in (4, 41):
        version = 4 if protocol == 4 else 6
        right = is_ip(data, at, end, version, summed=True)
        return Datagram(version, at, around.inside("gue")) if right else Skip.NOT_TCP
    return Follows(Numbers.IP4, protocol, at, around.inside("gue")) if protocol in (47, 137) else Skip.NOT_TCP


def lisp(data: bytes, start: int, end: int, around: Around) -> Found:
    """RFC 9300, section 5: IP that fills what is behind eight octets."""
    if len(data) < start + 9:
        return Skip.CUT_HEADER if end >= start + 9 else Skip.NOT_TCP
    if not is_ip(data, start + 8, end, summed=True):
        return Skip.NOT_TCP
    return Datagram(data[start + 8] >> 4, start + 8, around.inside("lisp"))


def mpls_in_udp(data: bytes, start: int, end: int, around: Around) -> Found:
    """RFC 7510, section 3: no bit of a label stack is fixed, so what is under it must be right by its checksum."""
    at = start + 4
    while len(data) >= at and not data[at - 2] & 1:
        at += 4
    if len(data) < at:
        return Skip.CUT_HEADER if at <= end else Skip.NOT_TCP
    inside = is_ip(data, at, end, summed=True) or any(
        is_ethernet(data, at + size, end, summed=True) and data[at + size + 12] != 0x88 for size in (0, 4)
    )
    return Follows(Numbers.ETHERTYPE, 0x8847, start, around) if inside else Skip.NOT_TCP


def tzsp(data: bytes, start: int, end: int, around: Around) -> Found:
    """TaZmen Sniffer Protocol: version 1, a received packet, tagged fields up to an end tag."""
    if len(data) < start + 5:
        return Skip.CUT_HEADER if end >= start + 5 else Skip.NOT_TCP
    link_type = TZSP_TYPES.get(data[start + 2] << 8 | data[start + 3])
    if data[start] != 1 or data[start + 1] not in (0, 2) or link_type is None:
        return Skip.NOT_TCP
    at = start + 4
    while at < len(data):
        if data[at] == 1:
            return Follows(Numbers.LINK_TYPE, link_type, at + 1, around.inside("tzsp"))
        at += 1 if data[at] == 0 else 2 + (data[at + 1] if at + 1 < len(data) else 0)
    return Skip.CUT_HEADER if len(data) < end else Skip.NOT_TCP


def esp_in_udp(data: bytes, start: int, end: int, around: Around) -> Found:
    """RFC 3948, section 2: no marker of four zeroes (IKE), and no keepalive of one octet."""
    if len(data) < start + 4:
        return Skip.CUT_HEADER if end >= start + 4 else Skip.NOT_TCP
    return Skip.NOT_TCP if data[start : start + 4] == bytes(4) else Skip.ENCRYPTED


def fou(data: bytes, start: int, end: int, around: Around) -> Found:
    """IP in UDP and nothing between (Linux's Foo over UDP): it has no port of its own, this is its manual's.

    It is believed by IPv4's header checksum and a length that fills the datagram, of IPv6 by the length.
    """
    if len(data) < start + 4:
        return Skip.CUT_HEADER if end >= start + 20 else Skip.NOT_TCP
    exact = data[start] >> 4 == 6 or data[start + 2] << 8 | data[start + 3] == end - start
    if not exact or not is_ip(data, start, end, summed=True):
        return Skip.NOT_TCP
    return Datagram(data[start] >> 4, start, around.inside("fou"))


def gre_in_udp(data: bytes, start: int, end: int, around: Around) -> Found:
    """RFC 8086, section 3: version 0, without routing or reserved bits, and IP or Ethernet inside."""
    if len(data) < start + 4:
        return Skip.CUT_HEADER if end >= start + 4 else Skip.NOT_TCP
    if data[start] & 0x4F or data[start + 1]:
        return Skip.NOT_TCP
    known = data[start + 2 : start + 4] in (b"\x08\0", b"\x86\xdd", b"\x65\x58", b"\x88\x47")
    return Follows(Numbers.IP4, 47, start, around) if known else Skip.NOT_TCP


def ayiya(data: bytes, start: int, end: int, around: Around) -> Found:
    """draft-massar-v6ops-ayiya, section 4: identity and signature by their lengths, then IPv6 that fills the rest."""
    if len(data) < start + 8:
        return Skip.CUT_HEADER if end >= start + 8 else Skip.NOT_TCP
    at = start + 8 + (1 << (data[start] >> 4)) + (data[start + 1] >> 4) * 4
    forward, version = data[start + 2] & 0xF == 1, {4: 4, 41: 6}.get(data[start + 3])
    if not forward or version is None or at > end:
        return Skip.NOT_TCP
    if len(data) < at + 40:
        return Skip.CUT_HEADER if len(data) < end else Skip.NOT_TCP
    return Datagram(version, at, around.inside("ayiya")) if is_ip(data, at, end, version, summed=True) else Skip.NOT_TCP


def capwap(data: bytes, start: int, end: int, around: Around) -> Found:
    """RFC 5415, section 4.3: a preamble of 0 (1 is DTLS), a header length in words, reserved bits 0; not a fragment.

    What is inside is Ethernet, or 802.11 where the T flag says so, whose frame control some controllers turn round.
    """
    if len(data) < start + 8:
        return Skip.CUT_HEADER if end >= start + 8 else Skip.NOT_TCP
    word = int.from_bytes(data[start : start + 4])
    size, native, keepalive = (word >> 19 & 0x1F) * 4, bool(word & 0x100), bool(word & 0x8)
    if data[start] == 1:
        return Skip.ENCRYPTED if word & 0xFFFFFF == 0 and data[start + 4 : start + 6] == b"\x17\xfe" else Skip.NOT_TCP
    if data[start] or word & 7 or size < 8 or start + size > end or keepalive:
        return Skip.NOT_TCP
    if word & 0x80:  # a fragment; the first starts at 0
        if int.from_bytes(data[start + 6 : start + 8]) >> 3:
            return Skip.LINK_FRAGMENT
    elif data[start + 6] or data[start + 7]:  # an offset, or reserved bits; some number what is not split
        return Skip.NOT_TCP
    inside = around.inside("capwap")
    if not native:
        return Follows(Numbers.LINK_TYPE, ETHERNET, start + size, inside)
    return either_way(data, start + size, end, inside)
