"""Data before its turn, and streams whose beginning is missing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import pytest

from pcapcheck.report.report import Report

Examine = Callable[[str | bytes], Report]

OPEN: Final = """
    +0   > S  0:0(0) win 64240
    +.02 < S. 0:0(0) ack 1 win 65160
    +0   > .  1:1(0) ack 1
"""
COOKIE: Final = "<FO 0011223344556677>"

# Name: exchange, what HS10, HS11 and HS15 find: rule, frames, actual, detail.
EXCHANGES: Final = {
    "Fast Open: the client goes on before the SYN-ACK": (
        f"""
        +0   > S  0:100(100) win 64240 {COOKIE}
        +0   > P  101:201(100)
        +.02 < S. 0:0(0) ack 101 win 65160
        +0   > .  201:201(0) ack 1
        """,
        [],
    ),
    "data that acknowledges something else than the SYN-ACK behind it": (
        """
        +0   > S  0:0(0) win 64240
        +.01 > P. 1:11(10) ack 700
        +.02 < S. 0:0(0) ack 1 win 65160
        +0   > .  1:1(0) ack 1
        """,
        [("HS10", (2, 1), "10 octets", "")],
    ),
    "no SYN-ACK at all": (
        "+0 > S 0:0(0) win 64240\n+.01 > P 1:11(10)\n+30 arp",
        [("HS10", (2, 1), "10 octets", "")],
    ),
    "the server answers data of the SYN at once": (
        f"""
        +0   > S  0:100(100) win 64240 {COOKIE}
        +.02 < S. 0:0(0) ack 101 win 65160
        +0   < P. 1:501(500) ack 101
        +.02 > .  101:101(0) ack 1
        """,
        [],
    ),
    "the ACK is recorded 4 ms behind the banner": (
        """
        +0    > S  0:0(0) win 64240
        +.02  < S. 0:0(0) ack 1 win 65160
        +.02  < P. 1:101(100) ack 1
        +.004 > .  1:1(0) ack 1
        """,
        [],
    ),
    "the server speaks first": (f"{OPEN} +.01 < P. 1:101(100) ack 1\n+.02 > . 1:1(0) ack 101", []),
    "the server's first data is missing": (
        f"{OPEN} +.01 < P. 1449:2897(1448) ack 1\n+.02 > . 1:1(0) ack 1",
        [("HS15", (4, 2), "6449", "1448 octets are missing before it")],
    ),
    "the server's first data comes second": (
        f"{OPEN} +.01 < P. 1449:2897(1448) ack 1\n+.02 < . 1:1449(1448) ack 1",
        [("HS15", (4, 2), "6449", "the octets before it follow later")],
    ),
    "data from before the beginning": (
        f"{OPEN} +.01 > P. -4:6(10) ack 1",
        [("HS15", (4, 2), "996", "5 octets before the beginning")],
    ),
    "the beginning is missing among folded segments": (
        OPEN + "+.1 > . 1:1(0) ack 1\n" * 5 + "+.1 > P. 301:401(100) ack 1\n+.1 > P. 401:501(100) ack 1",
        [("HS15", (6, 2), "1301", "300 octets are missing before it")],
    ),
    "a bare ACK before the first data, many times": (
        OPEN + "+.1 > . 1:1(0) ack 1\n" * 7 + "+.1 > P. 1:101(100) ack 1\n+.1 > . 101:101(0) ack 1",
        [],
    ),
    "the SYN-ACK has taken a part of the SYN's data": (
        f"""
        +0   > S  0:100(100) win 64240 {COOKIE}
        +.02 < S. 0:0(0) ack 51 win 65160
        +0   > .  51:51(0) ack 1
        +.1  > P. 51:101(50) ack 1
        """,
        [],
    ),
    "the SYN-ACK carries data": (
        """
        +0   > S  0:0(0) win 64240
        +.02 < S. 0:100(100) ack 1 win 65160
        +0   > .  1:1(0) ack 101
        +.1  < P. 101:201(100) ack 1
        """,
        [],
    ),
    "the completing segment is ahead: HS04 says it": (
        """
        +0   > S  0:0(0) win 64240
        +.02 < S. 0:0(0) ack 1 win 65160
        +0   > P. 101:201(100) ack 1
        """,
        [],
    ),
    "numbers that wrap": (
        "isn 4294967295 4294967200\n" + OPEN + "+.1 > P. 1:101(100) ack 1\n+.1 < P. 1:201(200) ack 101",
        [],
    ),
}


@pytest.mark.parametrize("name", EXCHANGES)
def test_early_data(name: str, examine: Examine) -> None:
    exchange, expected = EXCHANGES[name]
    findings = examine(exchange).all_findings
    assert [
        (one.rule.id, one.frames, one.actual, one.message.partition(" (")[2][:-1])
        for one in findings
        if one.rule.id in ("HS10", "HS11", "HS15")
    ] == expected


UNDECIDABLE: Final = {
    "the SYN-ACK is missing": ("+0 > S 0:0(0) win 64240\n+.02 > P. 1:11(10) ack 1\n+30 arp", "HS10"),
    "the SYN-ACK is recorded too late": (
        "+0 > S 0:0(0) win 64240\n+.02 > P. 1:11(10) ack 1\n+0 < S. 0:0(0) ack 1 win 65160\n+.02 < . 1:1(0) ack 11",
        "HS10",
    ),
    "the ACK is missing": (
        "+0 > S 0:0(0)\n+.02 < S. 0:0(0) ack 1 win 65160\n+.02 < P. 1:101(100) ack 1\n+.02 > . 1:1(0) ack 101",
        "HS11",
    ),
    "the data and the ACK are recorded 4 ms apart": (
        EXCHANGES["the ACK is recorded 4 ms behind the banner"][0],
        "HS11",
    ),
}


@pytest.mark.parametrize("name", UNDECIDABLE)
def test_undecidable(name: str, examine: Examine) -> None:
    exchange, rule = UNDECIDABLE[name]
    findings = examine(exchange).all_findings
    assert findings.undecidable()[rule] == 1
    assert rule not in {one.rule.id for one in findings}
