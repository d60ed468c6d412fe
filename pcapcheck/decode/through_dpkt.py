"""A frame to its TCP segment through dpkt: the decoder that is always there, and the reference for the compiled one.

dpkt reads the fixed headers and nothing behind them. What it does behind them is either unchecked (lengths, fragments
behind another extension header, the data offset) or raises on real traffic, so lengths are checked here first.
"""

from __future__ import annotations

import struct
from typing import Any, Final, NamedTuple

from pcapcheck.decode import headers, layout
from pcapcheck.decode.compiled import ones_complement_sum
from pcapcheck.decode.layout import DEEPEST, past_extensions, peel
from pcapcheck.decode.place import Around, Datagram
from pcapcheck.decode.segment import (
    BAD,
    GOOD,
    NOT_CHECKED,
    OPTIONS_UNSEEN,
    PARTIAL,
    SYN,
    WINDOW_UNSEEN,
    IcmpError,
    Segment,
    Skip,
)

IP4_HEADER, IP6_HEADER, TCP_HEADER, ICMP_HEADER = 20, 40, 20, 8
FLAGS_END, WINDOW_END = 14, 16  # in a TCP header
PORTS_AND_SEQ: Final = struct.Struct(">HHI")  # what every ICMP error quotes at least (RFC 792)
PSEUDO_HEADER: Final = struct.Struct(">II")

ICMP: Final = {4: 1, 6: 58}
# RFC 792: unreachable, source quench, time exceeded, parameter problem. RFC 4443: the same, and too big.
ICMP_ERRORS: Final = {4: frozenset({3, 4, 11, 12}), 6: frozenset({1, 2, 3, 4})}

SOURCE_ROUTES: Final = frozenset({131, 137})  # RFC 791: loose and strict

# IPv4 knows one extension header only: the authentication header.
AFTER_IP4: Final = frozenset({layout.AUTHENTICATION})

# A datagram is at most so long; of a fragment it is not known how long the whole one is.
LONGEST: Final = 0xFFFF


class Carried(NamedTuple):
    """What an IP datagram carries, and what its header says of it."""

    src: bytes
    dst: bytes
    ttl: int
    ip_id: int
    ecn: int
    end: int  # by the IP length: the captured octets may end before it, padding may follow it
    protocol: int
    start: int
    checkable: bool  # as in layout.Upper
    fragment: bool


def decode(link_type: int, data: bytes, original_length: int) -> Segment | IcmpError | Skip:
    """The TCP segment of a frame, the ICMP error that quotes one, or why there is neither. Never raises.

    Of a datagram in fragments the first one is a segment, if it holds the whole TCP header and no SYN; the others are
    ``Skip.FRAGMENT``, and ``fragments.Fragments`` puts them together.
    """
    end = original_length if original_length > len(data) else len(data)
    found = peel(link_type, data, end)
    return found if isinstance(found, Skip) else decode_datagram(data, end, found)


def decode_datagram(data: bytes, end: int, found: Datagram) -> Segment | IcmpError | Skip:
    """The same for the IP datagram that was found in octets which ended at ``end`` on the wire."""
    ip = read_ip(data, found, end)
    if isinstance(ip, Skip):
        return ip
    if ip.protocol == layout.TCP:
        return _segment(data, ip, found.around)
    if ip.protocol == ICMP[found.version]:
        return _icmp_error(data, ip, found)
    if ip.protocol == layout.UDP and not layout.may_be_tunnel(data, ip.start):
        return Skip.NOT_TCP
    return _tunnelled(data, ip, found)


def _tunnelled(data: bytes, ip: Carried, outer: Datagram) -> Segment | IcmpError | Skip:
    """What is in the datagram inside this one, however deep."""
    found: Datagram | Segment | IcmpError | Skip = outer
    split = False  # somewhere around is a first fragment, all of which was captured
    for _ in range(DEEPEST):
        split = split or (ip.fragment and len(data) >= ip.end)
        assert isinstance(found, Datagram)
        found, data, end = step_inside(data, ip, found)
        if isinstance(found, Datagram):
            read = read_ip(data, found, end)
            if not isinstance(read, Skip):
                ip = read
                if ip.protocol == layout.TCP:
                    found = _segment(data, ip, found.around)
                elif ip.protocol == ICMP[found.version]:
                    found = _icmp_error(data, ip, found)
                else:
                    continue
            else:
                found = read
        return Skip.FRAGMENT if split and found in (Skip.CUT_HEADER, Skip.BAD_HEADER) else found
    return Skip.TOO_DEEP


def step_inside(data: bytes, ip: Carried, found: Datagram) -> tuple[Datagram | Skip, bytes, int]:
    """The datagram inside a datagram, the octets that it lies in, and where they ended on the wire."""
    if ip.end < len(data):
        data = data[: ip.end]
    end = ip.start + LONGEST if ip.fragment else ip.end
    return layout.inside(found.version, ip.protocol, data, ip.start, end, found.around), data, end


def _fields(layer: Any, octets: bytes) -> Any:
    """The fixed header as dpkt reads it, without what its constructor goes on to do with the rest."""
    header = layer.__new__(layer)
    headers.Packet.unpack(header, octets)
    return header


def read_ip(data: bytes, datagram: Datagram, frame_end: int) -> Carried | Skip:
    """The IP header and what it carries; ``frame_end`` is where the frame ended on the wire."""
    if len(data) <= datagram.start:
        return Skip.CUT_HEADER
    if data[datagram.start] >> 4 != datagram.version:
        return Skip.BAD_HEADER
    read = _ip4 if datagram.version == 4 else _ip6
    return read(data, datagram.start, frame_end)


def _ip4(data: bytes, start: int, frame_end: int) -> Carried | Skip:
    if len(data) < start + IP4_HEADER:
        return Skip.CUT_HEADER
    ip = _fields(headers.IP, data[start : start + IP4_HEADER])
    header_length = (ip._v_hl & 0xF) * 4
    # A length of 0 is what a sender leaves for its network card to fill in (TCP segmentation offload).
    end = start + ip.len if ip.len else frame_end
    if header_length < IP4_HEADER or start + header_length > end:
        return Skip.BAD_HEADER
    fragment = ip._flags_offset & 0x3FFF  # more fragments, and the offset
    if fragment & 0x1FFF:
        return Skip.FRAGMENT
    options = data[start + IP4_HEADER : start + header_length]
    # An octet that may be a source route's kind is enough not to check: the route would name the final destination.
    checkable = not fragment and SOURCE_ROUTES.isdisjoint(options)
    protocol, at = ip.p, start + header_length
    if protocol == layout.AUTHENTICATION:
        behind = past_extensions(data, protocol, at, end, AFTER_IP4)
        if isinstance(behind, Skip):
            return behind
        protocol, at = behind.protocol, behind.start
    return Carried(ip.src, ip.dst, ip.ttl, ip.id, ip.tos & 3, end, protocol, at, checkable, fragment != 0)


def _ip6(data: bytes, start: int, frame_end: int) -> Carried | Skip:
    if len(data) < start + IP6_HEADER:
        return Skip.CUT_HEADER
    ip = _fields(headers.IP6, data[start : start + IP6_HEADER])
    payload = start + IP6_HEADER
    length = ip.plen
    if length == 0 and ip.nxt == layout.HOP_BY_HOP:
        length = layout.jumbo_length(data, payload)
    end = payload + length if length else frame_end  # 0: segmentation offload, as in IPv4
    if ip.nxt not in layout.EXTENSION_HEADERS:
        return Carried(ip.src, ip.dst, ip.hlim, -1, ip.fc & 3, end, ip.nxt, payload, True, False)
    upper = past_extensions(data, ip.nxt, payload, end, layout.EXTENSION_HEADERS)
    if isinstance(upper, Skip):
        return upper
    return Carried(ip.src, ip.dst, ip.hlim, -1, ip.fc & 3, end, *upper)


def _segment(data: bytes, ip: Carried, around: Around) -> Segment | Skip:
    start, end = ip.start, ip.end
    captured = min(len(data), end) - start
    if end - start < TCP_HEADER:
        return Skip.FRAGMENT if ip.fragment else Skip.BAD_HEADER
    if captured < FLAGS_END:
        return Skip.CUT_HEADER
    header_length = (data[start + 12] >> 4) * 4
    if header_length < TCP_HEADER or start + header_length > end:
        return Skip.FRAGMENT if ip.fragment and header_length >= TCP_HEADER else Skip.BAD_HEADER
    tcp = _fields(headers.TCP, data[start : start + TCP_HEADER].ljust(TCP_HEADER, b"\0"))
    unseen = WINDOW_UNSEEN if captured < WINDOW_END else 0
    if captured < header_length > TCP_HEADER:
        unseen |= OPTIONS_UNSEEN
    tcp_flags = tcp._off_flags & 0xFFF  # dpkt's own ``flags`` leaves the reserved bits out
    if ip.fragment and tcp_flags & SYN:
        return Skip.FRAGMENT
    checksum = NOT_CHECKED
    if tcp_flags & SYN and captured == end - start and ip.checkable:
        checksum = _checksum(ip, data[start:end], tcp.sum)
    return Segment(
        ip.src,
        ip.dst,
        tcp.sport,
        tcp.dport,
        tcp.seq,
        tcp.ack,
        tcp_flags,
        0 if unseen & WINDOW_UNSEEN else tcp.win,
        end - start - header_length,
        ip.ttl,
        ip.ip_id,
        ip.ecn,
        data[start + TCP_HEADER : start + header_length],
        unseen,
        checksum,
        *around,
    )


def _checksum(ip: Carried, segment: bytes, field: int) -> int:
    """Whether the checksum is right, wrong, or the pseudo-header's alone, left for the network card."""
    # One form for both: the words of IPv4's pseudo-header add up to the same as those of IPv6's (RFC 8200, 8.1).
    pseudo_header = ip.src + ip.dst + PSEUDO_HEADER.pack(len(segment), layout.TCP)
    partial = ones_complement_sum(pseudo_header)
    if ones_complement_sum(segment, partial) == 0xFFFF:
        return GOOD
    return PARTIAL if field == partial else BAD


def _icmp_error(data: bytes, ip: Carried, datagram: Datagram) -> IcmpError | Skip:
    """An ICMP error is read as its quote: a datagram of which, as with a snaplen, only the beginning is there."""
    start, end = ip.start, ip.end
    if start + ICMP_HEADER > end:
        return Skip.BAD_HEADER
    if len(data) < start + 2:
        return Skip.CUT_HEADER
    icmp_type, icmp_code = data[start], data[start + 1]
    if icmp_type not in ICMP_ERRORS[datagram.version]:
        return Skip.NOT_TCP
    too_short = Skip.CUT_HEADER if len(data) < end else Skip.ICMP
    message = data[:end]
    quoted = read_ip(message, datagram._replace(start=start + ICMP_HEADER), end)
    if isinstance(quoted, Skip):
        return too_short if quoted is Skip.CUT_HEADER else Skip.ICMP
    if quoted.protocol != layout.TCP:
        return Skip.ICMP
    if len(message) < quoted.start + PORTS_AND_SEQ.size:
        return too_short
    src_port, dst_port, seq = PORTS_AND_SEQ.unpack_from(message, quoted.start)
    return IcmpError(
        ip.src,
        quoted.src,
        quoted.dst,
        src_port,
        dst_port,
        seq,
        datagram.version,
        icmp_type,
        icmp_code,
        ip.ttl,
        ip.ip_id,
        *datagram.around,
    )
