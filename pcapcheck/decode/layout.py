"""Where the IP header of a frame starts and where its headers end: the walk from layer to layer.

The layers themselves are in the modules beside this one, and ``numbers`` says which number leads to which.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from pcapcheck.decode.numbers import LINK_TYPES, TABLES, UDP_PORTS
from pcapcheck.decode.place import NOTHING_AROUND, Around, Datagram, Follows, Found, Numbers
from pcapcheck.decode.plausible import is_ip, is_summed
from pcapcheck.decode.segment import Skip


class Upper(NamedTuple):
    """What stands behind all headers of IP."""

    protocol: int
    start: int
    checkable: bool  # not a first fragment, and the TCP checksum is over the addresses of the IP header
    fragment: bool  # a first one: the rest is in others


# So deep is a frame opened, in layers between two IP headers and in IP headers. No network comes near it.
DEEPEST: Final = 32

TCP: Final = 6
UDP: Final = 17
UDP_HEADER: Final = 8
UDP_TUNNELS: Final = frozenset(UDP_PORTS)  # between other ports UDP carries nothing that is looked at
HOP_BY_HOP, ROUTING, FRAGMENT, AUTHENTICATION, DESTINATION = 0, 43, 44, 51, 60
MOBILITY, HIP, SHIM6 = 135, 139, 140
EXTENSION_HEADERS: Final = frozenset(
    {HOP_BY_HOP, ROUTING, FRAGMENT, AUTHENTICATION, DESTINATION, MOBILITY, HIP, SHIM6}
)  # RFC 7045, section 4, without ESP, which hides what follows
JUMBO_PAYLOAD: Final = 0xC2  # RFC 2675, section 2


def peel(link_type: int, data: bytes, end: int) -> Datagram | Skip:
    """The outermost IP datagram of a frame of this link type that was ``end`` octets long, or why there is none."""
    layer = LINK_TYPES.get(link_type, Skip.UNKNOWN_LINK_TYPE)
    if isinstance(layer, Skip):
        return layer
    found = layer(data, 0, end, NOTHING_AROUND)
    return follow(data, end, found) if isinstance(found, Follows) else found


def inside(version: int, protocol: int, data: bytes, start: int, end: int, around: Around) -> Datagram | Skip:
    """The IP datagram inside what an IP datagram of this version carries, or why there is none."""
    if protocol == UDP:
        return udp(data, start, end, around)
    numbers = Numbers.IP4 if version == 4 else Numbers.IP6
    return follow(data, end, Follows(numbers, protocol, start, around))


def follow(data: bytes, end: int, found: Found) -> Datagram | Skip:
    """From layer to layer, down to IP or to the reason why there is none."""
    for _ in range(DEEPEST):
        if not isinstance(found, Follows):
            return found
        table, unknown = TABLES[found.numbers]
        layer = table.get(found.number, unknown)
        if isinstance(layer, Skip):
            return layer
        found = layer(data, found.start, end, found.around)
    return Skip.TOO_DEEP


def udp(data: bytes, start: int, end: int, around: Around) -> Datagram | Skip:
    """What a tunnel over UDP carries; ``Skip.NOT_TCP`` for all else that UDP carries.

    A tunnel is known by its destination port, else by its source port, and believed only if its own header is right in
    every bit and an IP header with fitting lengths stands inside, or an IPv4 header with a right checksum.
    """
    if not may_be_tunnel(data, start):
        return Skip.NOT_TCP
    ports = int.from_bytes(data[start : start + 4])
    payload = start + UDP_HEADER
    if len(data) < payload:
        return Skip.CUT_HEADER if end >= payload else Skip.NOT_TCP
    length = data[start + 4] << 8 | data[start + 5]
    # A length of 0 is a jumbogram's (RFC 2675, section 4), or one left for the network card to fill in.
    end = start + length if UDP_HEADER <= length <= end - start else end if length == 0 else payload
    for port in (ports & 0xFFFF, ports >> 16):
        layer = UDP_PORTS.get(port)
        if layer is None:
            continue
        found = layer if isinstance(layer, Skip) else believed(data, end, layer(data, payload, end, around))
        if found is not Skip.NOT_TCP:
            return found
    return Skip.NOT_TCP


def may_be_tunnel(data: bytes, start: int) -> bool:
    """Whether a tunnel's port is among those of this UDP header."""
    if len(data) < start + 4:
        return False
    return data[start + 2] << 8 | data[start + 3] in UDP_TUNNELS or data[start] << 8 | data[start + 1] in UDP_TUNNELS


def believed(data: bytes, end: int, found: Found) -> Datagram | Skip:
    """What is found, if it is IP with its lengths as IP's."""
    found = follow(data, end, found)
    if not isinstance(found, Datagram):
        ended = found is Skip.CUT_HEADER and len(data) >= end  # nothing was cut: the headers did not fit
        return Skip.NOT_TCP if ended or found in (Skip.BAD_HEADER, Skip.TOO_DEEP) else found
    if len(data) < found.start + 6:
        return Skip.CUT_HEADER if found.start + 6 <= end else Skip.NOT_TCP
    right = is_ip(data, found.start, end, found.version) or (found.version == 4 and is_summed(data, found.start))
    return found if right else Skip.NOT_TCP


def past_extensions(data: bytes, protocol: int, start: int, end: int, known: frozenset[int]) -> Upper | Skip:
    """What follows the ``known`` extension headers, in whatever order they come (RFC 8200, section 4.1).

    ``end`` is where the datagram ends by its own length; ``data`` may be cut before it.
    """
    checkable, fragment = True, False
    while protocol in known:
        if start + 8 > end:
            return Skip.BAD_HEADER
        if start + 4 > len(data):
            return Skip.CUT_HEADER
        if protocol == FRAGMENT:
            size = 8
            offset_and_more = data[start + 2] << 8 | data[start + 3]
            if offset_and_more >> 3:
                return Skip.FRAGMENT
            if offset_and_more & 1:  # else an atomic fragment, RFC 6946
                checkable, fragment = False, True
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
            return Skip.FRAGMENT if fragment else Skip.BAD_HEADER
    return Upper(protocol, start, checkable, fragment)


def fragment_header(data: bytes, protocol: int, start: int) -> int:
    """Where the IPv6 fragment header of a fragment starts, -1 if there is none or it is atomic (RFC 8200, 4.5)."""
    while protocol in EXTENSION_HEADERS and start + 8 <= len(data):
        if protocol == FRAGMENT:
            if (data[start + 2] << 8 | data[start + 3]) & 0xFFF9:
                return start
            size = 8
        else:
            size = (data[start + 1] + 2) * 4 if protocol == AUTHENTICATION else (data[start + 1] + 1) * 8
        protocol = data[start]
        start += size
    return -1


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
