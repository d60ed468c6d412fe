"""The grades and kinds of wrong numbers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import pytest

from pcapcheck.report.report import Report
from pcapcheck.rules.wrong_number import kind_of

Examine = Callable[[str | bytes], Report]
OPEN: Final = """
    +0   > S  0:0(0) win 64240
    +.02 < S. 0:0(0) ack 1 win 1000
"""


@pytest.mark.parametrize(
    ("actual", "expected", "isn", "older", "kind"),
    [
        (1000, 1001, 1000, (), "off by one: SYN or FIN was not counted"),
        (2**32 - 1, 0, 2**32 - 1, (), "off by one: SYN or FIN was not counted"),
        (1002, 1001, 1000, (), "off by one: counted twice"),
        (778, 1001, 1000, (777,), "the number of an older SYN of this 4-tuple"),
        (0, 1001, 1000, (), "zero"),
        (1, 70001, 70000, (), "a relative number: the ISN was not added"),
        (101, 70101, 70000, (), "a relative number: the ISN was not added"),
        (0x78563412, 0x12345678, 0x12345677, (), "byte-swapped"),
        (1007, 1001, 1000, (), "6 too high"),
        (2**32 - 4, 6, 5, (), "10 too low"),
        (0x9ABCDEF0, 0x12345678, 0x12345677, (), "an unrelated number"),
    ],
)
def test_kinds(actual: int, expected: int, isn: int, older: tuple[int, ...], kind: str) -> None:
    assert kind_of(actual, expected, isn, older) == kind


# Name: the rest of the exchange, and what HS03 and HS04 find: rule, severity, expected, actual, detail.
THIRD_SEGMENTS: Final = {
    "in the window, ahead": (
        "+0 > . 101:101(0) ack 1",
        [("HS04", "note", "1001", "1101", "inside the window, so the server takes it")],
    ),
    "the last number of the window": (
        "+0 > . 1000:1000(0) ack 1",
        [("HS04", "note", "1001", "2000", "inside the window, so the server takes it")],
    ),
    "the first number behind the window": (
        "+0 > . 1001:1001(0) ack 1",
        [("HS04", "error", "1001", "2001", "1000 too high")],
    ),
    "the SYN's own number": (
        "+0 > . 0:0(0) ack 1",
        [("HS04", "error", "1001", "1000", "off by one: SYN or FIN was not counted")],
    ),
    "acknowledges the SYN-ACK's own number": (
        "+0 > . 1:1(0) ack 0",
        [("HS03", "error", "5001", "5000", "off by one: SYN or FIN was not counted")],
    ),
    "acknowledges data that came after it": (
        "+0 > . 1:1(0) ack 102\n+.02 < P. 1:101(100) ack 1\n+0 > . 1:1(0) ack 101",
        [("HS03", "error", "5001", "5102", "101 too high")],
    ),
    "beyond what the server has sent": (
        "+0 < P. 1:101(100) ack 1\n+0 > . 1:1(0) ack 103",
        [("HS03", "error", "5001 to 5101", "5103", "2 too high")],
    ),
    "both numbers wrong in turn": (
        "+0 > . 1:1(0) ack 10\n+.1 > . 9001:9001(0) ack 1",
        [
            ("HS03", "error", "5001", "5010", "9 too high"),
            ("HS04", "error", "1001", "10001", "9000 too high"),
        ],
    ),
}


@pytest.mark.parametrize("name", THIRD_SEGMENTS)
def test_third_segment(name: str, examine: Examine) -> None:
    rest, expected = THIRD_SEGMENTS[name]
    found = [
        (finding.rule.id, finding.severity, finding.expected, finding.actual, finding.message.partition(" (")[2][:-1])
        for finding in examine(OPEN + rest).all_findings
        if finding.rule.id in ("HS03", "HS04")
    ]
    assert found == expected


def test_paws(examine: Examine) -> None:
    report = examine("""
        +0   > S  0:0(0) win 64240 <mss 1460,sackOK,TS val 1000 ecr 0>
        +.02 < S. 0:0(0) ack 1 win 65160 <mss 1460,sackOK,TS val 900 ecr 1000>
        +0   > .  1:1(0) ack 1 <nop,nop,TS val 7 ecr 900>
    """)
    (finding,) = [finding for finding in report.all_findings if finding.rule.id == "HS04"]
    assert (finding.severity, finding.expected, finding.actual) == ("error", "TSval 1000 or later", "TSval 7")


def test_both_forget_to_count(examine: Examine) -> None:
    findings = examine("""
        +0   > S  0:0(0) win 64240
        +.02 < S. 0:0(0) ack 0 win 65160
        +0   > .  1:1(0) ack 0
    """).all_findings
    assert [(finding.rule.id, finding.expected, finding.actual) for finding in findings] == [
        ("HS05", "", "2 x off by one: SYN or FIN was not counted"),
        ("HS02", "1001", "1000"),
        ("HS03", "5001", "5000"),
        ("RS06", "RST with sequence number 1000", "5000"),
    ]


def test_many_new_isns_are_a_warning(examine: Examine) -> None:
    syns = "\n".join(f"+1 > S {1000 * number}:{1000 * number}(0) win 64240" for number in range(6))
    findings = [finding for finding in examine(syns).all_findings if finding.rule.id == "HS06"]
    assert [finding.severity for finding in findings] == ["note", "note", "note", "warning", "warning"]


@pytest.mark.parametrize("gap", [2, 200])
def test_new_isn_after_the_end(gap: int, examine: Examine) -> None:
    refused = "+.02 < R. =0:0(0) ack 1 win 0" if gap == 2 else ""
    report = examine(f"+0 > S 0:0(0) win 64240\n{refused}\n+{gap} > S 77:77(0) win 64240")
    assert "HS06" not in {finding.rule.id for finding in report.all_findings}


def test_refusal_with_a_sequence_number_is_a_note(examine: Examine) -> None:
    report = examine("+0 > S 0:0(0) win 64240\n+.02 < R. 0:0(0) ack 1 win 0")
    (finding,) = [finding for finding in report.all_findings if finding.rule.id == "RS01"]
    assert (finding.severity, finding.expected, finding.actual) == ("note", "SEQ 0", "SEQ 5000")


def test_refusal_of_data_in_the_syn(examine: Examine) -> None:
    # Both ISN+1 and the end of the data are acceptable in SYN-SENT.
    for ack in (1, 101):
        report = examine(f"+0 > S 0:100(100) win 64240\n+.02 < R. =0:0(0) ack {ack} win 0")
        assert [finding.rule.id for finding in report.all_findings] == ["OC01"]


def test_rst_for_a_connection_whose_synack_is_missing(examine: Examine) -> None:
    report = examine("""
        +0   > S  0:0(0) win 64240
        +.04 > .  1:1(0) ack 1
        +0   > P. 1:101(100) ack 1
        +.04 < .  1:1(0) ack 101
        +.1  < R  1:1(0) win 0
    """)
    assert report.outcomes() == {"partial": 1}
    assert not {"RS01", "RS02"} & {finding.rule.id for finding in report.all_findings}


def test_an_echo_of_a_syn_before_the_capture(examine: Examine) -> None:
    """The first file of a ring buffer ended between a SYN and its repeat: the SYN-ACK echoes the first one."""
    text = """
        {before}
        +{wait}  > S  0:0(0) win 64240 <mss 1460,sackOK,TS val 4100 ecr 0>
        +.02     < S. 0:0(0) ack 1 win 65160 <mss 1460,sackOK,TS val 900 ecr 3089>
        +0       > .  1:1(0) ack 1 <nop,nop,TS val 4121 ecr 900>
    """
    at_the_start = examine(text.format(before="", wait=0))
    assert "OP12" not in {finding.rule.id for finding in at_the_start.all_findings}
    assert at_the_start.all_findings.undecidable()["OP12"] == 1
    # Here it would have been captured.
    later = examine(text.format(before="+0 arp", wait=2))
    assert [finding.actual for finding in later.all_findings if finding.rule.id == "OP12"] == ["3089"]


@pytest.mark.parametrize(
    ("synack_echo", "ack_echo", "found"),
    [
        (100, 900, []),
        (0, 900, [("note", "100", "0")]),
        (55, 900, [("warning", "100", "55")]),
        (100, 901, [("warning", "900", "901")]),
        (100, 0, [("warning", "900", "0")]),
    ],
)
def test_echoes(synack_echo: int, ack_echo: int, found: list[tuple[str, str, str]], examine: Examine) -> None:
    report = examine(f"""
        +0   > S  0:0(0) win 64240 <mss 1460,sackOK,TS val 100 ecr 0>
        +.02 < S. 0:0(0) ack 1 win 65160 <mss 1460,sackOK,TS val 900 ecr {synack_echo}>
        +0   > .  1:1(0) ack 1 <nop,nop,TS val 101 ecr {ack_echo}>
    """)
    findings = [finding for finding in report.all_findings if finding.rule.id == "OP12"]
    assert [(finding.severity, finding.expected, finding.actual) for finding in findings] == found


@pytest.mark.parametrize(
    ("flags", "actual"),
    [
        ("S", None),
        ("SP", None),
        ("SEW", None),
        ("SF", "SYN+FIN"),
        ("SR", "SYN+RST"),
        ("SU", "SYN+URG"),
        ("-", "no flags"),
        ("FPU", "FIN+PSH+URG"),
        ("FPU.", None),
        ("F.", None),
        ("R", None),
    ],
)
def test_flags(flags: str, actual: str | None, examine: Examine) -> None:
    ack = " ack 1" if "." in flags else ""
    findings = [f for f in examine(f"+0 > {flags} 0:0(0){ack}").all_findings if f.rule.id == "HS13"]
    assert [finding.actual for finding in findings] == ([actual] if actual else [])


@pytest.mark.parametrize(
    ("line", "actual", "detail"),
    [
        ("icmp 3/1 quotes 0", "ICMP 3/1 host unreachable", "soft: "),
        ("icmp 3/3 quotes 0", "ICMP 3/3 port unreachable", "hard: "),
        ("icmp 3/9 quotes 0", "ICMP 3/9 network administratively prohibited", "filtered: "),
        ("icmp 12/0 quotes 0", "ICMP 12/0 parameter problem", "soft: "),
        ("icmp 3/99 quotes 0", "ICMP 3/99", ""),
        ("icmp 3/3 quotes 77", "ICMP 3/3 port unreachable", "it quotes 1077, which is not in flight"),
    ],
)
def test_icmp(line: str, actual: str, detail: str, examine: Examine) -> None:
    report = examine(f"+0 > S 0:0(0) win 64240\n+.02 < {line}")
    (finding,) = [finding for finding in report.all_findings if finding.rule.id == "IC01"]
    assert finding.actual == actual
    assert finding.message.removeprefix(actual).removeprefix(" (").startswith(detail)


def test_icmpv6(examine: Examine) -> None:
    report = examine("""
        client [2001:db8::1]:49152 server [2001:db8::2]:80
        +0   > S  0:0(0) win 64240
        +.02 < icmp6 1/4 quotes 0
    """)
    (finding,) = [finding for finding in report.all_findings if finding.rule.id == "IC01"]
    assert finding.actual == "ICMPv6 1/4 port unreachable"


def test_copies_at_two_points_of_the_path(examine: Examine) -> None:
    report = examine("""
        +0      > S  0:0(0) win 64240
        +.00001 copy ttl 63
        +.02    < S. 0:0(0) ack 1 win 65160
        +.00001 copy ttl 63 vlan 10
        +0      > .  1:1(0) ack 1
    """)
    (finding,) = [finding for finding in report.all_findings if finding.rule.id == "CAP05"]
    assert (finding.actual, finding.frames) == ("2", (2, 1))
    assert finding.message.endswith("(2 with another TTL, 1 with another VLAN)")


def test_synack_recorded_before_its_syn(examine: Examine) -> None:
    report = examine("""
        +.02 < S. 0:0(0) ack 1 win 65160
        -.02 > S  0:0(0) win 64240
        +.02 > .  1:1(0) ack 1
    """)
    (finding,) = [finding for finding in report.all_findings if finding.rule.id == "CAP03"]
    assert finding.actual == "1 step(s) back in time, the largest of 20000000 ns, 1 SYN-ACK(s) before their SYN"
    assert finding.frames == (2, 1)
    assert report.outcomes() == {"established": 1}


@pytest.mark.parametrize(("reset", "found"), [("+0 > R 1:1(0) win 0", 0), ("", 1)])
def test_new_synack_after_a_reset(reset: str, found: int, examine: Examine) -> None:
    report = examine(f"""
        +0   > S  0:0(0) win 64240
        +.02 < S. 0:0(0) ack 1 win 65160
        {reset}
        +1   > S  0:0(0) win 64240
        +.02 < S. 700:700(0) ack 1 win 65160
        +0   > .  1:1(0) ack 701
    """)
    assert [finding.rule.id for finding in report.all_findings].count("HS07") == found


# Name: exchange, the one rule that finds a wrong number, and what it calls it.
SHIFTED: Final = {
    "the server's acknowledgements": (
        """
        isn 200000 5000
        +0   > S  0:0(0) win 64240
        +.02 < S. 0:0(0) ack 70001 win 65160
        +0   > P. 1:101(100) ack 1
        +.02 < .  1:1(0) ack 70101
        """,
        ("HS02", "70000 too high on all segments of this direction: an ISN was rewritten"),
    ),
    "the client's acknowledgements": (
        """
        isn 1000 4294967290
        +0   > S  0:0(0) win 64240
        +.02 < S. 0:0(0) ack 1 win 65160
        +0   > .  1:1(0) ack -3000000
        +.02 < P. 1:101(100) ack 1
        +0   > .  1:1(0) ack -2999900
        """,
        ("HS03", "3000001 too low on all segments of this direction: an ISN was rewritten"),
    ),
    "the client's sequence numbers": (
        f"{OPEN} +0 > P. 500001:500101(100) ack 1\n+0 > P. 500101:500201(100) ack 1",
        ("HS04", "500000 too high on all segments of this direction: an ISN was rewritten"),
    ),
    "one acknowledgement alone is no direction": (
        f"{OPEN} +0 > . 1:1(0) ack 70001\n+.1 > P. 1:101(100) ack 70001",
        ("HS03", "70000 too high"),
    ),
    "another acknowledgement is off by something else": (
        f"{OPEN} +0 > . 1:1(0) ack 70001\n+.02 < P. 1:101(100) ack 1\n+.1 > . 1:1(0) ack 70111",
        ("HS03", "70000 too high"),
    ),
}


@pytest.mark.parametrize("name", SHIFTED)
def test_an_isn_is_rewritten(name: str, examine: Examine) -> None:
    exchange, expected = SHIFTED[name]
    wrong = [one for one in examine(exchange).all_findings if one.rule.id in ("HS02", "HS03", "HS04")]
    assert [(one.rule.id, one.message.partition(" (")[2][:-1]) for one in wrong] == [expected]


def test_many_kinds_of_wrong_numbers(examine: Examine) -> None:
    (finding,) = [
        one
        for one in examine(
            "".join(
                f"flow {port}\nclient 192.0.2.1:{port}\n"
                f"+{port % 10} > S 0:0(0) win 64240\n+.02 < S. 0:0(0) ack {port - 40000 + 3} win 65160\n"
                for port in (40000, 40000 + 100, *range(40200, 40210))
            )
        ).all_findings
        if one.rule.id == "HS05"
    ]
    assert finding.actual == ", ".join(
        [f"1 x {distance} too high" for distance in (2, 102, *range(202, 208))] + ["4 more kinds"]
    )
