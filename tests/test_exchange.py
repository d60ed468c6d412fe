"""The notation of exchanges: what it says, what it refuses, and that the decoder reads the frames made of it."""

from __future__ import annotations

import struct
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pcapcheck.capture.frame import Frame
from pcapcheck.decode.fragments import Fragments
from pcapcheck.decode.segment import (
    ACK,
    AE,
    BAD,
    GOOD,
    NOT_CHECKED,
    OPTIONS_UNSEEN,
    PARTIAL,
    PSH,
    RST,
    SYN,
    WINDOW_UNSEEN,
    IcmpError,
    Segment,
    Skip,
)
from pcapcheck.decode.through_dpkt import decode
from pcapcheck.errors import UsageError
from pcapcheck.testing import START_NS, Exchange, format_exchange, parse_exchange
from pcapcheck.testing.exchange import Line
from pcapcheck.testing.octets import Wire

CLIENT, SERVER = bytes([192, 0, 2, 1]), bytes([198, 51, 100, 2])

HANDSHAKE = """
# A right handshake
# and a request.
client 192.0.2.1:49152  server 198.51.100.2:443
isn 1000 5000
+0     > S  0:0(0) win 64240 <mss 1460,sackOK,TS val 10 ecr 0,nop,wscale 7>  # the SYN
+.020  < S. 0:0(0) ack 1 win 65160 <mss 1460>
+0     > .  1:1(0) ack 1
+.1    > P. 1:101(100) ack 1
"""


def only(line: str) -> Segment:
    """The one segment of a line."""
    [(_, _, segment)] = parse_exchange(line).segments()
    assert isinstance(segment, Segment)
    return segment


def decoded(exchange: Exchange) -> list[tuple[int, int, Segment | IcmpError]]:
    """What the decoder finds in the frames."""
    fragments = Fragments()
    found = []
    for frame in exchange.frames():
        content = decode(frame.link_type, frame.data, frame.original_length)
        if content is Skip.FRAGMENT:
            content = fragments.take(frame)
        if not isinstance(content, Skip):
            found.append((frame.number, frame.time_ns, content))
    return found


def test_handshake_literally() -> None:
    exchange = parse_exchange(HANDSHAKE)
    assert exchange.description == "A right handshake\nand a request."
    options = bytes.fromhex("020405b4 0402 080a0000000a00000000 01 030307")
    ms = 10**6
    assert exchange.segments() == [
        (1, START_NS, Segment(
            CLIENT, SERVER, 49152, 443, 1000, 0, SYN, 64240, 0, 64, 1, 0, options, 0, GOOD, -1, "")),
        (2, START_NS + 20 * ms, Segment(
            SERVER, CLIENT, 443, 49152, 5000, 1001, SYN | ACK, 65160, 0, 64, 1, 0, options[:4], 0, GOOD, -1, "")),
        (3, START_NS + 20 * ms, Segment(
            CLIENT, SERVER, 49152, 443, 1001, 5001, ACK, 65535, 0, 64, 2, 0, b"", 0, NOT_CHECKED, -1, "")),
        (4, START_NS + 120 * ms, Segment(
            CLIENT, SERVER, 49152, 443, 1001, 5001, PSH | ACK, 65535, 100, 64, 3, 0, b"", 0, NOT_CHECKED, -1, "")),
    ]  # fmt: skip
    assert decoded(exchange) == exchange.segments()


def test_octets_literally() -> None:
    # The checksums were worked out by hand: the words of IP header and pseudo-header add up to the complement.
    frame = parse_exchange("+0 > S 0 win 64240 <mss 1460>").frames()[0]
    assert frame == Frame(1, START_NS, 1, 58, bytes.fromhex(
        "020000000002 020000000001 0800"
        "4500002c 00014000 40064e94 c0000201 c6336402"
        "c0000050 000003e8 00000000 6002faf0 ecc50000 020405b4"
    ))  # fmt: skip


@pytest.mark.parametrize(
    ("line", "number", "length"),
    [
        ("+0 > P. 1:101(100) ack 1", 1001, 100),
        ("+0 > P. 1(100) ack 1", 1001, 100),
        ("+0 > . 1 ack 1", 1001, 0),
        ("+0 > . =0 ack 1", 0, 0),
        ("+0 > . =0:=5(5) ack 1", 0, 5),
        ("+0 > . -1 ack 1", 999, 0),
        ("isn 4294967295 7\n+0 > . 1:6(5) ack 1", 0, 5),
        ("isn 4294967295 7\n+0 > . =4294967295:4(5) ack 1", 2**32 - 1, 5),
    ],
)
def test_sequence_numbers(line: str, number: int, length: int) -> None:
    assert (only(line).seq, only(line).payload_length) == (number, length)


@pytest.mark.parametrize(
    ("line", "ack"),
    [
        ("+0 > . 1 ack 1", 5001),
        ("+0 < . 1 ack 1", 1001),
        ("+0 < . 1 ack =1", 1),
        ("+0 > . 1 ack -5001", 2**32 - 1),
        ("+0 > R 1", 0),
        ("+0 > R 1 ack =9", 9),
    ],
)
def test_acknowledgement_numbers(line: str, ack: int) -> None:
    assert only(line).ack == ack


@pytest.mark.parametrize(
    ("letters", "tcp_flags"),
    [
        ("S", SYN),
        ("R", RST),
        ("-", 0),
        ("Se", SYN | AE),
        ("FPU", 0x29),
        ("SEWe", 0x1C2),
        ("SS", SYN),
        ("FR", 0x05),
    ],
)
def test_flags(letters: str, tcp_flags: int) -> None:
    assert only(f"+0 > {letters} 0").tcp_flags == tcp_flags


@pytest.mark.parametrize(
    ("options", "octets"),
    [
        ("mss 1460", "020405b4"),
        ("sackOK,nop,nop", "0402 0101"),
        ("wscale 7", "030307 00"),
        ("TS val 4294967295 ecr 1 , nop", "080affffffff00000001 01 00"),
        ("sack 1:5 9:-1", "0512 00001389 0000138d 00001391 00001387 0000"),
        ("FO", "2202 0000"),
        ("FO 0102030405060708", "220a0102030405060708 0000"),
        ("md5", "1312" + "00" * 16 + "0000"),
        ("mptcp capable", "1e040101"),
        ("mptcp capable 0102030405060708", "1e0c0101 0102030405060708"),
        ("mptcp join aabbccdd00112233", "1e0c1000 aabbccdd 00112233"),
        ("opt 253:f989", "fd04f989"),
        ("opt 254,eol", "fe02 00 00"),
        ("raw 0200", "0200 0000"),
    ],
)
def test_options(options: str, octets: str) -> None:
    assert only(f"+0 > S 0 <{options}>").options == bytes.fromhex(octets)


def test_times_are_exact() -> None:
    text = "0.5 > S 0\n+.000000001 > S 0\n-1.25 > S 0\n+3600 > S 0\n7 > S 0"
    times = [time_ns - START_NS for _, time_ns, _ in parse_exchange(text).segments()]
    assert times == [500_000_000, 500_000_001, -749_999_999, 3_599_250_000_001, 7_000_000_000]


def test_flows_are_interleaved_by_time_and_keep_their_own_order() -> None:
    exchange = parse_exchange(
        """
        server 203.0.113.9:25
        flow a  client 192.0.2.1:1
        +0 > S 0
        +2 > S 0
        -.5 > S 0
        flow b  client 192.0.2.1:2  server [2001:db8::2]:80  client [2001:db8::1]:2
        +1 > S 0
        +1 > S 0
        flow c  client 192.0.2.1:3
        1 > S 0
        """
    )
    seen = [((time_ns - START_NS) / 1e9, segment.src_port) for _, time_ns, segment in exchange.segments()]
    assert seen == [(0, 1), (1, 2), (1, 3), (2, 1), (1.5, 1), (2, 2)]
    assert {segment.dst for _, _, segment in exchange.segments() if segment.src_port != 2} == {bytes([203, 0, 113, 9])}
    assert decoded(exchange) == exchange.segments()


def test_copies_and_frames_without_ip() -> None:
    exchange = parse_exchange("+0 > S 0\n+.000005 copy\n+.000001 copy ttl 63 vlan 10\n+5 arp\n+0 > S 0")
    first, copy, router, again = (segment for _, _, segment in exchange.segments())
    assert copy == first
    assert router == first._replace(ttl=63, vlan=10)
    assert again == first._replace(ip_id=2)
    assert [frame.number for frame in exchange.frames()] == [1, 2, 3, 4, 5]
    assert [number for number, _, _ in exchange.segments()] == [1, 2, 3, 5]
    assert decoded(exchange) == exchange.segments()


def test_icmp_errors() -> None:
    exchange = parse_exchange(
        """
        +0   > S 0
        +.01 < icmp 3/13 quotes 0 from 203.0.113.1 ttl 250 id 9
        +.01 < icmp 3/1 quotes =7
        +.01 > icmp 3/3 quotes 2
        client [2001:db8::1]:5 server [2001:db8::2]:6
        +.01 < icmp6 1/4 quotes 0 vlan 3
        """
    )
    _, prohibited, unreachable, from_client, version_6 = (content for _, _, content in exchange.segments())
    router = bytes([203, 0, 113, 1])
    assert prohibited == IcmpError(router, CLIENT, SERVER, 49152, 80, 1000, 4, 3, 13, 250, 9, -1, "")
    assert unreachable == IcmpError(SERVER, CLIENT, SERVER, 49152, 80, 7, 4, 3, 1, 64, 1, -1, "")
    assert from_client == IcmpError(CLIENT, SERVER, CLIENT, 80, 49152, 5002, 4, 3, 3, 64, 2, -1, "")
    one, two = bytes.fromhex("20010db8" + "00" * 11 + "01"), bytes.fromhex("20010db8" + "00" * 11 + "02")
    assert version_6 == IcmpError(two, one, two, 5, 6, 1000, 6, 1, 4, 64, -1, 3, "")
    assert decoded(exchange) == exchange.segments()


SYN_WITH_OPTIONS = "+0 > S 0 win 64240 <mss 1460,sackOK,nop,nop> "


@pytest.mark.parametrize(
    ("modifiers", "changes"),
    [
        ("ttl 63 id 7", {"ttl": 63, "ip_id": 7}),
        ("ecn CE", {"ecn": 3}),
        ("vlan 10", {"vlan": 10}),
        ("vlan 10.20", {"vlan": 10}),
        ("badsum", {"checksum": BAD}),
        ("partialsum", {"checksum": PARTIAL}),
        ("reserved 5", {"tcp_flags": 0xA02}),
        ("frag first", {"checksum": NOT_CHECKED}),
        ("pad", {}),
        ("cut 28", {}),
        ("cut 27", {"options": bytes.fromhex("020405b4040201"), "unseen": OPTIONS_UNSEEN, "checksum": NOT_CHECKED}),
        ("cut 16", {"options": b"", "unseen": OPTIONS_UNSEEN, "checksum": NOT_CHECKED}),
        (
            "cut 14",
            {"options": b"", "window": 0, "unseen": OPTIONS_UNSEEN | WINDOW_UNSEEN, "checksum": NOT_CHECKED},
        ),
    ],
)
@pytest.mark.parametrize("addresses", ["", "client [2001:db8::1]:49152 server [2001:db8::2]:80\n"])
def test_modifiers(modifiers: str, changes: dict[str, Any], addresses: str) -> None:
    if addresses:
        modifiers = modifiers.replace("id 7", "")
        changes = {name: change for name, change in changes.items() if name != "ip_id"}
    exchange = parse_exchange(addresses + SYN_WITH_OPTIONS + modifiers)
    assert [segment for _, _, segment in exchange.segments()] == [
        only(addresses + SYN_WITH_OPTIONS)._replace(**changes)
    ]
    assert decoded(exchange) == exchange.segments()


@pytest.mark.parametrize(
    ("modifiers", "skip"),
    [
        ("frag later", Skip.FRAGMENT),
        ("offset 4", Skip.BAD_HEADER),
        ("offset 15", Skip.BAD_HEADER),
        ("cut 13", Skip.CUT_HEADER),
    ],
)
def test_frames_that_hold_no_segment(modifiers: str, skip: Skip) -> None:
    exchange = parse_exchange(SYN_WITH_OPTIONS + modifiers)
    assert exchange.segments() == []
    [frame] = exchange.frames()
    assert decode(frame.link_type, frame.data, frame.original_length) == skip


def test_snaplen_cuts_every_frame() -> None:
    exchange = parse_exchange("snaplen 48\n" + HANDSHAKE)
    assert [(len(frame.data), frame.original_length) for frame in exchange.frames()] == [
        (48, 74),
        (48, 58),
        (48, 54),
        (48, 154),
    ]
    assert {getattr(content, "unseen", None) for _, _, content in exchange.segments()[:2]} == {
        WINDOW_UNSEEN | OPTIONS_UNSEEN
    }
    assert decoded(exchange) == exchange.segments()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("+0 > S 0\n\n+0 ? S 0", "line 3, column 4: expected > (sent by the client), < (sent by the server)"),
        ("speed 5", "line 1, column 1: expected a time or one of client"),
        ("+.0000000001 > S 0", "line 1, column 1: expected a time in seconds with at most 9 decimals"),
        ("+ > S 0", "line 1, column 1: expected a time in seconds, found '+'"),
        ("  +0 > SX 0", "line 1, column 8: expected flags"),
        ("+0 > S zero", "line 1, column 8: expected a sequence number"),
        ("+0 > S =4294967296", "line 1, column 8: expected a number of 32 bits after =, found '=4294967296'"),
        ("+0 > P. 1:100(100) ack 1", "line 1, column 9: expected 101 as the end of 100 octets from 1"),
        ("+0 > . 1(70000) ack 1", "line 1, column 8: expected at most"),
        ("+0 > . 1", "line 1, column 9: expected ack NUMBER, as the flags have a dot, found the end of the line"),
        ("+0 > . 1 ack x", "line 1, column 14: expected the acknowledgement number, found 'x'"),
        ("+0 > S 0 win 65536", "line 1, column 14: expected the window, 0 to 65535, found '65536'"),
        ("+0 > S 0 <nop,mss 70000>", "line 1, column 15: expected a number that fits the option"),
        ("+0 > S 0 <nop,mss>", "line 1, column 15: expected one of mss N"),
        ("+0 > S 0 <opt 300>", "line 1, column 11: expected a number that fits the option"),
        ("+0 > S 0 <raw " + "00" * 41 + ">", "line 1, column 10: expected at most 40 octets of options"),
        ("+0 > S 0 tll 5", "line 1, column 10: expected the end of the line or one of ecn"),
        ("+0 > S 0 ttl 256", "line 1, column 14: expected a TTL, 0 to 255, found '256'"),
        ("+0 > S 0 vlan 4096", "line 1, column 15: expected VLAN ids of 0 to 4095"),
        ("+0 > S 0 offset 5", "line 1, column 17: expected a data offset that is wrong"),
        ("+0 arp ttl 5", "line 1, column 8: expected the end of the line or one of vlan"),
        ("+0 copy", "line 1, column 1: expected a line before the copy"),
        ("client 192.0.2.256:1", "line 1, column 8: expected an IP address"),
        ("client 192.0.2.1", "line 1, column 8: expected ADDRESS:PORT"),
        ("client 192.0.2.1:65536", "line 1, column 8: expected a port, 0 to 65535"),
        ("client [2001:db8::1]:1\n+0 > S 0", "line 2, column 4: expected a client and a server that are both IPv4"),
        ("client [::1]:1 server [::2]:2\n+0 > S 0 id 5", "line 2, column 13: expected no id"),
        ("isn 1", "line 1, column 6: expected the server's ISN"),
        ("+0 < icmp6 1/1 quotes 0", "line 1, column 12: expected icmp between IPv4 addresses"),
        ("+0 < icmp 3 quotes 0", "line 1, column 11: expected ICMP TYPE/CODE"),
        ("+0 < icmp 3/1 quotes 0 from ::1", "line 1, column 29: expected an address of the same IP version"),
        ("+0 < icmp 3/1 quotes 0 badsum", "line 1, column 24: expected the end of the line or one of ttl"),
    ],
)
def test_errors_say_where_and_what(text: str, message: str) -> None:
    with pytest.raises(UsageError) as raised:
        parse_exchange(text)
    assert str(raised.value).startswith(message)


def test_pcap_octets() -> None:
    exchange = parse_exchange("1.000002 > S 0")
    capture = exchange.pcap()
    seconds = START_NS // 10**9 + 1
    assert capture[:40] == struct.pack("<IHHiIIIIIII", 0xA1B2C3D4, 2, 4, 0, 0, 262144, 1, seconds, 2, 54, 54)
    assert capture[40:] == exchange.frames()[0].data
    nano = exchange.pcap(nanoseconds=True)
    assert nano[:4] + nano[24:32] == struct.pack("<III", 0xA1B23C4D, seconds, 2000)


def test_a_pcap_in_microseconds_refuses_to_round() -> None:
    with pytest.raises(UsageError, match=r"frame 1: .*nanoseconds=True"):
        parse_exchange(".000000001 > S 0").pcap()


@st.composite
def lines(draw: st.DrawFn) -> Line:
    octets = 4 if draw(st.booleans()) else 16
    hosts = st.sampled_from([bytes([192, 0, 2, host]).rjust(octets, b"\x20") for host in (1, 2)])
    port, number = st.sampled_from([80, 49152]), st.integers(0, 2**32 - 1)
    common: dict[str, Any] = {
        "src": draw(hosts),
        "dst": draw(hosts),
        "src_port": draw(port),
        "dst_port": draw(port),
        "seq": draw(number),
        "ttl": draw(st.integers(0, 255)),
        "ip_id": draw(st.integers(0, 0xFFFF)) if octets == 4 else -1,
        "tunnel": "",
        "tenant": 0,
    }
    vlans = tuple(draw(st.lists(st.integers(0, 4095), max_size=2)))
    cut = draw(st.none() | st.integers(0, 70))
    common["vlan"] = vlans[0] if vlans else -1
    wire = Wire(draw(st.booleans()), vlans, cut=cut, padded=draw(st.booleans()))
    content: Segment | IcmpError
    if draw(st.integers(0, 4)) == 0:
        content = IcmpError(
            **common,
            reporter=draw(hosts),
            icmp_version=4 if octets == 4 else 6,
            icmp_type=3 if octets == 4 else 1,
            icmp_code=draw(st.integers(0, 15)),
        )
    else:
        options = draw(st.sampled_from(["", "020405b40101", "0204", "0103", "080a0000000100000000"]))
        tail = draw(st.binary(max_size=20))
        octets_of_options = bytes.fromhex(options) + tail
        content = Segment(
            **common,
            ack=draw(number),
            tcp_flags=draw(st.integers(0, 0xFFF)),
            window=draw(st.integers(0, 0xFFFF)),
            payload_length=draw(st.sampled_from([0, 1, 1460])),
            ecn=draw(st.integers(0, 3)),
            options=octets_of_options + b"\0" * (-len(octets_of_options) % 4),
            unseen=0,
            checksum=draw(st.sampled_from([GOOD, BAD, PARTIAL])),
        )
        wire = wire._replace(fragment=draw(st.sampled_from(["", "", "", "first", "later"])))
    return Line(START_NS + draw(st.integers(-(10**10), 10**10)), content, wire)


exchanges = st.lists(lines(), max_size=6).map(lambda drawn: Exchange("", tuple(drawn)))


@settings(deadline=None)
@given(exchanges)
def test_the_decoder_reads_what_was_written(exchange: Exchange) -> None:
    assert decoded(exchange) == exchange.segments()


@settings(deadline=None)
@given(exchanges)
def test_formatted_segments_are_read_back(exchange: Exchange) -> None:
    segments = exchange.segments()
    again = parse_exchange(format_exchange(segments)).segments()
    assert [content for _, _, content in again] == [content for _, _, content in segments]
    assert [time_ns for _, time_ns, _ in again] == [time_ns for _, time_ns, _ in segments]


def test_formatted_literally() -> None:
    kept = [entry for entry in parse_exchange(HANDSHAKE).segments() if entry[0] != 3]
    assert format_exchange(kept) == (
        "client 192.0.2.1:49152 server 198.51.100.2:443 isn 1000 5000\n"
        "+0     > S  0:0(0) win 64240 <mss 1460,sackOK,TS val 10 ecr 0,nop,wscale 7>\n"
        "+.02   < S. 0:0(0) ack 1 win 65160 <mss 1460>\n"
        "+.1    > P. 1:101(100) ack 1 win 65535 id 3  # frame 4\n"
    )


@pytest.mark.parametrize(
    "line",
    [
        "+0 > S 0 <raw 02040000>",
        "+0 > S 0 <raw 0301ffff>",
        "+0 > S 0 <raw 0300ffff>",
        "+0 > S 0 <raw 01010108>",
        "+0 > S 0 <raw 00000003>",
        "+0 > S 0 <raw 03040102>",
        "+0 > S 0 <opt 9,FO,md5>",
        f"+0 > S 0 <raw {'01' * 40}> cut 59",
        f"+0 > S 0 <raw {'01' * 40}> cut 56",
        f"+0 > S 0 <raw {'02' * 40}> cut 14",
        "+0 > S 0:9(9) cut 20",
        "+0 > S 0:9(9) frag first",
    ],
)
def test_odd_headers_are_read_back(line: str) -> None:
    segment = only(line)
    assert only(format_exchange([(1, START_NS, segment)])) == segment
