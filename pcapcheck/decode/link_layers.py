"""Link layers of local networks and of the hosts themselves, and what stands between them and IP.

Where no section is named: the description of the link type at https://www.tcpdump.org/linktypes.html.
"""

from __future__ import annotations

from typing import Final

from pcapcheck.decode.place import Around, Datagram, Follows, Found, Layer, Numbers, raw
from pcapcheck.decode.segment import Skip

VLAN_TAGS: Final = frozenset({0x8100, 0x88A8, 0x9100, 0x9200})  # IEEE 802.1Q and 802.1ad; the others came before it
LARGEST_LENGTH: Final = 1500  # IEEE 802.3, 3.2.6: up to here the type field is a length, and LLC follows
ISL: Final = (b"\x01\x00\x0c\x00\x00", b"\x03\x00\x0c\x00\x00")  # destinations of Cisco's inter-switch link frames

# AF_INET is 2 everywhere. AF_INET6 is 24 on NetBSD, OpenBSD, BSD/OS and Npcap, 28 on FreeBSD and DragonFly BSD, 30 on
# macOS and iOS, 23 on Windows, 10 on Linux, 26 on Solaris.
FAMILIES: Final = {2: 4, 10: 6, 23: 6, 24: 6, 26: 6, 28: 6, 30: 6}

NLPIDS: Final = {0xCC: 4, 0x8E: 6}  # ISO/IEC TR 9577; RFC 2684, section 5.2
ENCAPSULATED_ETHERNET: Final = (b"\x00\x80\xc2\x00\x01", b"\x00\x80\xc2\x00\x07")  # RFC 2684: with its FCS, and without

# ARPHRD_ types of Linux, and the link types of what their frames hold.
HARDWARE: Final = {801: 105, 802: 119, 803: 127}


def ethernet(data: bytes, start: int, end: int, around: Around) -> Found:
    """IEEE 802.3, section 3.1.1."""
    if len(data) < start + 14:
        return Skip.CUT_HEADER
    ethertype = data[start + 12] << 8 | data[start + 13]
    if ethertype == 0x0800:
        return Datagram(4, start + 14, around)
    if ethertype == 0x86DD:
        return Datagram(6, start + 14, around)
    if ethertype < 0x0800 and data[start : start + 5] in ISL:
        return Follows(Numbers.LINK_TYPE, 1, start + 26, around)
    return tagged(ethertype, data, start + 14, around)


def tagged(ethertype: int, data: bytes, start: int, around: Around) -> Found:
    """What follows an ethertype and any number of VLAN tags (IEEE 802.1Q, section 9.3)."""
    while ethertype in VLAN_TAGS:
        if len(data) < start + 4:
            return Skip.CUT_HEADER
        around = around.tagged((data[start] & 0xF) << 8 | data[start + 1])
        ethertype = data[start + 2] << 8 | data[start + 3]
        start += 4
    if ethertype == 0x0800:
        return Datagram(4, start, around)
    if ethertype == 0x86DD:
        return Datagram(6, start, around)
    if ethertype == 0x0806:  # ARP
        return Skip.NOT_IP
    if ethertype <= LARGEST_LENGTH:
        return llc(data, start, 0, around)
    return Follows(Numbers.ETHERTYPE, ethertype, start, around)


def llc(data: bytes, start: int, end: int, around: Around) -> Found:
    """IEEE 802.2: IP by its own service access point (RFC 948), behind a SNAP header (RFC 1042), or by its NLPID."""
    points, control = data[start : start + 2], data[start + 2 : start + 3]
    if not control:
        return Skip.CUT_HEADER
    if control[0] & 0xEF != 3:  # unnumbered information, the poll bit aside
        return Skip.NOT_IP
    if points == b"\x06\x06":
        return Datagram(4, start + 3, around)
    if points == b"\xaa\xaa":
        return snap(data, start + 3, end, around)
    if points == b"\xfe\xfe":
        return nlpid(data, start + 3, end, around)
    return Skip.NOT_IP


def snap(data: bytes, start: int, end: int, around: Around) -> Found:
    """RFC 1042 and 802.1H (bridge tunnels): an ethertype. RFC 2684, section 5.3: a bridged Ethernet frame."""
    if len(data) < start + 5:
        return Skip.CUT_HEADER
    if data[start : start + 3] in (b"\0\0\0", b"\0\0\xf8"):
        return tagged(data[start + 3] << 8 | data[start + 4], data, start + 5, around)
    if data[start : start + 5] in ENCAPSULATED_ETHERNET:
        return Follows(Numbers.LINK_TYPE, 1, start + 7, around)
    return Skip.NOT_IP


def nlpid(data: bytes, start: int, end: int, around: Around) -> Found:
    """A network layer protocol identifier (RFC 2684, section 5.2; RFC 2427, section 4.1)."""
    if len(data) <= start:
        return Skip.CUT_HEADER
    if data[start] == 0x80:
        return snap(data, start + 1, end, around)
    version = NLPIDS.get(data[start])
    return Skip.NOT_IP if version is None else Datagram(version, start + 1, around)


def cooked(protocol: int, hardware: int, data: bytes, start: int, around: Around) -> Found:
    """Behind a Linux cooked header: small values are Linux's own, and only 4 among them means LLC."""
    if protocol > LARGEST_LENGTH:
        return tagged(protocol, data, start, around)
    if hardware in HARDWARE:
        return Follows(Numbers.LINK_TYPE, HARDWARE[hardware], start, around)
    return llc(data, start, 0, around) if protocol == 4 else Skip.NOT_IP


def sll(data: bytes, start: int, end: int, around: Around) -> Found:
    """LINKTYPE_LINUX_SLL."""
    if len(data) < start + 16:
        return Skip.CUT_HEADER
    protocol, hardware = data[start + 14] << 8 | data[start + 15], data[start + 2] << 8 | data[start + 3]
    return cooked(protocol, hardware, data, start + 16, around)


def sll2(data: bytes, start: int, end: int, around: Around) -> Found:
    """LINKTYPE_LINUX_SLL2."""
    if len(data) < start + 20:
        return Skip.CUT_HEADER
    protocol, hardware = data[start] << 8 | data[start + 1], data[start + 8] << 8 | data[start + 9]
    return cooked(protocol, hardware, data, start + 20, around)


def null(data: bytes, start: int, end: int, around: Around) -> Found:
    """LINKTYPE_NULL and LINKTYPE_LOOP: an address family.

    The first has it in the byte order of the host that captured, which nothing else tells; the second in network byte
    order, but there are files that do not. Some hosts put PPP's address and control octets or an ethertype here.
    """
    if len(data) < start + 4:
        return Skip.CUT_HEADER
    family = data[start : start + 4]
    if family[:2] == b"\xff\x03":
        return Follows(Numbers.LINK_TYPE, 9, start, around)
    little, big = int.from_bytes(family, "little"), int.from_bytes(family, "big")
    version = FAMILIES.get(little) or FAMILIES.get(big)
    if version:
        return Datagram(version, start + 4, around)
    ethertype = next((one for one in (little, big) if LARGEST_LENGTH < one < 0x10000), 0)
    return tagged(ethertype, data, start + 4, around) if ethertype else Skip.NOT_IP


def fddi(data: bytes, start: int, end: int, around: Around) -> Found:
    """ISO 9314-2: frame control and two addresses; only LLC frames (FF = 01) carry anything."""
    if len(data) < start + 13:
        return Skip.CUT_HEADER
    return llc(data, start + 13, end, around) if data[start] & 0x30 == 0x10 else Skip.NOT_IP


def token_ring(data: bytes, start: int, end: int, around: Around) -> Found:
    """IEEE 802.5, section 3.2: access control, frame control, two addresses, and the route where its bit is set."""
    if len(data) < start + 14:
        return Skip.CUT_HEADER
    if data[start + 1] & 0xC0 != 0x40:  # not LLC
        return Skip.NOT_IP
    at = start + 14
    if data[start + 8] & 0x80:
        if len(data) <= at:
            return Skip.CUT_HEADER
        route = data[at] & 0x1F
        if route < 2 or route & 1:
            return Skip.BAD_HEADER
        at += route
    return llc(data, at, end, around)


def arcnet(data: bytes, start: int, end: int, around: Around) -> Found:
    """LINKTYPE_ARCNET_BSD: two addresses and a system code (RFC 1051, RFC 1201, RFC 2497)."""
    return _arcnet(data, start + 2, around)


def arcnet_linux(data: bytes, start: int, end: int, around: Around) -> Found:
    """LINKTYPE_ARCNET_LINUX: an offset before the system code."""
    return _arcnet(data, start + 4, around)


def _arcnet(data: bytes, at: int, around: Around) -> Found:
    if len(data) <= at:
        return Skip.CUT_HEADER
    code = data[at]
    if code == 240:  # RFC 1051: nothing between
        return Datagram(4, at + 1, around)
    version = {212: 4, 196: 6}.get(code)
    if version is None:
        return Skip.NOT_IP
    if len(data) < at + 4:
        return Skip.CUT_HEADER
    # RFC 1201, section 3: a split flag and a sequence number, after four octets more in an exception frame.
    at += 4 if data[at + 1] == 0xFF else 0
    if len(data) < at + 4:
        return Skip.CUT_HEADER
    split = data[at + 1]
    later = split and not split & 1  # the first says how many follow, in an odd number
    return Skip.LINK_FRAGMENT if later else Datagram(version, at + 4, around)


def ipoib(data: bytes, start: int, end: int, around: Around) -> Found:
    """LINKTYPE_IPOIB: a global routing header of 40 octets, then RFC 4391's ethertype and two octets of nothing."""
    return at_ethertype(40, 44)(data, start, end, around)


def at_ethertype(where: int, size: int) -> Layer:
    """A header of so many octets that holds an ethertype."""

    def layer(data: bytes, start: int, end: int, around: Around) -> Found:
        if len(data) < start + size:
            return Skip.CUT_HEADER
        return tagged(data[start + where] << 8 | data[start + where + 1], data, start + size, around)

    return layer


def behind(size: int, following: Layer) -> Layer:
    """A header of so many octets of which nothing is asked."""

    def layer(data: bytes, start: int, end: int, around: Around) -> Found:
        return following(data, start + size, end, around) if len(data) >= start + size else Skip.CUT_HEADER

    return layer


def atm(data: bytes, start: int, end: int, around: Around) -> Found:
    """RFC 2684: LLC, or IP itself where the virtual circuit carries nothing else."""
    found = llc(data, start, end, around)
    return raw(data, start, end, around) if found is Skip.NOT_IP else found


def sun_atm(data: bytes, start: int, end: int, around: Around) -> Found:
    """LINKTYPE_SUNATM: flags, virtual path and circuit; traffic type 2 is LLC."""
    if len(data) < start + 4:
        return Skip.CUT_HEADER
    return llc(data, start + 4, end, around) if data[start] & 0xF == 2 else Skip.NOT_IP
