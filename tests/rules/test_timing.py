"""Timers: what is sent too early or without backing off, and what only looks so."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import pytest

from pcapcheck.report.report import Report

Examine = Callable[[str | bytes], Report]

V6: Final = "client [2001:db8::1]:49152 server [2001:db8::2]:80\n"
ANSWER: Final = "+.02 < S. 0:0(0) ack 1 win 65160\n+0 > . 1:1(0) ack 1\n"


def answers(report: Report, rule: str) -> str:
    """What a rule says of the only handshake: found, undecidable, or neither."""
    if rule in report.all_findings.undecidable():
        return "undecidable"
    return "found" if rule in {finding.rule.id for finding in report.all_findings} else "silent"


def syns(*gaps: float) -> str:
    return "\n".join(f"+{gap} > S 0:0(0) win 64240" for gap in (0, *gaps)) + "\n"


# Name: exchange, what TM01 says.
EARLY: Final = {
    "after 0.7 s": (syns(0.7) + ANSWER, "found"),
    "after 0.8 s": (syns(0.8) + ANSWER, "silent"),
    "once": (syns() + ANSWER, "silent"),
    "the network repeats the packet: the same IP id": (
        "+0 > S 0:0(0) win 64240 id 7\n+.3 > S 0:0(0) win 64240 id 7\n" + ANSWER,
        "silent",
    ),
    "IPv6 has no id, and the timestamp is another one": (
        V6 + "+0 > S 0:0(0) <TS val 100 ecr 0>\n+.3 > S 0:0(0) <TS val 400 ecr 0>\n" + ANSWER,
        "found",
    ),
    "IPv6 has no id, and the timestamp is the same": (
        V6 + "+0 > S 0:0(0) <TS val 100 ecr 0>\n+.3 > S 0:0(0) <TS val 100 ecr 0>\n" + ANSWER,
        "silent",
    ),
    "IPv6 has no id, and there are no timestamps": (V6 + syns(0.3) + ANSWER, "undecidable"),
    "IPv6, and no timer would be so slow to be wrong": (V6 + syns(1) + ANSWER, "silent"),
    "a wrong SYN-ACK draws an RST and the SYN again": (
        "+0 > S 0:0(0)\n+.02 < S. 0:0(0) ack 7\n+0 > R 7:7(0)\n+.01 > S 0:0(0)\n" + ANSWER,
        "silent",
    ),
    "the SYN-ACK is repeated": (
        "+0 > S 0:0(0)\n+.02 < S. 0:0(0) ack 1\n+.2 < S. 0:0(0) ack 1\n+0 > . 1:1(0) ack 1",
        "found",
    ),
    "the SYN-ACK answers a repeated SYN": (
        "+0 > S 0:0(0)\n+.9 > S 0:0(0)\n+.02 < S. 0:0(0) ack 1\n+.2 < S. 0:0(0) ack 1\n+0 > . 1:1(0) ack 1",
        "silent",
    ),
    "another host answers too": (
        "+0 > S 0:0(0)\n+.02 < S. 0:0(0) ack 1\n+.2 < S. 0:0(0) ack 1 ttl 63\n+0 > . 1:1(0) ack 1",
        "silent",
    ),
    "the clock went back": (
        "+0 > S 0:0(0)\n+.3 > S 0:0(0)\n+.02 < S. 0:0(0) ack 1\n-.5 > . 1:1(0) ack 1",
        "undecidable",
    ),
}


@pytest.mark.parametrize("name", EARLY)
def test_too_early(name: str, examine: Examine) -> None:
    exchange, expected = EARLY[name]
    assert answers(examine(exchange), "TM01") == expected


@pytest.mark.parametrize(
    ("gaps", "expected"),
    [
        ((1, 2, 4, 8), "silent"),
        ((3, 6, 12), "silent"),
        ((1, 1, 1, 1, 1, 2, 4), "silent"),  # Linux from 6.5, BSD, macOS
        ((1, 1, 1), "silent"),  # they begin so
        ((1, 1, 1, 1, 1, 1, 1), "found"),
        ((1, 2, 2), "found"),
        ((1, 2, 4, 8, 16, 32, 64, 64, 64), "silent"),  # "at least 60 seconds" may be the maximum
        ((1, 2, 4, 5), "found"),
        ((1, 4, 8), "undecidable"),  # the SYN after 3 s is missing
        ((2, 1, 1, 2, 4), "undecidable"),
        ((1, 1), "silent"),
        ((1,), "silent"),
    ],
)
def test_backing_off(gaps: tuple[float, ...], expected: str, examine: Examine) -> None:
    assert answers(examine(syns(*gaps)), "TM02") == expected


def test_many_repeats_are_judged_by_the_first_twelve(examine: Examine) -> None:
    (finding,) = [one for one in examine(syns(*[3] * 30)).all_findings if one.rule.id == "TM02"]
    assert (finding.frames, finding.actual) == ((7, 6), "3.000 s")


def test_backing_off_of_synacks(examine: Examine) -> None:
    synacks = "\n".join("+1 < S. 0:0(0) ack 1" for _ in range(8))
    assert answers(examine("+0 > S 0:0(0)\n" + synacks), "TM02") == "found"
    # These keep the time of the client's SYNs.
    both = "\n".join("+1 > S 0:0(0)\n+.02 < S. 0:0(0) ack 1" for _ in range(5))
    assert answers(examine(both), "TM02") == "silent"


@pytest.mark.parametrize(
    ("rest", "expected"),
    [
        ("+10 arp", "found"),
        ("+1 arp", "undecidable"),  # the next SYN would come later than that
        ("+.02 < icmp 3/13 quotes 0\n+60 arp", "silent"),
        ("+.02 < R. =0:0(0) ack 1 win 0\n+60 arp", "silent"),
    ],
)
def test_giving_up(rest: str, expected: str, examine: Examine) -> None:
    assert answers(examine(syns(1, 2) + rest), "TM03") == expected


def test_one_syn_is_no_schedule(examine: Examine) -> None:
    assert answers(examine(syns() + "+300 arp"), "TM03") == "silent"


OPEN: Final = "+0 > S 0:0(0)\n+.02 < S. 0:0(0) ack 1\n+0 > . 1:1(0) ack 1\n"


@pytest.mark.parametrize(
    ("rest", "expected"),
    [
        ("+1 < S. 0:0(0) ack 1", "found"),
        ("+.01 < S. 0:0(0) ack 1", "silent"),  # it may have crossed the ACK
        ("+.3 < S. 0:0(0) ack 1 id 1", "silent"),  # the network made it
        ("+1 < S. 700:700(0) ack 1", "found"),
    ],
)
def test_synack_after_ack(rest: str, expected: str, examine: Examine) -> None:
    assert answers(examine(OPEN + rest), "TM06") == expected


RETRIED: Final = """
    +0   > S  0:0(0) <mss 1460{sack}>
    +1   > S  0:0(0) <mss 1460{sack}>
    +.02 < S. 0:0(0) ack 1 <mss 1460{sack}>
    +0   > P. 1:101(100) ack 1
"""


@pytest.mark.parametrize(
    ("exchange", "expected"),
    [
        (RETRIED.format(sack="") + "+.5 > P. 1:101(100) ack 1", "found"),
        (RETRIED.format(sack=",sackOK") + "+.5 > P. 1:101(100) ack 1", "undecidable"),  # a tail loss probe may be
        (RETRIED.format(sack="") + "+.5 < . 1:1(0) ack 1\n+0 > P. 1:101(100) ack 1", "silent"),  # no timer
        (RETRIED.format(sack="") + "+.5 > P. 101:201(100) ack 1", "silent"),  # more data
        (OPEN + "+0 > P. 1:101(100) ack 1\n+.5 > P. 1:101(100) ack 1", "silent"),  # the opening did not time out
    ],
)
def test_first_data(exchange: str, expected: str, examine: Examine) -> None:
    assert answers(examine(exchange), "TM04") == expected


@pytest.mark.parametrize(
    ("mss", "flight", "expected"),
    [
        ("<mss 1460>", "1:1461(1460)", "silent"),
        ("<mss 1460>", "1:1462(1461)", "found"),
        ("<sackOK>", "1:537(536)", "silent"),  # MUST-15: 536 where none was offered
        ("<sackOK>", "1:538(537)", "found"),
    ],
)
def test_first_flight(mss: str, flight: str, expected: str, examine: Examine) -> None:
    exchange = syns(1, 2) + f"+.02 < S. 0:0(0) ack 1 {mss}\n+0 > . {flight} ack 1\n+.02 < . 1:1(0) ack 3000"
    assert answers(examine(exchange), "TM05") == expected


CLOSED: Final = """
    +0   > S  0:0(0) {old}
    +.02 < S. 0:0(0) ack 1 {old}
    +0   > .  1:1(0) ack 1 {old}
    +.1  < F. 1:1(0) ack 1 {old}
    +0   > F. 1:1(0) ack 2 {old}
    +.02 < .  2:2(0) ack 2 {old}
"""


@pytest.mark.parametrize(
    ("old", "new", "wait", "expected"),
    [
        # RFC 6191, section 2, case by case.
        ("<TS val 500 ecr 0>", "-900 <TS val 501 ecr 0>", 3, "silent"),
        ("<TS val 500 ecr 0>", "9000 <TS val 500 ecr 0>", 3, "silent"),
        ("<TS val 500 ecr 0>", "-900 <TS val 500 ecr 0>", 3, "found"),
        ("<TS val 500 ecr 0>", "9000 <TS val 499 ecr 0>", 3, "found"),
        ("<TS val 500 ecr 0>", "9000", 3, "silent"),
        ("<TS val 500 ecr 0>", "-900", 3, "found"),
        ("", "-900 <TS val 1 ecr 0>", 3, "silent"),
        ("", "9000", 3, "silent"),
        ("", "2", 3, "silent"),  # the FIN had 1
        ("", "-900", 3, "found"),
        ("", "-900", 240, "silent"),  # 2 MSL are over
    ],
)
def test_reuse(old: str, new: str, wait: int, expected: str, examine: Examine) -> None:
    isn, _, options = new.partition(" ")
    report = examine(CLOSED.format(old=old) + f"+{wait} > S {isn}:{isn}(0) {options}\n+30 arp")
    assert answers(report, "TM07") == expected


def test_reuse_by_the_side_that_should_wait(examine: Examine) -> None:
    (finding,) = [
        one
        for one in examine(CLOSED.format(old="") + "+3 < S -900:-900(0)\n+30 arp").all_findings
        if one.rule.id == "TM07"
    ]
    assert finding.message.endswith("(its sender closed first and should be waiting itself)")
