"""Changes of a capture that must not change what is said of it."""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from random import Random
from typing import Final

from pcapcheck import seq
from pcapcheck.capture.frame import NO_TIME, Frame
from pcapcheck.decode.segment import ACK, RST, IcmpError
from tests.capture.build_captures import block
from tests.metamorphic.verdicts import Captured

_SACK: Final = 5
_IP: Final = (0x0800, 0x86DD)
_BRIDGING: Final = 0x6558


def renumbered(captured: Captured, random: Random) -> Captured:
    """Every address and port is another one; which are equal stays equal. Port 0 means something and stays."""
    addresses: dict[bytes, bytes] = {}
    ports: dict[int, int] = {0: 0}
    free = random.sample(range(1, 65536), 65535)

    def address(old: bytes) -> bytes:
        while old not in addresses:
            new = b"\x0a" + random.randbytes(3) if len(old) == 4 else b"\xfd" + random.randbytes(15)
            if new not in addresses.values():
                addresses[old] = new
        return addresses[old]

    def port(old: int) -> int:
        if old not in ports:
            ports[old] = free.pop()
        return ports[old]

    changed: Captured = []
    for number, time, one in captured:
        ends = {
            "src": address(one.src),
            "dst": address(one.dst),
            "src_port": port(one.src_port),
            "dst_port": port(one.dst_port),
        }
        if isinstance(one, IcmpError):
            ends["reporter"] = address(one.reporter)
        changed.append((number, time, one._replace(**ends)))
    return changed


def shifted_numbers(captured: Captured, random: Random, offset: int | None = None) -> Captured:
    """The sequence numbers of each direction of each flow begin elsewhere, so that some wrap.

    With ``offset`` all by the same. What is a number of its own stays: a field without its flag, and the 0 of a reset
    that answers a segment without ACK (RFC 9293, section 3.10.7.1).
    """
    offsets: dict[tuple[object, ...], int] = {}

    def shift(number: int, *direction: object) -> int:
        if direction not in offsets:
            offsets[direction] = random.randrange(1 << 32) if offset is None else offset
        return seq.add(number, offsets[direction])

    changed: Captured = []
    for number, time, one in captured:
        forth = (one.src, one.src_port, one.dst, one.dst_port)
        back = (one.dst, one.dst_port, one.src, one.src_port)
        if isinstance(one, IcmpError):
            changed.append((number, time, one._replace(seq=shift(one.seq, *forth))))
            continue
        of_its_own = one.tcp_flags & RST and one.tcp_flags & ACK and one.seq == 0
        numbers = {
            "seq": one.seq if of_its_own else shift(one.seq, *forth),
            "ack": shift(one.ack, *back) if one.tcp_flags & ACK else one.ack,
            "options": _shifted_sack(one.options, lambda edge, back=back: shift(edge, *back)),
        }
        changed.append((number, time, one._replace(**numbers)))
    return changed


def _shifted_sack(options: bytes, shift: Callable[[int], int]) -> bytes:
    """The options with the edges of SACK blocks (RFC 2018, section 3) shifted."""
    octets, at = bytearray(options), 0
    while at + 1 < len(octets) and octets[at]:
        if octets[at] == 1:
            at += 1
            continue
        length = octets[at + 1]
        if length < 2 or at + length > len(octets):
            break
        if octets[at] == _SACK:
            for edge in range(at + 2, at + length - 3, 4):
                octets[edge : edge + 4] = struct.pack(">I", shift(int.from_bytes(octets[edge : edge + 4])))
        at += length
    return bytes(octets)


def later(frames: Sequence[Frame], by_ns: int) -> list[Frame]:
    """The same frames at another time."""
    return [frame._replace(time_ns=frame.time_ns + by_ns) if frame.time_ns != NO_TIME else frame for frame in frames]


def tagged(frames: Sequence[Frame], tags: Sequence[tuple[int, int]]) -> list[Frame]:
    """Ethernet frames behind VLAN tags, the outermost first: ethertype and VLAN id of each."""
    octets = b"".join(struct.pack(">HH", ethertype, vlan) for ethertype, vlan in tags)
    return [
        frame._replace(
            data=frame.data[:12] + octets + frame.data[12:], original_length=frame.original_length + len(octets)
        )
        for frame in frames
    ]


def in_gre(frames: Sequence[Frame]) -> list[Frame]:
    """Ethernet frames inside GRE (RFC 2784) over IPv4: what is IP as such, the rest as whole frames."""
    return [_inside(frame, 47, *_gre_payload(frame)) for frame in frames]


def in_vxlan(frames: Sequence[Frame], network: int = 42) -> list[Frame]:
    """Ethernet frames inside VXLAN (RFC 7348) over UDP and IPv4."""
    wrapped = []
    for frame in frames:
        udp = struct.pack(">HHHH", 50_000, 4789, 16 + frame.original_length, 0)
        wrapped.append(_inside(frame, 17, udp + struct.pack(">II", 0x08000000, network << 8), 0))
    return wrapped


def _gre_payload(frame: Frame) -> tuple[bytes, int]:
    """The GRE header of a frame, and how many octets of the frame it stands for."""
    (ethertype,) = struct.unpack_from(">H", frame.data, 12)
    return (struct.pack(">HH", 0, ethertype), 14) if ethertype in _IP else (struct.pack(">HH", 0, _BRIDGING), 0)


def _inside(frame: Frame, protocol: int, header: bytes, without: int) -> Frame:
    """The frame, but for its first octets, behind Ethernet, IPv4 and another header."""
    length = 20 + len(header) + frame.original_length - without
    ip = struct.pack(">BBHHHBBH4s4s", 0x45, 0, length, 1, 0, 64, protocol, 0, b"\xcb\0\x71\1", b"\xcb\0\x71\2")
    outer = b"\2\0\0\0\0\1\2\0\0\0\0\2\x08\0" + ip + header
    return frame._replace(data=outer + frame.data[without:], original_length=14 + length)


def pcapng(frames: Sequence[Frame], order: str = "<", resolution: int = 9, sections: int = 1) -> bytes:
    """A pcapng file of frames of one link type, spread over sections one after the other."""
    octets = b""
    size = -(-len(frames) // sections) or 1
    for start in range(0, len(frames) or 1, size):
        octets += block(0x0A0D0D0A, struct.pack(order + "IHHq", 0x1A2B3C4D, 1, 0, -1), order)
        link_type = frames[0].link_type if frames else 1
        resolution_option = struct.pack(order + "HHB3xI", 9, 1, resolution, 0)
        octets += block(1, struct.pack(order + "HHI", link_type, 0, 262_144) + resolution_option, order)
        for frame in frames[start : start + size]:
            ticks = frame.time_ns * 10**resolution // 10**9
            fields = (0, ticks >> 32, ticks & 0xFFFFFFFF, len(frame.data), frame.original_length)
            octets += block(6, struct.pack(order + "5I", *fields) + frame.data, order)
    return octets
