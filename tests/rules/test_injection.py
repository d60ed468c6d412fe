"""Answers and resets that do not fit their sender: RS03, RS04, RS05, RS08, HS09."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import pytest

from pcapcheck.report.report import Report

Examine = Callable[[str | bytes], Report]

RULES: Final = ("HS09", "RS03", "RS04", "RS05", "RS08")
OPEN: Final = """
    +0   > S  0:0(0) win 64240
    +.02 < S. 0:0(0) ack 1 win 65160
    +0   > .  1:1(0) ack 1
"""
TALK: Final = """
    +.1  > P. 1:101(100) ack 1
    +.02 < P. 1:201(200) ack 101
    +0   > .  101:101(0) ack 201
"""

# Name: exchange, what the five rules find: rule, severity, frames, expected, actual.
EXCHANGES: Final = {
    "two SYN-ACKs of one host, and the wrong one of another": (
        """
        +0   > S  0:0(0) win 64240 <mss 1460,nop,wscale 7>
        +.01 < S. 900:900(0) ack 9 win 1024 <mss 1400,nop,wscale 7> ttl 50
        +.01 < S. 0:0(0) ack 1 win 65160 <mss 1460,nop,wscale 7> ttl 60
        +0   > .  1:1(0) ack 1
        """,
        [("HS09", "warning", (3, 2), "TTL 50, MSS 1400, window scale 7", "TTL 60, MSS 1460, window scale 7")],
    ),
    "a SYN cookie has no room for a window scale": (
        """
        +0   > S  0:0(0) win 64240 <mss 1460,nop,wscale 7>
        +.02 < S. 0:0(0) ack 1 win 65160 <mss 1460,nop,wscale 7>
        +1   > S  0:0(0) win 64240 <mss 1460,nop,wscale 7>
        +.02 < S. 700:700(0) ack 1 win 65160 <mss 1460>
        +0   > .  1:1(0) ack 701
        """,
        [],
    ),
    "an RST from the past of its own sender": (
        f"{OPEN}{TALK} +.1 > R 1:1(0)\n+.1 < P. 201:301(100) ack 101\n+.3 < P. 301:401(100) ack 101",
        [("RS04", "note", (7,), "1101", "1001")],
    ),
    "an RST from before the connection": (
        f"{OPEN}{TALK} +.1 > R =77:77(0)\n+.1 < P. 201:301(100) ack 101\n+.3 < P. 301:401(100) ack 101",
        [("RS04", "warning", (7,), "1101", "77")],
    ),
    "a guessed RST, and both sides go on": (
        f"{OPEN}{TALK} +.1 > R 9001:9001(0)\n+.3 > P. 101:201(100) ack 201\n+.02 < . 201:201(0) ack 201",
        [
            ("RS04", "warning", (7,), "1101 to 1201", "10001"),
            ("RS08", "warning", (8, 7), "silence", "ordinary segments"),
        ],
    ),
    "an exact RST, and what was on its way comes after it": (
        f"{OPEN}{TALK} +.1 > R. 101:101(0) ack 201\n+.01 < P. 201:301(100) ack 101\n+.02 > R 101:101(0)",
        [],
    ),
    "an exact RST in another's name": (
        f"{OPEN}{TALK} +.1 > R. 101:101(0) ack 201\n+.3 > P. 101:201(100) ack 201",
        [("RS08", "warning", (8, 7), "silence", "ordinary segments")],
    ),
    "a refusal, and then a SYN-ACK": (
        """
        +0   > S  0:0(0) win 64240
        +.01 < R. =0:0(0) ack 1 win 0
        +.01 < S. 0:0(0) ack 1 win 65160
        +0   > R  1:1(0) win 0
        """,
        [("RS08", "warning", (3, 2), "silence", "SYN-ACK")],
    ),
    "a refusal, the SYN once more, and then a SYN-ACK": (
        """
        +0   > S  0:0(0) win 64240
        +.01 < R. =0:0(0) ack 1 win 0
        +1   > S  0:0(0) win 64240
        +.01 < S. 0:0(0) ack 1 win 65160
        +0   > .  1:1(0) ack 1
        """,
        [],
    ),
    "an RST in the handshake, in the client's name": (
        """
        +0   > S  0:0(0) win 64240
        +.02 < S. 0:0(0) ack 1 win 65160
        +0   > R  1:1(0) win 0
        +.2  > P. 1:101(100) ack 1
        """,
        [("RS08", "warning", (4, 3), "silence", "ordinary segments")],
    ),
    "a wrong third ACK, reset by its number": (
        """
        +0   > S  0:0(0) win 64240
        +.02 < S. 0:0(0) ack 1 win 65160
        +0   > .  1:1(0) ack 10
        +.02 < R  10:10(0)
        """,
        [],
    ),
    "a wrong third ACK, reset by another number": (
        """
        +0   > S  0:0(0) win 64240
        +.02 < S. 0:0(0) ack 1 win 65160
        +0   > .  1:1(0) ack 10
        +.02 < R  77:77(0)
        """,
        [("RS03", "note", (4, 3), "5010", "5077")],
    ),
    "a client that aborts behind the data of its SYN": (
        """
        +0   > S  0:100(100) win 64240 <FO 0011223344556677>
        +.02 < S. 0:0(0) ack 1 win 65160
        +0   > R  101:101(0) win 0
        """,
        [],
    ),
    "a late copy of the SYN on an open connection": (
        f"{OPEN}{TALK} +.1 > S 0:0(0) win 64240 id 1\n+.02 < . 201:201(0) ack 101",
        [],
    ),
    "a late copy of the SYN, answered by the old SYN-ACK": (
        f"{OPEN}{TALK} +.1 > S 0:0(0) win 64240 id 1\n+.02 < S. 0:0(0) ack 1 win 65160",
        [("RS05", "note", (8, 7, 5), "an ACK", "a SYN-ACK")],
    ),
    "the network's copy of the SYN-ACK behind a late copy of the SYN": (
        f"{OPEN}{TALK} +.1 > S 0:0(0) win 64240 id 1\n+.02 < S. 0:0(0) ack 1 win 65160 id 1",
        [],
    ),
    "a new connection after the old one was closed": (
        f"""{OPEN}
        +.1  > F. 1:1(0) ack 1
        +.02 < F. 1:1(0) ack 2
        +0   > .  2:2(0) ack 2
        +1   > S  90000:90000(0) win 64240
        +.02 < S. 70000:70000(0) ack 90001 win 65160
        +0   > .  90001:90001(0) ack 70001
        """,
        [],
    ),
    "a new connection after a minute of silence": (
        f"""{OPEN}{TALK}
        +60  > S  90000:90000(0) win 64240
        +.02 < S. 70000:70000(0) ack 90001 win 65160
        +0   > .  90001:90001(0) ack 70001
        """,
        [],
    ),
}


@pytest.mark.parametrize("name", EXCHANGES)
def test_injection(name: str, examine: Examine) -> None:
    exchange, expected = EXCHANGES[name]
    findings = examine(exchange).all_findings
    assert [
        (one.rule.id, one.severity, one.frames, one.expected, one.actual) for one in findings if one.rule.id in RULES
    ] == expected


def test_an_inexact_rst_proves_nothing_where_its_receiver_falls_silent(examine: Examine) -> None:
    findings = examine(f"{OPEN}{TALK} +.1 > R 9001:9001(0)\n+30 arp").all_findings
    assert findings.undecidable()["RS04"] == 1
    assert "RS04" not in {one.rule.id for one in findings}
