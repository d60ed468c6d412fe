"""IP in everything that can be around it: each builder wraps a datagram in the octets of one layer."""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Final, NamedTuple

from pcapcheck.tables import TUNNELS
from tests.decode.frames import ethernet, ip4, ip6

SNAP: Final = b"\xaa\xaa\x03\0\0\0"
MAC: Final = bytes(6)


def type_of(datagram: bytes) -> int:
    return 0x0800 if datagram[0] >> 4 == 4 else 0x86DD


def ether(datagram: bytes) -> bytes:
    return ethernet(type_of(datagram), datagram)


def llc(datagram: bytes) -> bytes:
    return SNAP + struct.pack(">H", type_of(datagram)) + datagram


def ppp(datagram: bytes) -> bytes:
    return (b"\0\x21" if datagram[0] >> 4 == 4 else b"\0\x57") + datagram


def family(datagram: bytes) -> int:
    return 2 if datagram[0] >> 4 == 4 else 24


def udp(port: int, payload: bytes, source: int = 50000) -> bytes:
    return ip4(struct.pack(">HHHH", source, port, 8 + len(payload), 0) + payload, 17)


def gre(protocol: int, payload: bytes, flags: int = 0, options: bytes = b"") -> bytes:
    return ip4(struct.pack(">HH", flags, protocol) + options + payload, 47)


def data_frame(payload: bytes, flags: int = 1, qos: bytes = b"", control: int = 0x08) -> bytes:
    """An 802.11 data frame; with ``qos`` of subtype QoS."""
    fourth = MAC if flags & 3 == 3 else b""
    return bytes([control | (0x80 if qos else 0), flags]) + bytes(2) + MAC * 3 + bytes(2) + fourth + qos + payload


def radiotap(payload: bytes, present: int = 0, fields: bytes = b"") -> bytes:
    return struct.pack("<BBHI", 0, 0, 8 + len(fields), present) + fields + payload


def nflog(datagram: bytes, order: str, *, bridged: bool = False) -> bytes:
    header = struct.pack(order + "HH", 8, 1) + struct.pack(">HBB", type_of(datagram), 3, 0)
    prefix = struct.pack(order + "HH", 9, 10) + b"fire\0" + bytes(3)  # padded to four octets
    payload = struct.pack(order + "HH", 4 + len(datagram), 9) + datagram
    family_of_log = 7 if bridged else family(datagram) if family(datagram) == 2 else 10
    return bytes([family_of_log, 0, 0, 5]) + header + prefix + payload


def amsdu(*payloads: bytes) -> bytes:
    parts = [bytes(12) + struct.pack(">H", len(payload)) + payload for payload in payloads]
    return b"".join(part.ljust(len(part) + 3 & ~3, b"\0") for part in parts[:-1]) + parts[-1]


class Link(NamedTuple):
    """A link type, and how a datagram looks in its frames."""

    link_type: int
    frame: Callable[[bytes], bytes]
    vlan: int = -1
    tunnel: str = ""


# The name says the document and what is special.
LINKS: Final = {
    "IEEE 802.3": Link(1, ether),
    "Cisco ISL": Link(1, lambda ip: b"\x01\0\x0c\0\0\0" + MAC + b"\0\x40" + bytes(12) + ether(ip)),
    "IEEE 802.5, source routed": Link(
        6, lambda ip: b"\x10\x40" + MAC + b"\x80" + bytes(5) + b"\x06" + bytes(5) + llc(ip)
    ),
    "RFC 1201, ARCNET": Link(7, lambda ip: b"\1\2" + bytes([212 if ip[0] >> 4 == 4 else 196]) + bytes(3) + ip),
    "RFC 1201, exception frame": Link(
        7, lambda ip: b"\1\2" + bytes([212 if ip[0] >> 4 == 4 else 196]) + b"\xff\0\0\xff" + bytes(3) + ip
    ),
    "ARCNET, Linux": Link(129, lambda ip: b"\1\2\0\0" + bytes([212 if ip[0] >> 4 == 4 else 196]) + bytes(3) + ip),
    "SLIP": Link(8, lambda ip: bytes(16) + ip),
    "RFC 1662, address and control": Link(9, lambda ip: b"\xff\x03" + ppp(ip)),
    "RFC 1661": Link(9, ppp),
    "RFC 1661, 6.5: compressed protocol": Link(9, lambda ip: ppp(ip)[1:]),
    "RFC 1990, not split": Link(9, lambda ip: b"\0\x3d\xc0\0\0\1" + ppp(ip)),
    "RFC 3518, bridged": Link(9, lambda ip: b"\0\x31\0\1" + ether(ip)),
    "PPP with direction": Link(204, lambda ip: b"\1\xff\x03" + ppp(ip)),
    "PPP of pppd": Link(166, lambda ip: b"\0" + ppp(ip)),
    "RFC 1547 in PPP": Link(50, lambda ip: b"\x0f\0" + struct.pack(">H", type_of(ip)) + ip),
    "RFC 1547": Link(104, lambda ip: b"\x8f\0" + struct.pack(">H", type_of(ip)) + ip),
    "RFC 1547 with a tag": Link(104, lambda ip: b"\x0f\0\x81\0\0\x07" + struct.pack(">H", type_of(ip)) + ip, vlan=7),
    "RFC 2427": Link(107, lambda ip: b"\x18\x41\x03" + (b"\xcc" if ip[0] >> 4 == 4 else b"\x8e") + ip),
    "RFC 2427 with SNAP": Link(107, lambda ip: b"\x18\x41\x03\0\x80\0\0\0" + struct.pack(">H", type_of(ip)) + ip),
    "frame relay, Cisco": Link(107, lambda ip: b"\x18\x41" + struct.pack(">H", type_of(ip)) + ip),
    "FDDI": Link(10, lambda ip: b"\x50" + MAC * 2 + llc(ip)),
    "RFC 2684": Link(11, llc),
    "RFC 2684, bridged": Link(11, lambda ip: b"\xaa\xaa\x03\0\x80\xc2\0\x07\0\0" + ether(ip)),
    "RFC 2684, NLPID": Link(11, lambda ip: b"\xfe\xfe\x03" + (b"\xcc" if ip[0] >> 4 == 4 else b"\x8e") + ip),
    "RFC 2684, nothing between": Link(100, lambda ip: ip),
    "SunATM": Link(123, lambda ip: b"\x02\0\0\1" + llc(ip)),
    "RFC 2625": Link(122, lambda ip: bytes(16) + llc(ip)),
    "IEEE 1394": Link(138, lambda ip: bytes(16) + struct.pack(">H", type_of(ip)) + ip),
    "IEEE 802.11": Link(105, lambda ip: data_frame(llc(ip))),
    "IEEE 802.11, four addresses": Link(105, lambda ip: data_frame(llc(ip), flags=3)),
    "IEEE 802.11, QoS": Link(105, lambda ip: data_frame(llc(ip), qos=b"\0\0")),
    "IEEE 802.11, QoS and HT control": Link(105, lambda ip: data_frame(llc(ip), flags=0x81, qos=bytes(6))),
    "IEEE 802.11, mesh": Link(105, lambda ip: data_frame(b"\x01" + bytes(11) + llc(ip), flags=3, qos=b"\0\1")),
    "IEEE 802.11, an A-MSDU of one": Link(105, lambda ip: data_frame(amsdu(llc(ip)), qos=b"\x80\0")),
    "IEEE 802.11, first fragment": Link(105, lambda ip: data_frame(llc(ip), flags=5)),
    "radiotap": Link(127, lambda ip: radiotap(data_frame(llc(ip)))),
    "radiotap, header padded": Link(
        127, lambda ip: radiotap(data_frame(b"\0\0" + llc(ip), qos=b"\0\0"), 3, bytes(8) + b"\x20")
    ),
    "radiotap, two words": Link(
        127,
        lambda ip: radiotap(data_frame(b"\0\0" + llc(ip), qos=b"\0\0"), 0x80000002, bytes(4) + b"\x20"),
    ),
    "PPI": Link(192, lambda ip: struct.pack("<BBHI", 0, 0, 12, 105) + bytes(4) + data_frame(llc(ip))),
    "PPI over Ethernet": Link(192, lambda ip: struct.pack("<BBHI", 0, 0, 8, 1) + ether(ip)),
    "AVS": Link(163, lambda ip: struct.pack(">II", 0x80211001, 64) + bytes(56) + data_frame(llc(ip))),
    "AVS as Prism": Link(119, lambda ip: struct.pack(">II", 0x80211001, 64) + bytes(56) + data_frame(llc(ip))),
    "Prism": Link(119, lambda ip: struct.pack("<II", 0x44, 144) + bytes(136) + data_frame(llc(ip))),
    "Prism, big-endian": Link(119, lambda ip: struct.pack(">II", 0x44, 144) + bytes(136) + data_frame(llc(ip))),
    "NULL, little-endian": Link(0, lambda ip: struct.pack("<I", family(ip)) + ip),
    "NULL, big-endian": Link(0, lambda ip: struct.pack(">I", family(ip)) + ip),
    "NULL with PPP": Link(0, lambda ip: b"\xff\x03" + ppp(ip)),
    "NULL with an ethertype": Link(0, lambda ip: struct.pack(">I", type_of(ip)) + ip),
    "LOOP": Link(108, lambda ip: struct.pack(">I", family(ip)) + ip),
    "ENC": Link(109, lambda ip: struct.pack("<I", family(ip)) + bytes(8) + ip),
    "SLL": Link(113, lambda ip: struct.pack(">HHH8sH", 0, 1, 6, bytes(8), type_of(ip)) + ip),
    "SLL of radiotap": Link(
        113, lambda ip: struct.pack(">HHH8sH", 0, 803, 6, bytes(8), 4) + radiotap(data_frame(llc(ip)))
    ),
    "SLL2": Link(276, lambda ip: struct.pack(">HHIHBB8s", type_of(ip), 0, 3, 1, 0, 6, bytes(8)) + ip),
    "PFLOG, 61 octets": Link(117, lambda ip: bytes([61, family(ip)]) + bytes(62) + ip),
    "PFLOG, 100 octets": Link(117, lambda ip: bytes([100, family(ip)]) + bytes(98) + ip),
    "PFLOG, first generation": Link(17, lambda ip: struct.pack(">I", family(ip)) + bytes(24) + ip),
    "IPNET": Link(226, lambda ip: bytes([1, 2 if ip[0] >> 4 == 4 else 26]) + bytes(22) + ip),
    "NFLOG, little-endian": Link(239, lambda ip: nflog(ip, "<")),
    "NFLOG, big-endian": Link(239, lambda ip: nflog(ip, ">")),
    "NFLOG of ebtables": Link(239, lambda ip: nflog(ip, "<", bridged=True)),
    "netANALYZER": Link(240, lambda ip: bytes(4) + ether(ip)),
    "RFC 4391": Link(242, lambda ip: bytes(40) + struct.pack(">HH", type_of(ip), 0) + ip),
    "PKTAP of Ethernet": Link(258, lambda ip: struct.pack("<III", 108, 1, 1) + bytes(96) + ether(ip)),
    "PKTAP of raw IP": Link(258, lambda ip: struct.pack("<III", 108, 1, 12) + bytes(96) + ip),
    "IEEE 802.3br": Link(274, lambda ip: bytes(8) + ether(ip)),
    "PPPoE": Link(51, lambda ip: b"\x11\0\0\1" + struct.pack(">H", 2 + len(ip)) + ppp(ip), tunnel="pppoe"),
    "RFC 948": Link(1, lambda ip: ethernet(3 + len(ip), b"\x06\x06\x03" + ip) if ip[0] >> 4 == 4 else ether(ip)),
    "VN-Tag": Link(1, lambda ip: ethernet(0x8926, bytes(4) + struct.pack(">H", type_of(ip)) + ip)),
    "IEEE 802.1BR": Link(1, lambda ip: ethernet(0x893F, bytes(6) + struct.pack(">H", type_of(ip)) + ip)),
    "HSR": Link(1, lambda ip: ethernet(0x892F, bytes(4) + struct.pack(">H", type_of(ip)) + ip)),
    "Cisco metadata": Link(1, lambda ip: ethernet(0x8909, b"\1\1" + bytes(4) + struct.pack(">H", type_of(ip)) + ip)),
    "MACsec, authenticated only": Link(1, lambda ip: ethernet(0x88E5, bytes(6) + struct.pack(">H", type_of(ip)) + ip)),
    "MACsec with its SCI": Link(
        1, lambda ip: ethernet(0x88E5, b"\x20" + bytes(13) + struct.pack(">H", type_of(ip)) + ip)
    ),
    "802.11 in Ethernet": Link(1, lambda ip: ethernet(0x2452, data_frame(llc(ip)))),
    "802.11 in Ethernet, was WEP": Link(
        1, lambda ip: ethernet(0x2452, data_frame(b"\x66\x15\x83\0" + llc(ip), flags=0x41))
    ),
    "802.11 in Ethernet, was CCMP": Link(
        1, lambda ip: ethernet(0x2452, data_frame(b"\1\0\0\x20\0\0\0\0" + llc(ip), flags=0x41))
    ),
    "jumbo LLC": Link(1, lambda ip: ethernet(0x8870, llc(ip))),
    "eight tags": Link(
        1, lambda ip: ethernet(type_of(ip), ip, *[(0x88A8, 9)] + [(0x8100, number) for number in range(7)]), vlan=9
    ),
}


class Tunnel(NamedTuple):
    """A tunnel in an IPv4 datagram, or in an Ethernet frame where ``ethertype`` says so."""

    tunnel: str
    wrap: Callable[[bytes], bytes]
    ethertype: int = 0
    number: int | None = None  # of the virtual network


def label(number: int, *, bottom: bool = False) -> bytes:
    return struct.pack(">I", number << 12 | bottom << 8 | 64)


TUNNELS_MADE: Final = {
    "RFC 2003 and 4213": Tunnel("ipip or 6in4", lambda ip: ip4(ip, 4 if ip[0] >> 4 == 4 else 41)),
    "RFC 2473": Tunnel("4in6 or 6in6", lambda ip: ip6(ip, 4 if ip[0] >> 4 == 4 else 41)),
    "RFC 2784": Tunnel("gre", lambda ip: gre(type_of(ip), ip)),
    "RFC 2890, checksum, key, sequence": Tunnel("gre", lambda ip: gre(type_of(ip), ip, 0xB000, bytes(12))),
    "RFC 1701, routing": Tunnel(
        "gre", lambda ip: gre(type_of(ip), ip, 0x4000, bytes(4) + b"\x08\0\0\4" + bytes(4) + bytes(4))
    ),
    "GRE with Ethernet": Tunnel("gre", lambda ip: gre(0x6558, ether(ip))),
    "GRE with Ethernet, a small key": Tunnel("gre", lambda ip: gre(0x6558, ether(ip), 0x2000, struct.pack(">I", 77))),
    "RFC 7637": Tunnel(
        "nvgre", lambda ip: gre(0x6558, ether(ip), 0x2000, struct.pack(">I", 0x5000 << 8)), number=0x5000
    ),
    "RFC 2637": Tunnel("pptp", lambda ip: gre(0x880B, b"\xff\x03" + ppp(ip), 0x3081, bytes(12))),
    "WCCP": Tunnel("gre", lambda ip: gre(0x883E, b"\0\0\0\1" + ip) if ip[0] >> 4 == 4 else gre(0x86DD, ip)),
    "Aruba": Tunnel("gre", lambda ip: gre(0x8200, data_frame(llc(ip)))),
    "ERSPAN I": Tunnel("erspan", lambda ip: gre(0x88BE, ether(ip))),
    "ERSPAN II": Tunnel("erspan", lambda ip: gre(0x88BE, b"\x10" + bytes(7) + ether(ip), 0x1000, bytes(4))),
    "ERSPAN III": Tunnel("erspan", lambda ip: gre(0x22EB, b"\x20" + bytes(11) + ether(ip), 0x1000, bytes(4))),
    "ERSPAN III, subheader": Tunnel(
        "erspan", lambda ip: gre(0x22EB, b"\x20" + bytes(10) + b"\x01" + bytes(8) + ether(ip), 0x1000, bytes(4))
    ),
    "ERSPAN III, IP": Tunnel("erspan", lambda ip: gre(0x22EB, b"\x20" + bytes(9) + b"\x08\0" + ip, 0x1000, bytes(4))),
    "RFC 3378": Tunnel("etherip", lambda ip: ip4(b"\x30\0" + ether(ip), 97)),
    "RFC 8986": Tunnel("srv6", lambda ip: ip6(ether(ip), 143)),
    "RFC 3931 over IP": Tunnel("l2tp", lambda ip: ip4(b"\0\0\0\7" + bytes(4) + summed(ether, ip), 115)),
    "RFC 3931 over UDP": Tunnel("l2tp", lambda ip: udp(1701, b"\0\3\0\0\0\0\0\7" + bytes(12) + summed(ether, ip))),
    "RFC 2661": Tunnel("l2tp", lambda ip: udp(1701, b"\0\2\0\1\0\1\xff\x03" + ppp(ip), source=1701)),
    "RFC 2661, all fields": Tunnel(
        "l2tp",
        lambda ip: udp(
            1701, struct.pack(">HHHHHHH2s", 0x4A02, 16 + 4 + len(ip), 1, 1, 0, 0, 2, b"") + b"\xff\x03" + ppp(ip)
        ),
    ),
    "RFC 7348": Tunnel("vxlan", lambda ip: udp(4789, b"\x08\0\0\0\0\1\2\0" + ether(ip)), number=0x102),
    "VXLAN, group policy": Tunnel("vxlan", lambda ip: udp(8472, b"\x88\x08\0\x09\0\0\x05\0" + ether(ip)), number=5),
    "VXLAN, reserved bits filled": Tunnel(
        "vxlan", lambda ip: udp(4789, b"\xff\1\2\3\0\0\x05\7" + summed(ether, ip)), number=5
    ),
    "VXLAN-GPE, IP": Tunnel(
        "vxlan-gpe", lambda ip: udp(4790, b"\x0c\0\0" + bytes([1 + (ip[0] >> 4 == 6)]) + b"\0\0\x05\0" + ip), number=5
    ),
    "VXLAN-GPE, Ethernet": Tunnel("vxlan-gpe", lambda ip: udp(4790, b"\x08\0\0\0\0\0\x05\0" + ether(ip)), number=5),
    "VXLAN-GPE, NSH": Tunnel("nsh", lambda ip: udp(4790, b"\x0c\0\0\4\0\0\x05\0\0\2\1\3\0\0\0\0" + ether(ip))),
    "RFC 8926": Tunnel("geneve", lambda ip: udp(6081, b"\0\0\x65\x58\0\0\x05\0" + ether(ip)), number=5),
    "RFC 8926, options and IP": Tunnel(
        "geneve",
        lambda ip: udp(6081, b"\3\x40" + struct.pack(">H", type_of(ip)) + b"\0\0\x05\0" + b"\1\2\3\1" + bytes(8) + ip),
        number=5,
    ),
    "TS 29.281": Tunnel("gtp-u", lambda ip: udp(2152, struct.pack(">BBHI", 0x30, 255, len(ip), 9) + ip)),
    "TS 29.281, extension headers": Tunnel(
        "gtp-u",
        lambda ip: udp(
            2152,
            struct.pack(">BBHI", 0x36, 255, 16 + len(ip), 9) + b"\0\1\0\x85\1\0\0\xc0\2" + bytes(6) + b"\0" + ip,
        ),
    ),
    "RFC 9300": Tunnel("lisp", lambda ip: udp(4341, bytes(8) + summed(bytes, ip))),
    "GUE, version 0": Tunnel(
        "gue", lambda ip: udp(6080, bytes([1, 4 if ip[0] >> 4 == 4 else 41]) + bytes(6) + summed(bytes, ip))
    ),
    "GUE, version 1": Tunnel("gue", lambda ip: udp(6080, summed(bytes, ip))),
    "FOU": Tunnel("fou", lambda ip: udp(5555, summed(bytes, ip))),
    "RFC 7510": Tunnel("mpls", lambda ip: udp(6635, label(5) + label(6, bottom=True) + summed(bytes, ip))),
    "RFC 4023": Tunnel("mpls", lambda ip: ip4(label(5, bottom=True) + ip, 137)),
    "RFC 8086": Tunnel("gre", lambda ip: udp(4754, b"\0\0" + struct.pack(">H", type_of(ip)) + ip)),
    "AYIYA": Tunnel(
        "ayiya",
        lambda ip: udp(5072, b"\x41\x52\x11" + bytes([4 if ip[0] >> 4 == 4 else 41]) + bytes(40) + summed(bytes, ip)),
    ),
    "RFC 5415, 802.3": Tunnel("capwap", lambda ip: udp(5247, b"\0\x10\2\0\0\0\0\0" + ether(ip))),
    "RFC 5415, 802.11": Tunnel("capwap", lambda ip: udp(5247, b"\0\x10\3\0\0\0\0\0" + data_frame(llc(ip)))),
    "RFC 5415, turned round": Tunnel(
        "capwap", lambda ip: udp(5247, b"\0\x10\3\0\0\0\0\0" + b"\x11\x08" + data_frame(llc(ip))[2:])
    ),
    "TZSP": Tunnel("tzsp", lambda ip: udp(37008, b"\1\0\0\1\0\x0a\1\x50\1" + ether(ip))),
    "RFC 3032": Tunnel("mpls", lambda ip: label(5, bottom=True) + ip, 0x8847),
    "RFC 3032, twenty labels": Tunnel("mpls", lambda ip: label(5) * 19 + label(2, bottom=True) + ip, 0x8848),
    "RFC 4448": Tunnel("mpls", lambda ip: label(5, bottom=True) + ether(ip), 0x8847),
    "RFC 4385": Tunnel("mpls", lambda ip: label(5, bottom=True) + bytes(4) + ether(ip), 0x8847),
    "RFC 4385 with IP": Tunnel("mpls", lambda ip: label(5, bottom=True) + bytes(4) + summed(bytes, ip), 0x8847),
    "RFC 4618, PPP": Tunnel("mpls", lambda ip: label(5, bottom=True) + bytes(4) + b"\xff\x03" + ppp(ip), 0x8847),
    "RFC 4618, HDLC": Tunnel(
        "mpls", lambda ip: label(5, bottom=True) + b"\x0f\0" + struct.pack(">H", type_of(ip)) + ip, 0x8847
    ),
    "RFC 2516": Tunnel("pppoe", lambda ip: b"\x11\0\0\1" + struct.pack(">H", 2 + len(ip)) + ppp(ip), 0x8864),
    "RFC 6325": Tunnel("trill", lambda ip: b"\0\x40" + bytes(8) + ether(ip), 0x22F3),
    "IEEE 802.1ah": Tunnel("pbb", lambda ip: bytes(4) + ether(ip), 0x88E7),
    "FabricPath": Tunnel("fabricpath", lambda ip: bytes(2) + ether(ip), 0x8903),
    "RFC 8300": Tunnel("nsh", lambda ip: b"\0\2\1" + bytes([1 + (ip[0] >> 4 == 6)]) + bytes(4) + ip, 0x894F),
}


def summed(wrap: Callable[[bytes], bytes], datagram: bytes) -> bytes:
    """The datagram with a right header checksum, wrapped."""
    if datagram[0] >> 4 == 4:
        size = (datagram[0] & 0xF) * 4
        total = sum(struct.unpack(f">{size // 2}H", datagram[:10] + bytes(2) + datagram[12:size]))
        while total > 0xFFFF:
            total = (total & 0xFFFF) + (total >> 16)
        datagram = datagram[:10] + struct.pack(">H", total ^ 0xFFFF) + datagram[12:]
    return wrap(datagram)


def expected(tunnel: Tunnel, datagram: bytes, tenant: int = 0) -> dict[str, str | int]:
    """What a segment says of the tunnel; ``tenant`` is that of what lies around it."""
    name = tunnel.tunnel.split(" or ")[datagram[0] >> 4 == 6 if " or " in tunnel.tunnel else 0]
    if tunnel.number is not None:
        tenant = TUNNELS.index(name) << 32 | tunnel.number
    return {"tunnel": name, "tenant": tenant}
