"""What real hosts and networks do, and no verifier may hold against them: no warning and no error."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import pytest

from pcapcheck.capture.frame import Frame
from pcapcheck.decode.segment import Segment
from pcapcheck.decode.through_dpkt import decode
from pcapcheck.judge import judge
from pcapcheck.report.report import Report
from pcapcheck.rules import RULES, Findings, findings_of
from pcapcheck.select import select
from pcapcheck.stretch import CaptureFacts
from pcapcheck.tables import OUTCOMES
from pcapcheck.testing import parse_exchange

Examine = Callable[[str | bytes], Report]

HANDSHAKE: Final = """
    +0   > S  0:0(0) win 64240 <mss 1460,sackOK,nop,wscale 7>
    +.02 < S. 0:0(0) ack 1 win 65160 <mss 1460,sackOK,nop,wscale 7>
    +0   > .  1:1(0) ack 1
"""
LATER: Final = """
    +.1  > P. 1:101(100) ack 1
    +.02 < .  1:1(0) ack 101
"""

# Name: exchange, outcomes.
EXCHANGES: Final = {
    "Fast Open: the SYN-ACK acknowledges data beyond ISN+1": (
        """
        +0   > S  0:100(100) win 64240 <mss 1460,FO 0011223344556677>
        +.02 < S. 0:0(0) ack 101 win 65160
        +0   > .  101:101(0) ack 1
        """,
        {"established": 1},
    ),
    "Fast Open: the SYN-ACK acknowledges a part of the data, and the rest is sent again": (
        """
        +0   > S  0:100(100) win 64240 <mss 1460,FO 0011223344556677>
        +.02 < S. 0:0(0) ack 51 win 65160
        +0   > .  51:101(50) ack 1
        """,
        {"established": 1},
    ),
    "Fast Open: the server ignores the data, and it is sent again": (
        """
        +0   > S  0:100(100) win 64240 <mss 1460,FO 0011223344556677>
        +.02 < S. 0:0(0) ack 1 win 65160
        +0   > P. 1:101(100) ack 1
        """,
        {"established": 1},
    ),
    "data on the third segment": (
        """
        +0   > S  0:0(0) win 64240
        +.02 < S. 0:0(0) ack 1 win 65160
        +0   > P. 1:101(100) ack 1
        +.02 < .  1:1(0) ack 101
        """,
        {"established": 1},
    ),
    "the ACK is lost at the tap, and data completes": (
        """
        +0   > S  0:0(0) win 64240
        +.02 < S. 0:0(0) ack 1 win 65160
        +.02 < P. 1:51(50) ack 1
        +.02 > P. 1:101(100) ack 51
        """,
        {"established": 1},
    ),
    "the ACK and the first data are lost at the tap, and the second data completes": (
        """
        +0   > S  0:0(0) win 64240
        +.02 < S. 0:0(0) ack 1 win 65160
        +.02 > P. 101:201(100) ack 1
        +.02 < .  1:1(0) ack 201
        """,
        {"established": 1},
    ),
    "simultaneous open": (
        """
        +0   > S  0:0(0) win 64240
        +0   < S  0:0(0) win 65160
        +.02 > S. 0:0(0) ack 1 win 64240
        +0   < S. 0:0(0) ack 1 win 65160
        +.02 > .  1:1(0) ack 1
        +0   < .  1:1(0) ack 1
        """,
        {"established": 1},
    ),
    "the SYN is repeated without Fast Open": (
        """
        +0   > S  0:100(100) win 64240 <mss 1460,FO 0011223344556677>
        +1   > S  0:0(0) win 64240 <mss 1460>
        +.02 < S. 0:0(0) ack 1 win 65160
        +0   > P. 1:101(100) ack 1
        """,
        {"established": 1},
    ),
    "the SYN is repeated without ECN": (
        """
        +0   > SEW 0:0(0) win 64240
        +1   > S   0:0(0) win 64240
        +.02 < S.  0:0(0) ack 1 win 65160
        +0   > .   1:1(0) ack 1
        """,
        {"established": 1},
    ),
    "the SYN is repeated without Accurate ECN": (
        """
        +0   > SEWe 0:0(0) win 64240
        +1   > S    0:0(0) win 64240
        +.02 < S.   0:0(0) ack 1 win 65160
        +0   > .    1:1(0) ack 1
        """,
        {"established": 1},
    ),
    "the SYN is repeated without Multipath TCP": (
        """
        +0   > S  0:0(0) win 64240 <mss 1460,mptcp capable>
        +1   > S  0:0(0) win 64240 <mss 1460>
        +.02 < S. 0:0(0) ack 1 win 65160
        +0   > .  1:1(0) ack 1
        """,
        {"established": 1},
    ),
    "seven SYNs, most of them 1 s apart (Linux)": (
        """
        +0   > S  0:0(0) win 64240
        +1   > S  0:0(0) win 64240
        +1   > S  0:0(0) win 64240
        +1   > S  0:0(0) win 64240
        +1   > S  0:0(0) win 64240
        +2   > S  0:0(0) win 64240
        +4   > S  0:0(0) win 64240
        +.02 < S. 0:0(0) ack 1 win 65160
        +0   > .  1:1(0) ack 1
        """,
        {"established": 1},
    ),
    "checksum offload": (
        """
        +0   > S  0:0(0) win 64240 partialsum
        +.02 < S. 0:0(0) ack 1 win 65160
        +0   > .  1:1(0) ack 1
        """,
        {"established": 1},
    ),
    "segments that the network card joined (GRO)": (
        HANDSHAKE
        + """
        +.1  < .  1:43801(43800) ack 1
        +0   > .  1:1(0) ack 43801
        +.1  < P. 43801:109236(65435) ack 1
        +0   > .  1:1(0) ack 109236
        """,
        {"established": 1},
    ),
    "a keep-alive behind the handshake": (
        HANDSHAKE
        + """
        +60  > .  0:0(0) ack 1
        +.02 < .  1:1(0) ack 1
        """,
        {"established": 1},
    ),
    "timestamps that begin anywhere for each connection": (
        f"""
        flow a
        client 192.0.2.1:49152
        {HANDSHAKE}
        flow b
        client 192.0.2.1:49153
        +1   > S  0:0(0) win 64240 <mss 1460,sackOK,TS val 4000000000 ecr 0>
        +.02 < S. 0:0(0) ack 1 win 65160 <mss 1460,sackOK,TS val 3 ecr 4000000000>
        +0   > .  1:1(0) ack 1 <nop,nop,TS val 4000000020 ecr 3>
        """,
        {"established": 2},
    ),
    "timestamps that wrap": (
        """
        +0   > S  0:0(0) win 64240 <mss 1460,sackOK,TS val 4294967290 ecr 0>
        +.02 < S. 0:0(0) ack 1 win 65160 <mss 1460,sackOK,TS val 4294967295 ecr 4294967290>
        +0   > .  1:1(0) ack 1 <nop,nop,TS val 14 ecr 4294967295>
        """,
        {"established": 1},
    ),
    "a SYN with window 0": (
        """
        +0   > S  0:0(0) win 0
        +.02 < S. 0:0(0) ack 1 win 65160
        +0   > .  1:1(0) ack 1
        """,
        {"established": 1},
    ),
    "a SYN-ACK with window 0": (
        """
        +0   > S  0:0(0) win 64240
        +.02 < S. 0:0(0) ack 1 win 0
        +0   > .  1:1(0) ack 1
        """,
        {"established": 1},
    ),
    "initial sequence numbers that wrap": (
        f"""
        isn 4294967295 4294967295
        {HANDSHAKE}
        {LATER}
        """,
        {"established": 1},
    ),
    "initial sequence numbers of zero": (
        f"""
        isn 0 0
        {HANDSHAKE}
        """,
        {"established": 1},
    ),
    "a SYN-ACK with its options in another order": (
        """
        +0   > S  0:0(0) win 64240 <mss 1460,sackOK,TS val 100 ecr 0,nop,wscale 7>
        +.02 < S. 0:0(0) ack 1 win 65160 <nop,wscale 7,nop,nop,TS val 900 ecr 100,sackOK,mss 1460>
        +0   > .  1:1(0) ack 1 <nop,nop,TS val 120 ecr 900>
        """,
        {"established": 1},
    ),
    "an RST behind a FIN": (
        HANDSHAKE
        + """
        +.1  > F. 1:1(0) ack 1
        +.02 < P. 1:51(50) ack 2
        +0   > R  2:2(0) win 0
        """,
        {"established": 1},
    ),
    "a second connection on the same 4-tuple": (
        HANDSHAKE
        + """
        +.1  > F. 1:1(0) ack 1
        +.02 < F. 1:1(0) ack 2
        +0   > .  2:2(0) ack 2
        +90  > S  100000:100000(0) win 64240
        +.02 < S. 200000:200000(0) ack 100001 win 65160
        +0   > .  100001:100001(0) ack 200001
        """,
        {"established": 2},
    ),
    "a VLAN tag": (f"vlan 10\n{HANDSHAKE}{LATER}", {"established": 1}),
    "two VLAN tags": (f"vlan 10.20\n{HANDSHAKE}{LATER}", {"established": 1}),
    "a VLAN tag in one direction only": (
        """
        +0   > S  0:0(0) win 64240 vlan 10
        +.02 < S. 0:0(0) ack 1 win 65160
        +0   > .  1:1(0) ack 1 vlan 10
        """,
        {"established": 1},
    ),
    "a capture that begins in the middle of a connection": (
        """
        +0   > P. 1:101(100) ack 1
        +.02 < .  1:1(0) ack 101
        +.1  < P. 1:501(500) ack 101
        +0   > .  101:101(0) ack 501
        """,
        {"midstream": 1},
    ),
    "a capture that begins with the SYN-ACK": (
        """
        +0   < S. 0:0(0) ack 1 win 65160
        +0   > .  1:1(0) ack 1
        +.1  > P. 1:101(100) ack 1
        +.02 < .  1:1(0) ack 101
        """,
        {"partial": 1},
    ),
}


# Here the capture is to blame, and no host: data was acknowledged that it does not hold.
LACKS_FRAMES: Final = {"the ACK and the first data are lost at the tap, and the second data completes"}


@pytest.mark.parametrize("name", EXCHANGES)
def test_not_flagged(name: str, examine: Examine) -> None:
    exchange, outcomes = EXCHANGES[name]
    report = examine(exchange)
    assert report.outcomes() == outcomes
    found = [id for id, _ in serious(report.all_findings)]
    assert found == (["CAP06"] if name in LACKS_FRAMES else [])


def serious(findings: Findings) -> list[tuple[str, str]]:
    return [(one.rule.id, one.message) for one in findings if one.severity in ("error", "warning")]


# What the notation cannot say is done to the frames.

_ETHERNET_HEADER: Final = 14
_IPV6_HEADER: Final = 40


def with_extension_header(frame: Frame) -> Frame:
    """The same IPv6 frame with a hop-by-hop options header of padding (RFC 8200, section 4.3)."""
    data = bytearray(frame.data)
    ip = _ETHERNET_HEADER
    extension = bytes([data[ip + 6], 0, 1, 4, 0, 0, 0, 0])
    data[ip + 4 : ip + 6] = (int.from_bytes(data[ip + 4 : ip + 6]) + len(extension)).to_bytes(2)
    data[ip + 6] = 0
    data[ip + _IPV6_HEADER : ip + _IPV6_HEADER] = extension
    return frame._replace(data=bytes(data), original_length=len(data))


def as_linux_cooked(frame: Frame) -> Frame:
    """The same frame as Linux's `any` device captures it (LINKTYPE_LINUX_SLL)."""
    data = bytes.fromhex("0000 0001 0006 0200 0000 0001 0000 0800") + frame.data[_ETHERNET_HEADER:]
    return frame._replace(data=data, original_length=len(data), link_type=113)


@pytest.mark.parametrize(
    ("addresses", "change"),
    [
        ("client [2001:db8::1]:49152 server [2001:db8::2]:80", with_extension_header),
        ("client 192.0.2.1:49152 server 198.51.100.2:80", as_linux_cooked),
    ],
)
def test_other_frames_are_not_flagged(addresses: str, change: Callable[[Frame], Frame]) -> None:
    frames = [change(frame) for frame in parse_exchange(f"{addresses}\n{HANDSHAKE}{LATER}").frames()]
    found = [(frame, decode(frame.link_type, frame.data, frame.original_length)) for frame in frames]
    segments = [(frame.number, frame.time_ns, one) for frame, one in found if isinstance(one, Segment)]
    assert len(segments) == len(frames)
    traffic = judge(select(segments), 0, frames[-1].time_ns)
    assert [OUTCOMES[code] for code in traffic.handshakes.outcome] == ["established"]
    facts = CaptureFacts("frames", frames=len(frames), segments=len(frames), first_time=frames[0].time_ns)
    assert serious(Findings(findings_of(traffic, facts, RULES.values(), 0))) == []
