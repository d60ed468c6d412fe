"""Frames of octets, layer by layer, right by default and wrong where a test asks for it."""

from __future__ import annotations

import struct

from pcapcheck.decode.segment import ACK, NOT_CHECKED, IcmpError, Segment, Skip
from pcapcheck.decode.through_dpkt import decode

ETHERNET, RAW, SLL, SLL2, NULL, LOOP = 1, 101, 113, 276, 0, 108
IP4, IP6 = 0x0800, 0x86DD
A4, B4, ROUTER4 = bytes([192, 0, 2, 1]), bytes([198, 51, 100, 2]), bytes([203, 0, 113, 3])
A6, B6, ROUTER6 = (bytes.fromhex("20010db8" + "00" * 11 + last) for last in ("01", "02", "03"))

# What ``tcp()`` in ``ip4()`` and in ``ip6()`` holds.
SEGMENT4 = Segment(
    src=A4,
    dst=B4,
    src_port=40000,
    dst_port=443,
    seq=0xFFFFFFF0,
    ack=0x80000001,
    tcp_flags=ACK,
    window=65000,
    payload_length=0,
    ttl=63,
    ip_id=0xBEEF,
    ecn=2,
    options=b"",
    unseen=0,
    checksum=NOT_CHECKED,
    vlan=-1,
    tunnel="",
    tenant=0,
)
SEGMENT6 = SEGMENT4._replace(src=A6, dst=B6, ip_id=-1)


def tcp(payload: bytes = b"", options: bytes = b"", tcp_flags: int = ACK, data_offset: int = 0) -> bytes:
    words = data_offset or 5 + len(options) // 4
    return (
        struct.pack(">HHIIHHHH", 40000, 443, 0xFFFFFFF0, 0x80000001, words << 12 | tcp_flags, 65000, 0, 0)
        + options
        + payload
    )


def ip4(
    payload: bytes,
    protocol: int = 6,
    options: bytes = b"",
    total: int | None = None,
    fragment: int = 0x4000,
    first: int | None = None,
    src: bytes = A4,
    dst: bytes = B4,
) -> bytes:
    first = 0x45 + len(options) // 4 if first is None else first
    total = 20 + len(options) + len(payload) if total is None else total
    header = struct.pack(">BBHHHBBH4s4s", first, 2, total, 0xBEEF, fragment, 63, protocol, 0, src, dst)
    return header + options + payload


def ip6(
    payload: bytes, protocol: int = 6, length: int | None = None, first: int = 0x60, src: bytes = A6, dst: bytes = B6
) -> bytes:
    length = len(payload) if length is None else length
    return struct.pack(">BBHHBB16s16s", first, 0x20, 0, length, protocol, 63, src, dst) + payload


def extension(following: int, content: bytes = b"\x01\x04\0\0\0\0") -> bytes:
    """A hop-by-hop, routing or destination header: its content fills units of eight octets, two octets short."""
    return bytes([following, (len(content) + 2) // 8 - 1]) + content


def fragment6(following: int, offset: int = 0, more: bool = False) -> bytes:
    return struct.pack(">BBHI", following, 0, offset << 3 | more, 0x12345678)


def authentication(following: int, words: int = 4) -> bytes:
    return bytes([following, words - 2]) + bytes(4 * words - 2)


def icmp(icmp_type: int, icmp_code: int, quote: bytes) -> bytes:
    return bytes([icmp_type, icmp_code]) + bytes(6) + quote


def ethernet(ethertype: int, payload: bytes, *tags: tuple[int, int]) -> bytes:
    """``tags`` are (ethertype of the tag, VLAN id) from the outermost on, sent with priority 5."""
    ahead = b"".join(struct.pack(">HH", kind, 5 << 13 | vlan) for kind, vlan in tags)
    return bytes(12) + ahead + struct.pack(">H", ethertype) + payload


def decoded(frame: bytes, link_type: int = ETHERNET, cut: int = 0) -> Segment | IcmpError | Skip:
    """What the frame holds when the snaplen took its last ``cut`` octets."""
    return decode(link_type, frame[: len(frame) - cut], len(frame))


def decoded4(payload: bytes, protocol: int = 6, cut: int = 0, **header: int | bytes) -> Segment | IcmpError | Skip:
    return decoded(ethernet(IP4, ip4(payload, protocol, **header)), cut=cut)  # type: ignore[arg-type]


def decoded6(payload: bytes, protocol: int = 6, cut: int = 0, **header: int | bytes) -> Segment | IcmpError | Skip:
    return decoded(ethernet(IP6, ip6(payload, protocol, **header)), cut=cut)  # type: ignore[arg-type]
