"""What was not captured is not judged."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import pytest

from pcapcheck.report.report import Report

Examine = Callable[[str | bytes], Report]

# Name: exchange, rules that cannot be decided and must not be found.
CASES: Final = {
    "the capture begins with the SYN-ACK": (
        """
        +0   < S. 0:0(0) ack 1 win 65160
        +0   > .  1:1(0) ack 1
        +.1  > P. 1:101(100) ack 1
        +.02 < .  1:1(0) ack 101
        """,
        {"HS01"},
    ),
    "a SYN-ACK alone, of which the other direction is not seen": (
        """
        +0   arp
        +5   < S. 0:0(0) ack 1 win 65160
        +30  arp
        """,
        {"HS01"},
    ),
    "a SYN-ACK that is reset, so early that its SYN may have come before the capture": (
        """
        +0   arp
        +2   < S. 0:0(0) ack 1 win 65160
        +0   > R  1:1(0) win 0
        """,
        {"HS01"},
    ),
    "the client's direction only": (
        """
        +0   > S  0:0(0) win 64240
        +.02 > .  1:1(0) ack 1
        +0   > P. 1:101(100) ack 1
        +30  arp
        """,
        {"OC01", "OC02", "OC03", "OC04", "OC05", "OC06", "HS03", "HS04"},
    ),
    "the capture ends just after the SYN": (
        """
        +0   > S  0:0(0) win 64240
        """,
        {"OC01", "OC02", "OC03", "OC04", "OC05", "OC06"},
    ),
    "the options of one connection among others are cut": (
        "\n".join(
            f"""
        flow {number}
        client 192.0.2.1:{50000 + 7 * number}
        +1   > S  0:0(0) win 64240 <mss 1460>
        +.02 < S. 0:0(0) ack 1 win 65160 <mss 1460>
        +0   > .  1:1(0) ack 1
        """
            for number in range(5)
        )
        + """
        flow cut
        client 192.0.2.7:49152
        +1   > S  0:0(0) win 64240 <mss 1460> cut 20
        +.02 < S. 0:0(0) ack 1 win 65160 <mss 1460>
        +0   > .  1:1(0) ack 1
        """,
        {"OP01", "OP03", "OP05"},
    ),
    "the options are cut by the snaplen": (
        """
        snaplen 54
        +0   > S  0:0(0) win 64240 <mss 1460,sackOK,TS val 100 ecr 0,nop,wscale 15>
        +.02 < S. 0:0(0) ack 1 win 65160 <mss 1460,sackOK,TS val 900 ecr 55,nop,wscale 7>
        +0   > .  1:1(0) ack 1 <nop,nop,TS val 101 ecr 900>
        """,
        {"OP08", "OP12"},
    ),
    "the window is cut by the snaplen, and a segment stands behind the number expected": (
        """
        snaplen 48
        +0   > S  0:0(0) win 64240
        +.02 < S. 0:0(0) ack 1 win 65160
        +0   > P. 101:201(100) ack 1
        """,
        {"HS04"},
    ),
    "the answer to a wrong SYN-ACK is not captured": (
        """
        +0   > S  0:0(0) win 64240
        +.02 < S. 0:0(0) ack 7 win 65160
        +30  arp
        """,
        {"RS06"},
    ),
    "a segment of a connection of which the other direction is not seen": (
        """
        +0   < P. 300:310(10) ack 100
        +30  arp
        """,
        {"ST10"},
    ),
    "headers that are cut before the data offset": (
        """
        +0   > S  0:0(0) win 64240 cut 10
        """,
        {"HS19"},
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_undecidable(name: str, examine: Examine) -> None:
    exchange, rules = CASES[name]
    findings = examine(exchange).all_findings
    assert rules <= set(findings.undecidable())
    assert not rules & {finding.rule.id for finding in findings}
