"""A segment is the same in every link type and every tunnel; and no random octets on a tunnel's port are one."""

from __future__ import annotations

import struct
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pcapcheck.decode.layout import DEEPEST
from pcapcheck.decode.numbers import ETHERTYPES, LINK_TYPES, UDP_PORTS
from pcapcheck.decode.segment import IcmpError, Segment, Skip
from pcapcheck.decode.through_dpkt import decode
from pcapcheck.tables import TUNNELS
from tests.decode.frames import (
    A6,
    ETHERNET,
    IP4,
    RAW,
    SEGMENT4,
    SEGMENT6,
    decoded,
    decoded4,
    ethernet,
    icmp,
    ip4,
    ip6,
    tcp,
)  # fmt: skip
from tests.decode.wrapped import (
    LINKS,
    TUNNELS_MADE,
    amsdu,
    data_frame,
    ether,
    expected,
    label,
    llc,
    ppp,
    radiotap,
    udp,
)  # fmt: skip

TEREDO = bytes.fromhex("20010000") + bytes(12)
FOUR, SIX = ip4(tcp(b"data")), ip6(tcp(b"data"))
BARE = {FOUR: SEGMENT4._replace(payload_length=4), SIX: SEGMENT6._replace(payload_length=4)}
# NSH says no number; the one of VXLAN-GPE around it stays.
GPE_AROUND = TUNNELS.index("vxlan-gpe") << 32 | 5


def in_tunnel(name: str, datagram: bytes) -> tuple[int, bytes]:
    """The link type and the frame of a datagram in this tunnel."""
    tunnel = TUNNELS_MADE[name]
    wrapped = tunnel.wrap(datagram)
    return (ETHERNET, ethernet(tunnel.ethertype, wrapped)) if tunnel.ethertype else (RAW, wrapped)


@pytest.mark.parametrize("datagram", [FOUR, SIX], ids=["IPv4", "IPv6"])
@pytest.mark.parametrize("name", LINKS)
def test_a_segment_in_every_link_type(name: str, datagram: bytes) -> None:
    link = LINKS[name]
    found = decoded(link.frame(datagram), link.link_type)
    assert found == BARE[datagram]._replace(vlan=link.vlan, tunnel=link.tunnel)


@pytest.mark.parametrize("datagram", [FOUR, SIX], ids=["IPv4", "IPv6"])
@pytest.mark.parametrize("name", TUNNELS_MADE)
def test_a_segment_in_every_tunnel(name: str, datagram: bytes) -> None:
    link_type, frame = in_tunnel(name, datagram)
    around = expected(TUNNELS_MADE[name], datagram, GPE_AROUND if name == "VXLAN-GPE, NSH" else 0)
    assert decoded(frame, link_type) == BARE[datagram]._replace(**around)


def test_every_name_of_a_tunnel_is_given() -> None:
    given_names = {word for tunnel in TUNNELS_MADE.values() for word in tunnel.tunnel.split(" or ")}
    assert given_names | {"", "teredo"} == set(TUNNELS)


def test_every_link_type_is_tried() -> None:
    tried = {link.link_type for link in LINKS.values()} | {12, 14, 101, 106, 205, 206, 228, 229}
    assert tried == {number for number, layer in LINK_TYPES.items() if layer is not Skip.USER_LINK_TYPE}


PORTS, NUMBERS = st.integers(0, 0xFFFF), st.integers(0, 0xFFFFFFFF)


@st.composite
def segments(draw: st.DrawFn) -> bytes:
    header = struct.pack(
        ">HHIIHHHH",
        draw(PORTS),
        draw(PORTS),
        draw(NUMBERS),
        draw(NUMBERS),
        0x5000 | draw(st.integers(0, 0xFFF)),
        9,
        0,
        0,
    )
    payload = header + draw(st.binary(max_size=30))
    return ip4(payload) if draw(st.booleans()) else ip6(payload)


@settings(max_examples=400, deadline=None)
@given(
    datagram=segments(),
    names=st.lists(st.sampled_from(sorted(TUNNELS_MADE)), max_size=4),
    link=st.sampled_from(sorted(LINKS)),
)
def test_unwrapping_undoes_wrapping(datagram: bytes, names: list[str], link: str) -> None:
    """However a datagram is wrapped, its segment is that of the datagram alone."""
    bare = decode(RAW, datagram, len(datagram))
    frame, wrapped_name = datagram, ""
    for name in names:
        if not TUNNELS_MADE[name].ethertype:
            frame, wrapped_name = TUNNELS_MADE[name].wrap(frame), wrapped_name or name
    frame = LINKS[link].frame(frame)
    found = decode(LINKS[link].link_type, frame, len(frame))
    assert isinstance(bare, Segment)
    assert isinstance(found, Segment)
    tunnel = expected(TUNNELS_MADE[wrapped_name], datagram)["tunnel"] if wrapped_name else LINKS[link].tunnel
    assert found._replace(vlan=-1, tunnel="", tenant=0) == bare
    assert found.tunnel == tunnel


@pytest.mark.parametrize("name", TUNNELS_MADE)
def test_a_cut_anywhere_and_any_octet_changed_never_raises(name: str) -> None:
    link_type, frame = in_tunnel(name, FOUR)
    random = Random(name)
    for cut in range(len(frame)):
        decode(link_type, frame[:cut], len(frame))
        changed = bytearray(frame)
        changed[cut] = random.randrange(256)
        decode(link_type, bytes(changed), len(frame))


@pytest.mark.parametrize("name", LINKS)
def test_a_cut_anywhere_of_a_link_type_never_raises(name: str) -> None:
    link_type, frame = LINKS[name].link_type, LINKS[name].frame(SIX)
    for cut in range(len(frame)):
        found = decode(link_type, frame[:cut], len(frame))
        assert isinstance(found, Segment) or found in (Skip.CUT_HEADER, Skip.NOT_IP, Skip.BAD_HEADER, Skip.AGGREGATE)


def test_random_octets_on_a_tunnels_port_are_no_segment() -> None:
    """A hundred thousand datagrams of random octets between the ports of all tunnels: not one segment, nor a fault."""
    random = Random(4789)
    reasons = set()
    for _ in range(100_000):
        payload = random.randbytes(random.choice((20, 60, 200)))
        reasons.add(decode(RAW, frame := udp(random.choice(list(UDP_PORTS)), payload), len(frame)))
    assert reasons <= {Skip.NOT_TCP, Skip.ENCRYPTED, Skip.TUNNEL, Skip.NOT_IP, Skip.LINK_FRAGMENT}
    assert Skip.NOT_TCP in reasons


@pytest.mark.parametrize(
    ("port", "payload"),
    [
        (4789, b"\x08\0\0\0\0\0\x05\x01" + ether(FOUR)),  # RFC 7348: reserved
        (4789, b"\0\0\0\0\0\0\x05\0" + ether(FOUR)),  # no I flag
        (4790, b"\x1c\0\0\1\0\0\x05\0" + FOUR),  # version 1
        (6081, b"\x40\0\x65\x58\0\0\x05\0" + ether(FOUR)),  # version 1
        (6081, b"\0\x80\x65\x58\0\0\x05\0" + ether(FOUR)),  # control
        (6081, b"\2\0\x65\x58\0\0\x05\0\0\0\0\2" + bytes(4) + ether(FOUR)),  # an option over the end
        (2152, struct.pack(">BBHI", 0x30, 255, len(FOUR) + 1, 9) + FOUR),  # the length
        (2152, struct.pack(">BBHI", 0x10, 255, len(FOUR), 9) + FOUR),  # version 0 of GTP'
        (2152, struct.pack(">BBHI", 0x30, 1, len(FOUR), 9) + FOUR),  # an echo
        (1701, b"\x80\2\0\1\0\1\xff\x03" + ppp(FOUR)),  # control
        (1701, b"\x10\2\0\1\0\1\xff\x03" + ppp(FOUR)),  # reserved
        (1701, b"\x40\2\0\1\0\1\0\1\xff\x03" + ppp(FOUR)),  # the length
        (5555, FOUR),  # the header checksum is not right
        (4341, bytes(8) + FOUR),
        (6080, b"\x20\4\0\0" + FOUR),  # control
        (4754, b"\x40\0\x08\0" + bytes(4) + FOUR),  # RFC 8086: no routing
        (5247, b"\0\x10\2\7\0\0\0\0" + ether(FOUR)),  # reserved
        (37008, b"\2\0\0\1\1" + ether(FOUR)),  # version 2
        (3544, SIX),  # neither address is one of Teredo's
        (12345, b"\x08\0\0\0\0\0\x05\0" + ether(FOUR)),  # another port
    ],
)
def test_what_only_looks_like_a_tunnel(port: int, payload: bytes) -> None:
    assert decoded(udp(port, payload), RAW) is Skip.NOT_TCP


@pytest.mark.parametrize(
    ("frame", "ports"),
    [
        (ip6(tcp(), src=TEREDO), (50000, 3544)),
        (ip6(tcp(), dst=TEREDO), (3544, 50000)),
        (b"\0\0" + bytes(6) + ip6(tcp(), dst=TEREDO), (3544, 50000)),  # origin
        (b"\0\1\2\3" + bytes(5) + bytes(9) + b"\0\0" + bytes(6) + ip6(tcp(), dst=TEREDO), (3544, 50000)),
    ],
)
def test_teredo(frame: bytes, ports: tuple[int, int]) -> None:
    """RFC 4380, sections 2.6 and 5.1.1."""
    found = decoded(udp(ports[1], frame, source=ports[0]), RAW)
    assert isinstance(found, Segment)
    assert (found.tunnel, found.src_port, len(found.src)) == ("teredo", 40000, 16)
    assert TEREDO in (found.src, found.dst)
    assert A6 in (found.src, found.dst) or found.src == TEREDO


@pytest.mark.parametrize(
    ("frame", "link_type", "reason"),
    [
        (data_frame(llc(FOUR), flags=0x41), 105, Skip.ENCRYPTED),
        (radiotap(data_frame(llc(FOUR), flags=0x41)), 127, Skip.ENCRYPTED),
        (data_frame(b"", control=0x48), 105, Skip.NOT_IP),  # no data
        (data_frame(b"", control=0x80), 105, Skip.NOT_IP),  # a beacon
        (data_frame(llc(FOUR))[:22] + b"\x01\0" + llc(FOUR), 105, Skip.LINK_FRAGMENT),
        (data_frame(amsdu(llc(FOUR), llc(FOUR)), qos=b"\x80\0"), 105, Skip.AGGREGATE),
        (b"\0\x3d\x80\0\0\1" + ppp(FOUR), 9, Skip.LINK_FRAGMENT),
        (b"\0\xfd" + bytes(40), 9, Skip.ENCRYPTED),
        (b"\1\2\xd4\x02\0\0" + FOUR, 7, Skip.LINK_FRAGMENT),
        (ethernet(0x88E5, b"\x0c" + bytes(60)), 1, Skip.ENCRYPTED),
        (ip4(bytes(40), 50), RAW, Skip.ENCRYPTED),
        (udp(4500, b"\1\2\3\4" + bytes(40)), RAW, Skip.ENCRYPTED),  # RFC 3948
        (udp(4500, bytes(40)), RAW, Skip.NOT_TCP),  # IKE
        (udp(4500, b"\xff"), RAW, Skip.NOT_TCP),  # a keepalive
        (udp(5247, b"\1\0\0\0\x17\xfe\xfd" + bytes(30)), RAW, Skip.ENCRYPTED),
        (ip4(b"\x30\x81\x88\x0b" + bytes(12), 47), RAW, Skip.CUT_HEADER),
        (ip4(b"\x20\x01\x88\x0b" + bytes(8), 47), RAW, Skip.NOT_IP),  # an acknowledgement alone
        (ip4(bytes(4), 47), RAW, Skip.NOT_IP),  # a keepalive of GRE
        (ip4(bytes(12), 115), RAW, Skip.NOT_TCP),  # control of L2TPv3
        (ethernet(0x8847, label(5, bottom=True) + b"\x10\0\0\x21" + bytes(20)), 1, Skip.NOT_IP),  # RFC 5586
        (ethernet(0x8847, label(5, bottom=True) + bytes(60)), 1, Skip.TUNNEL),
        (ethernet(0x8847, label(5) * 15), 1, Skip.CUT_HEADER),
        (FOUR, 150, Skip.USER_LINK_TYPE),
        (struct.pack("<III", 108, 1, 150) + bytes(96), 258, Skip.USER_LINK_TYPE),
    ],
)
def test_what_is_named_and_not_opened(frame: bytes, link_type: int, reason: Skip) -> None:
    assert decoded(frame, link_type) is reason


def test_nesting_is_bounded() -> None:
    frame = FOUR
    for _ in range(DEEPEST):
        frame = ip4(frame, 4)
    assert isinstance(decoded(frame, RAW), Segment)
    assert decoded(ip4(frame, 4), RAW) is Skip.TOO_DEEP
    deep = ether(FOUR)
    for _ in range(2000):
        deep = ethernet(0x88E7, bytes(4) + deep)
    assert decoded(deep) is Skip.TOO_DEEP


def test_an_icmp_error_in_a_tunnel() -> None:
    found = decoded4(ip4(icmp(3, 1, ip4(tcp())), 1), 4)
    assert isinstance(found, IcmpError)
    assert found.tunnel == "ipip"


def test_what_a_tunnel_cuts_off_is_not_read() -> None:
    """Padding behind the outer datagram belongs to nobody."""
    short = ethernet(IP4, ip4(FOUR[:30], 4)) + b"\x50\x02" * 20
    assert decoded(short) is Skip.CUT_HEADER


def test_the_first_fragment_of_a_tunnel_holds_the_segment() -> None:
    inner = ip4(tcp(b"x" * 600))
    outer = udp(2152, struct.pack(">BBHI", 0x30, 255, len(inner), 9) + inner)
    first = outer[:2] + struct.pack(">H", 420) + outer[4:6] + b"\x20\0" + outer[8:420]
    assert decoded(first, RAW) == SEGMENT4._replace(payload_length=600, tunnel="gtp-u")


def test_every_ethertype_leads_somewhere() -> None:
    for ethertype, layer in ETHERTYPES.items():
        if isinstance(layer, Skip):
            assert decoded(ethernet(ethertype, bytes(60))) is layer
