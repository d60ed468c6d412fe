"""One IP fragment: where it is in a frame, what it says of its datagram, and the datagram made of all of them."""

from __future__ import annotations

from typing import Final, NamedTuple

from pcapcheck.decode import layout
from pcapcheck.decode.place import Around, Datagram
from pcapcheck.decode.segment import Skip
from pcapcheck.decode.through_dpkt import IP4_HEADER, IP6_HEADER, LONGEST, TCP_HEADER, read_ip, step_inside

FRAGMENT_HEADER: Final = 8


class Piece(NamedTuple):
    """A fragment: which datagram it is of, what it holds of it, and the headers that the whole shall have."""

    key: bytes  # source, destination, identification; for IPv4 the protocol (RFC 791, section 3.2)
    version: int
    protocol: int  # what the datagram carries, as this fragment names it
    headers: bytes
    start: int  # in octets of the datagram's payload
    end: int  # on the wire
    octets: bytes  # as captured
    more: bool
    around: Around


class Whole(NamedTuple):
    """A datagram put together: its octets as far as they were captured, and where it ended on the wire."""

    data: bytes
    end: int
    datagram: Datagram


def piece_of(link_type: int, data: bytes, original_length: int) -> Piece | None:
    """The outermost fragment in a frame, None if there is none that can be read."""
    end = max(original_length, len(data))
    found = layout.peel(link_type, data, end)
    return None if isinstance(found, Skip) else outermost(data, end, found)


def outermost(data: bytes, end: int, found: Datagram | Skip) -> Piece | None:
    """The first fragment on the way into a datagram."""
    for _ in range(layout.DEEPEST):
        if isinstance(found, Skip):
            return None
        piece = _piece4(data, end, found) if found.version == 4 else _piece6(data, end, found)
        ip = None if piece else read_ip(data, found, end)
        if ip is None or isinstance(ip, Skip):
            return piece
        found, data, end = step_inside(data, ip, found)
    return None


def _piece4(data: bytes, end: int, found: Datagram) -> Piece | None:
    """RFC 791, section 3.1."""
    header = data[found.start : found.start + IP4_HEADER]
    if len(header) < IP4_HEADER:
        return None
    place = header[6] << 8 | header[7]
    payload = found.start + (header[0] & 0xF) * 4
    end = found.start + (header[2] << 8 | header[3]) or end
    if not place & 0x3FFF or payload < found.start + IP4_HEADER or payload > min(end, len(data)):
        return None
    start = (place & 0x1FFF) * 8
    return Piece(
        header[12:20] + header[4:6] + header[9:10] + found.around.tenant.to_bytes(8),
        4,
        header[9],
        data[found.start : payload],
        start,
        start + end - payload,
        data[payload:end],
        bool(place & 0x2000),
        found.around,
    )


def _piece6(data: bytes, end: int, found: Datagram) -> Piece | None:
    """RFC 8200, section 4.5. The fragment header stays, as that of an atomic fragment (RFC 6946)."""
    header = data[found.start : found.start + IP6_HEADER]
    if len(header) < IP6_HEADER:
        return None
    at = layout.fragment_header(data, header[6], found.start + IP6_HEADER)
    length = header[4] << 8 | header[5]
    end = found.start + IP6_HEADER + length if length else end
    payload = at + FRAGMENT_HEADER
    if at < 0 or payload > min(end, len(data)):
        return None
    place = data[at + 2] << 8 | data[at + 3]
    start = place & 0xFFF8
    return Piece(
        header[8:40] + data[at + 4 : payload] + found.around.tenant.to_bytes(8),
        6,
        data[at],
        data[found.start : payload],
        start,
        start + end - payload,
        data[payload:end],
        bool(place & 1),
        found.around,
    )


def possible(piece: Piece) -> bool:
    """Whether it holds octets, ends at a multiple of 8 of them unless it is the last, and fits into 65,535 in all."""
    size = piece.end - piece.start
    whole = piece.end + len(piece.headers) - (IP6_HEADER if piece.version == 6 else 0)
    return size > 0 and not (piece.more and size % 8) and whole <= LONGEST


def splits_header(piece: Piece) -> bool:
    """Whether a TCP header ends behind this piece, or its fixed part begins before it (RFC 1858, section 3)."""
    if piece.protocol != layout.TCP:
        return False
    if piece.start:
        return piece.start < TCP_HEADER
    header = (piece.octets[12] >> 4) * 4 if len(piece.octets) > 12 else TCP_HEADER
    return piece.end < max(header, TCP_HEADER)


def put_together(pieces: list[Piece]) -> Whole:
    """The datagram of all its pieces, or of the first alone: its octets end where the first octet is not captured."""
    first, last = pieces[0], pieces[-1]
    headers = bytearray(first.headers)
    if first.version == 4:
        headers[6:8] = bytes(2)
        headers[2:4] = (len(headers) + last.end).to_bytes(2)
    else:
        at = len(headers) - FRAGMENT_HEADER
        headers[at + 2 : at + 4] = bytes(2)
        headers[4:6] = (len(headers) - IP6_HEADER + last.end).to_bytes(2)
    parts = [bytes(headers)]
    for piece in pieces:
        parts.append(piece.octets)
        if len(piece.octets) < piece.end - piece.start:
            break
    return Whole(b"".join(parts), len(headers) + last.end, Datagram(first.version, 0, first.around))
