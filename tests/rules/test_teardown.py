"""Closes, with figures 12 and 13 of RFC 9293 by name."""

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
END: Final = "\n+30 arp"

# Name: exchange, what the TD rules find: rule, severity, frames, expected, actual, detail.
EXCHANGES: Final = {
    "RFC 9293, figure 12: normal close": (
        f"""{OPEN}
        +.1  > F. 1:1(0) ack 1
        +.02 < .  1:1(0) ack 2
        +.1  < F. 1:1(0) ack 2
        +0   > .  2:2(0) ack 2
        {END}""",
        [],
    ),
    "RFC 9293, figure 13: simultaneous close": (
        f"""{OPEN}
        +.1  > F. 1:1(0) ack 1
        +0   < F. 1:1(0) ack 1
        +.02 > .  2:2(0) ack 2
        +0   < .  2:2(0) ack 2
        {END}""",
        [],
    ),
    "three segments": (
        f"{OPEN} +.1 > F. 1:101(100) ack 1\n+.02 < F. 1:1(0) ack 102\n+0 > . 102:102(0) ack 2 {END}",
        [],
    ),
    "half-closed: the other side goes on and closes a minute later": (
        f"""{OPEN}
        +.1  > F. 1:1(0) ack 1
        +.02 < .  1:1(0) ack 2
        +60  < P. 1:101(100) ack 2
        +.02 > .  2:2(0) ack 101
        +.1  < F. 101:101(0) ack 2
        +.02 > .  2:2(0) ack 102
        {END}""",
        [],
    ),
    "half-closed to the end": (
        f"{OPEN} +.1 > F. 1:1(0) ack 1\n+.02 < . 1:1(0) ack 2\n+7 < P. 1:101(100) ack 2 {END}",
        [("TD02", "info", (4,), "a FIN of each side", "a FIN of the client", "half-closed for 7.020 s")],
    ),
    "a FIN that nobody answers": (
        f"{OPEN} +.1 > F. 1:1(0) ack 1\n+.3 > F. 1:1(0) ack 1\n+.6 > F. 1:1(0) ack 1 {END}",
        [
            ("TD01", "note", (4,), "1002", "nothing", ""),
            ("TD02", "info", (4,), "a FIN of each side", "a FIN of the client", "half-closed for 0.900 s"),
        ],
    ),
    "the last ACK is missing": (
        f"{OPEN} +.1 > F. 1:1(0) ack 1\n+.02 < F. 1:1(0) ack 2 {END}",
        [("TD01", "note", (5,), "5002", "nothing", "")],
    ),
    "an ACK beyond the FIN": (
        f"{OPEN} +.1 > F. 1:1(0) ack 1\n+.02 < F. 1:1(0) ack 9\n+0 > . 2:2(0) ack 2 {END}",
        [("TD01", "note", (4,), "1002", "1009", "")],
    ),
    "the FIN is acknowledged among many segments": (
        f"{OPEN} +.1 > F. 1:1(0) ack 1\n"
        + "".join(f"+.1 < . {at}:{at + 100}(100) ack 2\n" for at in range(1, 1001, 100))
        + f"+.1 < . 900:901(1) ack 1\n+.1 < F. 1001:1001(0) ack 2\n+0 > . 2:2(0) ack 1002 {END}",
        [],
    ),
    "numbers that wrap": (
        f"isn 4294967294 4294967295\n{OPEN} +.1 > F. 1:1(0) ack 1\n+.02 < F. 1:1(0) ack 2\n+0 > . 2:2(0) ack 2 {END}",
        [],
    ),
    "a reset that acknowledges a part of the data": (
        f"{OPEN} +.1 > P. 1:1449(1448) ack 1\n+0 > P. 1449:2001(552) ack 1\n+.02 < R. 1:1(0) ack 1449 {END}",
        [
            (
                "TD02", "info", (6,), "a FIN of each side", "an RST of the server",
                "552 octets were not acknowledged",
            ),
        ],
    ),
    "a reset that acknowledges all data": (
        f"{OPEN} +.1 > P. 1:1449(1448) ack 1\n+.02 < R. 1:1(0) ack 1449 {END}",
        [("TD02", "info", (5,), "a FIN of each side", "an RST of the server", "")],
    ),
    "a reset without the other side's data": (
        f"{OPEN} +.1 > P. 1:1449(1448) ack 1\n+.02 < . 1:1(0) ack 1449\n+.1 > P. 1449:2001(552) ack 1\n"
        f"+.02 < R 1:1(0) {END}",
        [
            (
                "TD02", "info", (7,), "a FIN of each side", "an RST of the server",
                "552 octets were not acknowledged",
            ),
        ],
    ),
    "an RST behind both FINs": (
        f"""{OPEN}
        +.1  > F. 1:1(0) ack 1
        +.02 < F. 1:1(0) ack 2
        +0   > R  2:2(0) win 0
        {END}""",
        [],
    ),
    "a keep-alive behind the FIN": (
        f"{OPEN} +.1 > F. 1:1(0) ack 1\n+.02 < . 1:1(0) ack 2\n+60 < . 0:1(1) ack 2\n+0 > . 2:2(0) ack 1\n"
        f"+.1 < F. 1:1(0) ack 2\n+0 > . 2:2(0) ack 2 {END}",
        [],
    ),
    "an injected FIN": (
        f"{OPEN} +.1 < F. 1:1(0) ack 1\n+.1 < P. 1:101(100) ack 1\n+.1 > . 1:1(0) ack 102 {END}",
        [
            ("TD02", "info", (4,), "a FIN of each side", "a FIN of the server", "half-closed for 0.200 s"),
            ("TD03", "warning", (5, 4), "5001", "5100", ""),
        ],
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", EXCHANGES)
def test_teardown(name: str, examine: Examine) -> None:
    exchange, expected = EXCHANGES[name]
    assert [
        (
            one.rule.id, one.severity, one.frames, one.expected, one.actual,
            one.message.partition(" (")[2][:-1],
        )
        for one in examine(exchange).all_findings
        if one.rule.id.startswith("TD")
    ] == expected  # fmt: skip


UNDECIDABLE: Final = {
    "the capture ends just behind the FIN": (f"{OPEN} +.1 > F. 1:1(0) ack 1", {"TD01", "TD02"}),
    "one direction only": (
        f"+0 > S 0:0(0) win 64240\n+.02 > . 1:1(0) ack 1\n+.1 > F. 1:1(0) ack 1 {END}",
        {"TD01", "TD02"},
    ),
}


@pytest.mark.parametrize("name", UNDECIDABLE)
def test_undecidable(name: str, examine: Examine) -> None:
    exchange, rules = UNDECIDABLE[name]
    findings = examine(exchange).all_findings
    assert rules <= set(findings.undecidable())
    assert not rules & {one.rule.id for one in findings}
