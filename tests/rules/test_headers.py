"""Fields of single headers: flags, reserved bits, addresses, checksums."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import pytest

from pcapcheck.report.report import Report

Examine = Callable[[str | bytes], Report]

ANSWERED: Final = """
    +.02 < S. 0:0(0) ack 1 win 65160
    +0   > .  1:1(0) ack 1
"""

# Name: exchange, what HS12, HS14, HS16 and HS18 find: rule, frames, actual.
EXCHANGES: Final = {
    "a NULL, a FIN and an Xmas scan": (
        """
        +0 > -   0:0(0) win 1024
        +0 > F   0:0(0) win 1024
        +0 > FPU 0:0(0) win 1024
        +9 arp
        """,
        [("HS12", (1,), "no ACK flag")],
    ),
    "reserved bits on a SYN-ACK": (
        """
        +0   > S  0:0(0) win 64240
        +.02 < S. 0:0(0) ack 1 win 65160 reserved 5
        +0   > .  1:1(0) ack 1
        """,
        [("HS14", (2,), "5")],
    ),
    "an RST whose acknowledgement number is left over": (
        f"+0 > S 0:0(0) win 64240 {ANSWERED} +.1 > R 1:1(0) ack 1",
        [("HS14", (4,), "5001")],
    ),
    "a group address as destination": (
        "server 224.0.0.1:80\n+0 > S 0:0(0) win 64240",
        [("HS16", (1,), "a group address as destination")],
    ),
    "the limited broadcast as source": (
        "client 255.255.255.255:4000\n+0 > S 0:0(0) win 64240",
        [("HS16", (1,), "a group address as source")],
    ),
    "an IPv6 group address as destination": (
        "client [2001:db8::1]:4000 server [ff02::1]:80\n+0 > S 0:0(0) win 64240",
        [("HS16", (1,), "a group address as destination")],
    ),
    "IPv4's group prefix does not count in IPv6": (
        "client [e000::1]:4000 server [2001:db8::1]:80\n+0 > S 0:0(0) win 64240",
        [],
    ),
    "an unspecified source": (
        "client 0.0.0.0:4000\n+0 > S 0:0(0) win 64240",
        [("HS16", (1,), "an unspecified source")],
    ),
    "land: both ends are one socket, and nothing answers": (
        "client 192.0.2.1:80 server 192.0.2.1:80\n+0 > S 0:0(0) win 64240\n+30 arp",
        [("HS16", (1,), "the same address and port at both ends")],
    ),
    "a host that connects to itself": (
        """
        client 192.0.2.1:80 server 192.0.2.1:80
        isn 1000 1000
        +0   > S  0:0(0) win 64240
        +0   > S. 0:0(0) ack 1 win 64240
        +0   > .  1:1(0) ack 1
        """,
        [],
    ),
    "a host with one address and two ports": (
        f"client 192.0.2.1:4000 server 192.0.2.1:80\n+0 > S 0:0(0) win 64240 {ANSWERED}",
        [],
    ),
    "a SYN with a wrong checksum, then a right one": (
        f"+0 > S 0:0(0) win 64240 badsum\n+1 > S 0:0(0) win 64240 {ANSWERED}",
        [("HS18", (1,), "SYN")],
    ),
    "a SYN-ACK with a wrong checksum, then a right one": (
        """
        +0   > S  0:0(0) win 64240
        +.02 < S. 0:0(0) ack 1 win 28960 badsum
        +1   < S. 0:0(0) ack 1 win 28960
        +0   > .  1:1(0) ack 1
        """,
        [("HS18", (2,), "SYN-ACK")],
    ),
    "checksums that look wrong, and the segments are answered: offload": (
        "+0 > S 0:0(0) win 64240 badsum\n+.02 < S. 0:0(0) ack 1 win 65160 badsum\n+0 > . 1:1(0) ack 1",
        [],
    ),
}


@pytest.mark.parametrize("name", EXCHANGES)
def test_headers(name: str, examine: Examine) -> None:
    exchange, expected = EXCHANGES[name]
    findings = examine(exchange).all_findings
    assert [
        (one.rule.id, one.frames, one.actual) for one in findings if one.rule.id in ("HS12", "HS14", "HS16", "HS18")
    ] == expected


def test_a_host_that_offloads_is_not_blamed_where_nothing_answers(examine: Examine) -> None:
    findings = examine(f"""
        flow answered
        +0   > S  0:0(0) win 64240 badsum
        {ANSWERED}
        flow unanswered
        client 192.0.2.1:49153
        +1   > S  0:0(0) win 64240 badsum
        +30  arp
    """).all_findings
    assert findings.undecidable()["HS18"] == 1
    assert "HS18" not in {one.rule.id for one in findings}
