"""Options and extensions: what fires, what is exempt, and what cannot be decided."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import pytest

from pcapcheck.report.report import Report

Examine = Callable[[str | bytes], Report]
Found = list[tuple[str, str]]  # severity, actual

OPEN: Final = """
    +0   > S  0:0(0) win 64240 <mss 1460>
    +.02 < S. 0:0(0) ack 1 win 65160 <mss 1300>
    +0   > .  1:1(0) ack 1
"""
TIMED: Final = """
    +0   > S  0:0(0) win 64240 <mss 1460,sackOK,TS val 100 ecr 0,nop,wscale 7>
    +.02 < S. 0:0(0) ack 1 win 65160 <mss 1460,sackOK,TS val 900 ecr 100,nop,wscale 7>
    +0   > .  1:1(0) ack 1 win 502 <nop,nop,TS val 121 ecr 900>
"""


def of(report: Report, rule: str) -> Found:
    return [(finding.severity, finding.actual) for finding in report.all_findings if finding.rule.id == rule]


def undecidable(report: Report) -> set[str]:
    return set(report.all_findings.undecidable())


# Rule, what it is about, exchange, findings.
CASES: Final[list[tuple[str, str, str, Found]]] = [
    ("OP01", "repeated", "+0 > S 0 <mss 1460,mss 1400>", [("warning", "kind 2 is repeated")]),
    ("OP01", "several faults", "+0 > S 0 <raw 02030500,mss 9,raw 0801>",
     [("warning", "kind 2 has length 3; octets after the end of the list are not zero")]),
    ("OP01", "octets behind the end", "+0 > S 0 <eol,raw 010101>",
     [("warning", "octets after the end of the list are not zero")]),
    ("OP01", "over the end of the header", "+0 > S 0 <nop,nop,raw 0204>",
     [("warning", "kind 2 has length 4, but only 2 octets are left")]),
    ("OP01", "in an RST", "+0 > S 0 <mss 1460>\n+0 < R. =0 ack 1 <raw 03020101>", [("warning", "kind 3 has length 2")]),
    ("OP01", "a Fast Open option of a wrong length is another rule's", "+0 > S 0 <FO 001122>", []),
    ("OP01", "an ICMP error has an address there, no options", "+0 > S 0\n+0 < icmp 3/1 quotes 0 from 8.1.0.2", []),
    ("OP02", "in an RST", "+0 > S 0\n+0 < R. =0 ack 1 <mss 0>", [("warning", "0")]),
    ("OP03", "both SYNs without, small segments", "+0 > S 0\n+0 < S. 0 ack 1\n+0 > . 1 ack 1",
     [("note", "the SYN and the SYN-ACK")]),
    ("OP03", "536 are not too many", "+0 > S 0 <mss 1460>\n+0 < S. 0 ack 1\n+0 > . 1 ack 1\n+0 > P. 1(536) ack 1\n"
     "+0 > . 537 ack 1", [("note", "the SYN-ACK")]),
    ("OP03", "537 are", "+0 > S 0 <mss 1460>\n+0 < S. 0 ack 1\n+0 > . 1 ack 1\n+0 > P. 1(537) ack 1\n"
     "+0 > . 538 ack 1", [("warning", "the SYN-ACK")]),
    ("OP03", "a SYN that nobody answers", "+0 > S 0\n+9 arp", []),
    ("OP04", "options count", OPEN + "+0 > P. 1(1289) ack 1 <nop,nop,TS val 1 ecr 9>\n+0 > P. 1290(1) ack 1",
     [("warning", "1301")]),
    ("OP04", "the other direction has another MSS", OPEN + "+0 < P. 1(1400) ack 1\n+0 < P. 1401(100) ack 1", []),
    ("OP04", "merged of two, as the ids show", OPEN + "+0 > P. 1(1400) ack 1 id 7\n+0 > P. 1401(1) ack 1 id 9", []),
    ("OP04", "larger than an Ethernet bears", OPEN + "+0 > P. 1(2600) ack 1 id 7\n+0 > P. 2601(1) ack 1 id 8", []),
    ("OP04", "data of a SYN", "+0 > S 0(1400) <mss 1460,FO 00112233>\n+0 < S. 0 ack 1401 <mss 1300>\n"
     "+0 > . 1401 ack 1", []),
    ("OP05", "PPPoE", "+0 > S 0 <mss 1452>", [("info", "1452")]),
    ("OP05", "a clamp", "+0 > S 0 <mss 1460>\n+0 < S. 0 ack 1 <mss 1300>", [("info", "1300")]),
    ("OP05", "tiny comes first", "+0 > S 0 <mss 1452>\n+0 < S. 0 ack 1 <mss 48>", [("note", "48")]),
    ("OP05", "just not tiny", "+0 > S 0 <mss 88>", []),
    ("OP05", "loopback", "+0 > S 0 <mss 65495>", []),
    ("OP05", "IPv6 on an Ethernet",
     "client [2001:db8::1]:1 server [2001:db8::2]:80\n+0 > S 0 <mss 1440>", []),
    ("OP05", "the least MTU of IPv6",
     "client [2001:db8::1]:1 server [2001:db8::2]:80\n+0 > S 0 <mss 1220>", [("info", "1220")]),
    ("OP09", "of the client",
     "+0 > S 0 win 64240 <mss 1460>\n+0 < S. 0 ack 1 <mss 1460,nop,wscale 7>\n+0 > . 1 ack 1 win 501",
     [("warning", "501")]),
    ("OP09", "closed, not misread",
     "+0 > S 0 win 64240 <mss 1460,nop,wscale 7>\n+0 < S. 0 ack 1 win 65160 <mss 1460>\n+0 > . 1 ack 1 win 64240\n"
     "+0 > P. 1(10) ack 1\n+0 < . 1 ack 11 win 0", []),
    ("OP09", "filled by data that it acknowledges",
     "+0 > S 0 win 64240 <mss 1460,nop,wscale 7>\n+0 < S. 0 ack 1 win 4000 <mss 1460>\n+0 > . 1 ack 1 win 64240\n"
     "+0 > P. 1(3500) ack 1\n+0 < . 1 ack 3501 win 500", []),
    ("OP09", "small from the beginning",
     "+0 > S 0 win 64240 <mss 1460,nop,wscale 7>\n+0 < S. 0 ack 1 win 1000 <mss 1460>\n+0 > . 1 ack 1 win 64240\n"
     "+0 > P. 1(10) ack 1\n+0 < . 1 ack 11 win 100", []),
    ("OP09", "nobody scales",
     "+0 > S 0 win 64240 <mss 1460>\n+0 < S. 0 ack 1 win 65160 <mss 1460>\n+0 > . 1 ack 1 win 64240\n"
     "+0 > P. 1(10) ack 1\n+0 < . 1 ack 11 win 510", []),
    ("OP09", "scaled, and the SYN that says so was not captured",
     "+0 < S. 0 ack 1 win 65160 <mss 1460,nop,wscale 7>\n+0 > . 1 ack 1 win 64240\n+0 > P. 1(10) ack 1\n"
     "+0 < . 1 ack 11 win 510", []),
    ("OP11", "in the long run", TIMED + "".join(
        f"+.1 > P. {1 + n}(1) ack 1 {'' if n == 8 else f'<nop,nop,TS val {200 + n} ecr 900>'}\n" for n in range(12)
    ), [("warning", "none")]),
    ("OP11", "all of them have some", TIMED + "".join(
        f"+.1 > P. {1 + n}(1) ack 1 <nop,nop,TS val {200 + n} ecr 900>\n" for n in range(12)
    ), []),
    ("OP11", "a SYN without is a SYN of another kind",
     "+0 > S 0 <mss 1460,TS val 100 ecr 0>\n+1 > S 0 <mss 1460>\n+0 < S. 0 ack 1 <mss 1460>\n+0 > . 1 ack 1", []),
    ("OP13", "a SYN-ACK echoes", TIMED, []),
    ("OP14", "the clock wraps",
     "+0 > S 0 <mss 1460,nop,nop,TS val 4294967290 ecr 0>\n+0 < S. 0 ack 1 <mss 1460,nop,nop,TS val 9 ecr 4294967290>\n"
     "+0 > . 1 ack 1 <nop,nop,TS val 4 ecr 9>\n+0 > P. 1(9) ack 1 <nop,nop,TS val 5 ecr 9>", []),
    ("OP14", "of the server", TIMED + "+0 < P. 1(9) ack 1 <nop,nop,TS val 899 ecr 121>", [("warning", "899")]),
    ("OP14", "the numbers wrap", "isn 4294967290 5000\n" + TIMED
     + "+0 > P. 1(9) ack 1 <nop,nop,TS val 122 ecr 900>\n+0 > P. 10(9) ack 1 <nop,nop,TS val 121 ecr 900>",
     [("warning", "121")]),
    ("OP14", "behind folded segments", TIMED + "".join(
        f"+.1 > P. {1 + n}(1) ack 1 <nop,nop,TS val {150 if n == 11 else 200 + n} ecr 900>\n" for n in range(12)
    ), [("warning", "150")]),
    ("OP14", "ACKs that overtook each other", TIMED
     + "+0 > . 1 ack 500 <nop,nop,TS val 300 ecr 900>\n+0 > . 1 ack 200 <nop,nop,TS val 299 ecr 900>", []),
    ("OP15", "permitted too late", "+0 > S 0 <mss 1460>\n+0 < S. 0 ack 1 <mss 1460>\n+0 > . 1 ack 1 <sackOK>",
     [("warning", "SACK-permitted on a segment without SYN")]),
    ("OP15", "blocks of the client", "+0 > S 0 <sackOK>\n+0 < S. 0 ack 1 <mss 1460>\n+0 > . 1 ack 1\n"
     "+0 > . 1 ack 1 <sack 5:9>", [("warning", "SACK blocks that the other side did not permit")]),
    ("OP15", "in the long run", "+0 > S 0 <mss 1460>\n+0 < S. 0 ack 1 <mss 1460>\n" + "".join(
        f"+.1 > . 1 ack {n} {'<sack 50:60>' if n == 9 else ''}\n" for n in range(1, 14)
    ), [("warning", "SACK blocks that the other side did not permit")]),
    ("OP16", "MSS lowered", "+0 > S 0 <mss 1460>\n+1 > S 0 <mss 536>", [("info", "MSS 536, before 1460")]),
    ("OP16", "MSS raised", "+0 > S 0 <mss 1360>\n+1 > S 0 <mss 1460>", [("note", "MSS 1460, before 1360")]),
    ("OP16", "all options left out", "+0 > S 0 <mss 1460,sackOK,TS val 1 ecr 0,nop,wscale 6>\n+1 > S 0",
     [("info", "without MSS, without window scale, without SACK-permitted, without timestamps")]),
    ("OP16", "an option added", "+0 > S 0 <mss 1460>\n+1 > S 0 <mss 1460,sackOK>", [("note", "with SACK-permitted")]),
    ("OP16", "unknown options", "+0 > S 0 <opt 69:0102>\n+1 > S 0 <mss 1460>",
     [("note", "with MSS, another set of unknown options")]),
    ("OP16", "the cookie", "+0 > S 0 <FO 00112233>\n+1 > S 0 <FO>", [("info", "a cookie of 0 octets, before 4")]),
    ("OP16", "padding is no option", "+0 > S 0 <mss 1460,nop,nop,sackOK>\n+1 > S 0 <sackOK,mss 1460>", []),
    ("OP16", "the third differs", "+0 > S 0 <mss 1460>\n+1 > S 0 <mss 1460>\n+1 > S 0", [("info", "without MSS")]),
    ("OP17", "the server alone", "+0 > S 0 <mss 1460>\n+0 < S. 0 ack 1 <md5>", [("warning", "MD5")]),
    ("OP17", "TCP-AO", "+0 > S 0 <opt 29:01020000>\n+0 < S. 0 ack 1", [("warning", "none")]),
    ("OP17", "not alike", "+0 > S 0 <opt 29:01020000>\n+0 < S. 0 ack 1 <md5>", [("warning", "MD5")]),
    ("OP17", "nobody answers", "+0 > S 0 <md5>\n+9 arp", []),
    ("EC03", "the SYN-ACK of a simultaneous open",
     "+0 > SEW 0\n+0 < S 0\n+.02 > S. 0 ack 1\n+0 < SE. 0 ack 1", []),
    ("TF04", "lost once only, then answered with it",
     "+0 > S 0(9) <FO 00112233>\n+1 > S 0(9) <FO 00112233>\n+0 < S. 0 ack 10\n+0 > . 10 ack 1", []),
    ("TF04", "answered before the plain one",
     "+0 > S 0(9) <FO 00112233>\n+1 < S. 0 ack 10\n+0 > S 0\n+0 > . 10 ack 1", []),
]  # fmt: skip


@pytest.mark.parametrize(("rule", "about", "exchange", "expected"), CASES, ids=[f"{c[0]}: {c[1]}" for c in CASES])
def test_options(rule: str, about: str, exchange: str, expected: Found, examine: Examine) -> None:
    assert of(examine(exchange), rule) == expected


UNDECIDABLE: Final = {
    "a larger segment that may have been merged": (
        OPEN + "+0 > P. 1(1400) ack 1 id 7\n+0 > P. 1401(1) ack 1 id 9",
        {"OP04"},
    ),
    "a larger segment without IP ids": (
        "client [2001:db8::1]:1 server [2001:db8::2]:80\n" + OPEN + "+0 > P. 1(1400) ack 1\n+0 > P. 1401(1) ack 1",
        {"OP04"},
    ),
    "options cut by the snaplen": (
        "snaplen 54\n" + TIMED,
        {"MP01", "OP01", "OP02", "OP03", "OP05", "OP06", "OP07", "OP09", "OP10", "OP11", "OP13", "OP17",
         "TF01", "TF02", "TF03"},
    ),
    "the SYN is missing": (
        "+0 < SE. 0 ack 1 <mss 1460,wscale 7,TS val 9 ecr 8,FO 00112233>\n+0 > . 1 ack 1\n+1 < . 1 ack 1",
        {"EC03", "OP06", "OP10", "TF02"},
    ),
    "timestamps of folded segments that went back": (
        TIMED + "".join(
            f"+.1 > P. {1 + n}(1) ack 1 <nop,nop,TS val {150 if n == 8 else 200 + n} ecr 900>\n" for n in range(12)
        ),
        {"OP14"},
    ),
    "SACK blocks where the other side's SYN is missing": (
        "+0 < S. 0 ack 1 <mss 1460>\n+0 > . 1 ack 1\n+0 > P. 5(4) ack 1\n+0 < . 1 ack 1 <sack 5:9>",
        {"OP15"},
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", UNDECIDABLE)
def test_undecidable(name: str, examine: Examine) -> None:
    exchange, rules = UNDECIDABLE[name]
    report = examine(exchange)
    assert rules <= undecidable(report)
    assert not rules & {finding.rule.id for finding in report.all_findings}


def test_blackholes_are_counted_by_pair_of_hosts(examine: Examine) -> None:
    lost = "+0 > S 0(9) <FO 00112233>\n+1 > S 0\n+0 < S. 0 ack 1\n+0 > P. 1(9) ack 1\n"
    taken = "+0 > S 0(9) <FO 00112233>\n+0 < S. 0 ack 10\n+0 > . 10 ack 1\n"
    flows = [f"flow {n}\nclient 192.0.2.1:{n}\n{text}" for n, text in enumerate([lost, taken, lost, taken, taken], 1)]
    flows.append(f"flow other\nclient 192.0.2.9:1\n{lost}")
    findings = [finding for finding in examine("\n".join(flows)).all_findings if finding.rule.id == "TF04"]
    assert [finding.message.partition(" (")[2] for finding in findings] == [
        "2 of 5 attempts with it between these hosts)",
        "2 of 5 attempts with it between these hosts)",
        "1 of 1 attempts with it between these hosts)",
    ]


def test_copies_are_left_out(examine: Examine) -> None:
    """A mirror port that shows a SYN before and behind the router that clamps its MSS."""
    report = examine("""
        +0      > S  0:0(0) win 64240 <mss 1460> id 5
        +.00001 > S  0:0(0) win 64240 <mss 1300> id 5 ttl 63
        +.02    < S. 0:0(0) ack 1 win 65160 <mss 1460>
        +0      > .  1:1(0) ack 1
    """)
    assert of(report, "OP16") == []
