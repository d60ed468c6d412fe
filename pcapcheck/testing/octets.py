"""The octets of a frame, from the segment that it shall hold."""

from __future__ import annotations

import struct
from typing import Final, NamedTuple

from pcapcheck.decode.segment import (
    BAD,
    NOT_CHECKED,
    OPTIONS_UNSEEN,
    PARTIAL,
    SYN,
    WINDOW_UNSEEN,
    IcmpError,
    Segment,
)

ETHERNET: Final = 1  # LINKTYPE_ETHERNET
_SMALLEST_FRAME: Final = 60  # without the frame check sequence
_TCP, _ICMP, _FRAGMENT, _ICMP6 = 6, 1, 44, 58
_MAC_1, _MAC_2, _BROADCAST = bytes.fromhex("020000000001"), bytes.fromhex("020000000002"), b"\xff" * 6
_DONT_FRAGMENT, _MORE_FRAGMENTS = 0x4000, 0x2000
_LATER_OFFSET: Final = 185  # in units of 8 octets: behind 1480, what a first fragment holds on Ethernet
_QUOTED: Final = 8  # RFC 792: an error quotes the IP header and 64 bits: ports and sequence number
_WHO_HAS: Final = struct.pack(
    ">HHBBH6s4s6s4s", 1, 0x0800, 6, 4, 1, _MAC_1, bytes([192, 0, 2, 1]), bytes(6), bytes([192, 0, 2, 254])
)


class Wire(NamedTuple):
    """How a segment is sent and captured, where the segment itself does not say."""

    from_client: bool = True
    vlans: tuple[int, ...] = ()
    fragment: str = ""  # "first" or "later"
    cut: int | None = None  # octets captured behind the IP header
    padded: bool = False
    data_offset: int | None = None  # a wrong one


def frame_octets(content: Segment | IcmpError | None, wire: Wire) -> tuple[bytes, int]:
    """The whole frame, and where its TCP or ICMP header begins."""
    if content is None:
        link, datagram, transport = _ethernet(wire, 0x0806, _BROADCAST), _WHO_HAS, b""
    elif isinstance(content, Segment):
        transport = _tcp(content, wire.data_offset)
        datagram = _ip(content.src, content.dst, _TCP, len(transport), content.ttl, content.ip_id, content.ecn, wire)
        link = _ethernet(wire, 0x0800 if len(content.src) == 4 else 0x86DD)
    else:
        transport, protocol = _icmp(content)
        datagram = _ip(content.reporter, content.src, protocol, len(transport), content.ttl, content.ip_id, 0, wire)
        link = _ethernet(wire, 0x0800 if content.icmp_version == 4 else 0x86DD)
    data = link + datagram + transport
    return (data.ljust(_SMALLEST_FRAME, b"\0") if wire.padded else data), len(link) + len(datagram)


def as_captured(content: Segment | IcmpError | None, wire: Wire, captured: int) -> Segment | IcmpError | None:
    """What a decoder must find where ``captured`` octets from the TCP or ICMP header on are there."""
    if content is None or wire.fragment == "later":
        return None
    if isinstance(content, IcmpError):
        header = 20 if content.icmp_version == 4 else 40
        return content if captured >= 8 + header + _QUOTED else None
    if captured < 14 or wire.data_offset is not None:
        return None
    header = 20 + len(content.options)
    options = content.options[: max(captured - 20, 0)]
    whole = captured >= header + content.payload_length and not wire.fragment
    return content._replace(
        window=content.window if captured >= 16 else 0,
        options=options,
        unseen=WINDOW_UNSEEN * (captured < 16) | OPTIONS_UNSEEN * (len(options) < len(content.options)),
        checksum=content.checksum if whole and content.tcp_flags & SYN else NOT_CHECKED,
    )


def _ethernet(wire: Wire, ether_type: int, destination: bytes | None = None) -> bytes:
    source, sink = (_MAC_1, _MAC_2) if wire.from_client else (_MAC_2, _MAC_1)
    # IEEE 802.1ad: the tags outside the innermost one have a type of their own.
    kinds = (0x88A8,) * (len(wire.vlans) - 1) + (0x8100,)
    tags = b"".join(struct.pack(">HH", kind, vlan) for kind, vlan in zip(kinds, wire.vlans, strict=False))
    return (destination or sink) + source + tags + struct.pack(">H", ether_type)


def _ip(src: bytes, dst: bytes, protocol: int, length: int, ttl: int, ip_id: int, ecn: int, wire: Wire) -> bytes:
    place = {"": 0, "first": _MORE_FRAGMENTS, "later": _LATER_OFFSET}[wire.fragment]
    if len(src) == 16:
        extension = b""
        if wire.fragment:
            offset = 1 if wire.fragment == "first" else _LATER_OFFSET << 3
            extension, protocol = struct.pack(">BBHI", protocol, 0, offset, 1), _FRAGMENT
        return struct.pack(">IHBB", 6 << 28 | ecn << 20, len(extension) + length, protocol, ttl) + src + dst + extension
    if not wire.fragment and protocol == _TCP:
        place = _DONT_FRAGMENT
    header = struct.pack(">BBHHHBBH4s4s", 0x45, ecn, 20 + length, ip_id, place, ttl, protocol, 0, src, dst)
    return header[:10] + struct.pack(">H", _sum(header) ^ 0xFFFF) + header[12:]


def _tcp(segment: Segment, data_offset: int | None) -> bytes:
    words = 5 + len(segment.options) // 4 if data_offset is None else data_offset
    header = struct.pack(
        ">HHIIHHHH",
        segment.src_port,
        segment.dst_port,
        segment.seq,
        segment.ack,
        words << 12 | segment.tcp_flags,
        segment.window,
        0,
        0,
    )
    # One octet throughout, so that a repeated segment repeats its payload however it is cut up.
    octets = header + segment.options + b"." * segment.payload_length
    pseudo = _pseudo_header(segment.src, segment.dst, _TCP, len(octets))
    checksum = _sum(pseudo) if segment.checksum == PARTIAL else _sum(pseudo + octets) ^ 0xFFFF
    if segment.checksum == BAD:
        checksum ^= 0x0101
    return octets[:16] + struct.pack(">H", checksum) + octets[18:]


def _icmp(error: IcmpError) -> tuple[bytes, int]:
    quoted = _ip(error.src, error.dst, _TCP, 20, 64, 0, 0, Wire())
    quoted += struct.pack(">HHI", error.src_port, error.dst_port, error.seq)
    octets = struct.pack(">BBHI", error.icmp_type, error.icmp_code, 0, 0) + quoted
    # RFC 4443, section 2.3: ICMPv6 sums a pseudo-header, RFC 792 none.
    pseudo = _pseudo_header(error.reporter, error.src, _ICMP6, len(octets)) if error.icmp_version == 6 else b""
    checksum = _sum(pseudo + octets) ^ 0xFFFF
    return octets[:2] + struct.pack(">H", checksum) + octets[4:], _ICMP6 if error.icmp_version == 6 else _ICMP


def _pseudo_header(src: bytes, dst: bytes, protocol: int, length: int) -> bytes:
    return src + dst + struct.pack(">HH" if len(src) == 4 else ">II", protocol, length)


def _sum(octets: bytes) -> int:
    """The one's complement sum of RFC 1071, not inverted."""
    octets += b"\0" * (len(octets) % 2)
    total: int = sum(struct.unpack(f">{len(octets) // 2}H", octets))
    while total > 0xFFFF:
        total = (total & 0xFFFF) + (total >> 16)
    return total
