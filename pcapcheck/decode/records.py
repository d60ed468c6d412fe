"""Link types that are a capturing program's own record around a packet: filter logs and taps of interfaces.

https://www.tcpdump.org/linktypes.html
"""

from __future__ import annotations

from typing import Final

from pcapcheck.decode.link_layers import FAMILIES
from pcapcheck.decode.place import Around, Datagram, Follows, Found, Numbers
from pcapcheck.decode.segment import Skip

NFULA_PACKET_HEADER, NFULA_PAYLOAD = 1, 9  # linux/netfilter/nfnetlink_log.h
BRIDGE: Final = 7  # the family of what ebtables logs
OLD_PFLOG_HEADER: Final = 28  # OpenBSD up to 3.3


def nflog(data: bytes, start: int, end: int, around: Around) -> Found:
    """LINKTYPE_NFLOG: a family, and attributes in the byte order of the host that captured; a bridge's ethertype."""
    if len(data) < start + 4:
        return Skip.CUT_HEADER
    family, ethertype = data[start], 0
    if (family != BRIDGE and family not in FAMILIES) or data[start + 1] != 0:
        return Skip.NOT_IP
    at = start + 4
    while at + 4 <= len(data):
        size, kind = _attribute(data[at : at + 4], max(end, len(data)) - at)
        if kind == NFULA_PAYLOAD and family == BRIDGE:
            return Follows(Numbers.ETHERTYPE, ethertype, at + 4, around)
        if kind == NFULA_PAYLOAD:
            return Datagram(FAMILIES[family], at + 4, around)
        if kind == NFULA_PACKET_HEADER:
            ethertype = int.from_bytes(data[at + 4 : at + 6])
        if size < 4:
            return Skip.BAD_HEADER
        at += size + 3 & ~3
    return Skip.CUT_HEADER if len(data) < end else Skip.NOT_IP


def _attribute(header: bytes, room: int) -> tuple[int, int]:
    """Length and type, in the byte order in which the length fits."""
    for order in ("little", "big"):
        size, kind = (int.from_bytes(header[at : at + 2], order) for at in (0, 2))
        if 4 <= size <= room:
            return size, kind & 0x7FFF
    return 0, 0


def pflog(data: bytes, start: int, end: int, around: Around) -> Found:
    """LINKTYPE_PFLOG: its own length, rounded up to words, and the family."""
    if len(data) < start + 2:
        return Skip.CUT_HEADER
    size = data[start] + 3 & ~3
    if size < 48:  # the shortest that was ever written
        return Skip.BAD_HEADER
    version = FAMILIES.get(data[start + 1])
    return Skip.NOT_IP if version is None else Datagram(version, start + size, around)


def old_pflog(data: bytes, start: int, end: int, around: Around) -> Found:
    """LINKTYPE 17, the first generation: the family in four octets, 28 in all."""
    if len(data) < start + 4:
        return Skip.CUT_HEADER
    version = _family(data[start : start + 4])
    return Skip.NOT_IP if version is None else Datagram(version, start + OLD_PFLOG_HEADER, around)


def enc(data: bytes, start: int, end: int, around: Around) -> Found:
    """LINKTYPE_ENC: family, SPI and flags of a packet that IPsec is done with, or has yet to do."""
    if len(data) < start + 12:
        return Skip.CUT_HEADER
    version = _family(data[start : start + 4])
    return Skip.NOT_IP if version is None else Datagram(version, start + 12, around)


def _family(octets: bytes) -> int | None:
    return FAMILIES.get(int.from_bytes(octets, "little")) or FAMILIES.get(int.from_bytes(octets, "big"))


def ipnet(data: bytes, start: int, end: int, around: Around) -> Found:
    """LINKTYPE_IPNET: Solaris's record of 24 octets; its family is 2 or 26."""
    if len(data) < start + 2:
        return Skip.CUT_HEADER
    version = FAMILIES.get(data[start + 1])
    return Skip.NOT_IP if version is None else Datagram(version, start + 24, around)


def pktap(data: bytes, start: int, end: int, around: Around) -> Found:
    """LINKTYPE_PKTAP: Apple's record: its length, its type and the link type of what it holds, little-endian."""
    if len(data) < start + 12:
        return Skip.CUT_HEADER
    size, kind, link_type = (int.from_bytes(data[start + at : start + at + 4], "little") for at in (0, 4, 8))
    if size < 12:
        return Skip.BAD_HEADER
    return Follows(Numbers.LINK_TYPE, link_type, start + size, around) if kind == 1 else Skip.NOT_IP


def ppi(data: bytes, start: int, end: int, around: Around) -> Found:
    """LINKTYPE_PPI: version, flags, length and link type, little-endian; its fields are of no use here."""
    if len(data) < start + 8:
        return Skip.CUT_HEADER
    size, link_type = (
        int.from_bytes(data[start + 2 : start + 4], "little"),
        int.from_bytes(data[start + 4 : start + 8], "little"),
    )
    return Skip.BAD_HEADER if size < 8 else Follows(Numbers.LINK_TYPE, link_type, start + size, around)
