"""Extensions of TCP as they are negotiated on the wire: Fast Open, ECN and AccECN, Multipath TCP, options.

Each scenario is an exchange, what its handshake row says of it, and everything that the rules of these extensions find.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final, NamedTuple

import pytest

from pcapcheck.run import check
from pcapcheck.testing import parse_exchange
from tests.rows import rows

Found = list[tuple[str, str, str]]  # rule, severity, actual


class Scenario(NamedTuple):
    """One exchange of one connection."""

    exchange: str
    row: dict[str, Any]
    findings: Found


COOKIE: Final = "0011223344556677"

FAST_OPEN: Final = {
    "a cookie is asked for and given": Scenario(
        f"""
        +0   > S  0:0(0) win 64240 <mss 1460,FO>
        +.02 < S. 0:0(0) ack 1 win 65160 <mss 1460,FO {COOKIE}>
        +0   > .  1:1(0) ack 1
        """,
        {"outcome": "established", "shape": "three-way", "client_fast_open": "request", "server_fast_open": "cookie"},
        [("TF03", "info", "a cookie was asked for and given")],
    ),
    "a cookie is asked for, and the server gives none": Scenario(
        """
        +0   > S  0:0(0) win 64240 <mss 1460,FO>
        +.02 < S. 0:0(0) ack 1 win 65160 <mss 1460>
        +0   > .  1:1(0) ack 1
        """,
        {"outcome": "established", "shape": "three-way", "client_fast_open": "request", "server_fast_open": ""},
        [("TF03", "info", "a cookie was asked for, none was given")],
    ),
    "the data is taken, and answered before the ACK": Scenario(
        f"""
        +0   > S  0:100(100) win 64240 <mss 1460,FO {COOKIE}>
        +.02 < S. 0:0(0) ack 101 win 65160 <mss 1460>
        +0   < P. 1:201(200) ack 101
        +0   > .  101:101(0) ack 201
        """,
        {"outcome": "established", "shape": "fast-open", "client_fast_open": "cookie", "synack_ack": 1101},
        [("TF03", "info", "the data was taken")],
    ),
    "a part of the data is taken": Scenario(
        f"""
        +0   > S  0:100(100) win 64240 <mss 1460,FO {COOKIE}>
        +.02 < S. 0:0(0) ack 41 win 65160 <mss 1460>
        +0   > P. 41:101(60) ack 1
        """,
        {"outcome": "established", "shape": "fast-open", "synack_ack": 1041, "ack_seq": 1041},
        [("TF03", "info", "a part of the data was taken")],
    ),
    "the data is ignored, and sent once more": Scenario(
        f"""
        +0   > S  0:100(100) win 64240 <mss 1460,FO {COOKIE}>
        +.02 < S. 0:0(0) ack 1 win 65160 <mss 1460>
        +0   > P. 1:101(100) ack 1
        """,
        {"outcome": "established", "shape": "three-way", "synack_ack": 1001, "ack_kind": "data"},
        [("TF03", "info", "the data was not taken")],
    ),
    "the cookie has expired: the data is ignored, and a new cookie comes": Scenario(
        f"""
        +0   > S  0:100(100) win 64240 <mss 1460,FO {COOKIE}>
        +.02 < S. 0:0(0) ack 1 win 65160 <mss 1460,FO 8899aabbccddeeff>
        +0   > P. 1:101(100) ack 1
        """,
        {"outcome": "established", "shape": "three-way", "server_fast_open": "cookie"},
        [("TF03", "info", "a new cookie was given, no data taken")],
    ),
    "SYNs with data vanish, and a plain one gets through": Scenario(
        f"""
        +0   > S  0:100(100) win 64240 <mss 1460,FO {COOKIE}>
        +1   > S  0:0(0) win 64240 <mss 1460>
        +.02 < S. 0:0(0) ack 1 win 65160 <mss 1460>
        +0   > P. 1:101(100) ack 1
        """,
        {"outcome": "established", "shape": "three-way", "syn_count": 2},
        [
            ("OP16", "info", "without Fast Open, 0 octets of data, before 100"),
            ("TF03", "info", "only a SYN without it was answered"),
            ("TF04", "note", "none"),
        ],
    ),
    "nothing gets through": Scenario(
        f"""
        +0   > S  0:100(100) win 64240 <mss 1460,FO {COOKIE}>
        +1   > S  0:0(0) win 64240 <mss 1460>
        +9   arp
        """,
        {"outcome": "unanswered"},
        [
            ("OP16", "info", "without Fast Open, 0 octets of data, before 100"),
            ("TF03", "info", "not answered"),
            ("TF04", "note", "none"),
        ],
    ),
    "the experimental option": Scenario(
        f"""
        +0   > S  0:100(100) win 64240 <mss 1460,opt 254:f989{COOKIE}>
        +.02 < S. 0:0(0) ack 101 win 65160 <mss 1460>
        +0   > .  101:101(0) ack 1
        """,
        {"outcome": "established", "shape": "fast-open", "client_fast_open": "cookie"},
        [("TF03", "info", "the data was taken")],
    ),
    "a cookie of three octets": Scenario(
        """
        +0   > S  0:0(0) win 64240 <mss 1460,opt 254:f989001122>
        +.02 < S. 0:0(0) ack 1 win 65160 <mss 1460>
        +0   > .  1:1(0) ack 1
        """,
        {"outcome": "established"},
        [("TF01", "warning", "3 octets of cookie"), ("TF03", "info", "a cookie without data")],
    ),
    "the option in an ACK": Scenario(
        f"""
        +0   > S  0:0(0) win 64240 <mss 1460>
        +.02 < S. 0:0(0) ack 1 win 65160 <mss 1460>
        +0   > .  1:1(0) ack 1 <FO {COOKIE}>
        """,
        {"outcome": "established"},
        [("TF02", "warning", "Fast Open option in a segment without SYN")],
    ),
}

CAPABLE: Final = "mptcp capable"
CLIENT_KEY, SERVER_KEY = "1111111111111111", "0123456789abcdef"

MPTCP: Final = {
    "capable": Scenario(
        f"""
        +0   > S  0:0(0) win 64240 <mss 1460,{CAPABLE}>
        +.02 < S. 0:0(0) ack 1 win 65160 <mss 1460,{CAPABLE} {SERVER_KEY}>
        +0   > .  1:1(0) ack 1 <{CAPABLE} {CLIENT_KEY}{SERVER_KEY}>
        +0   > P. 1:101(100) ack 1 <{CAPABLE} {CLIENT_KEY}{SERVER_KEY}00640000>
        """,
        {"outcome": "established", "client_mptcp": "capable", "server_mptcp": "capable"},
        [],
    ),
    "capable, version 0": Scenario(
        f"""
        +0   > S  0:0(0) win 64240 <mss 1460,opt 30:0001{CLIENT_KEY}>
        +.02 < S. 0:0(0) ack 1 win 65160 <mss 1460,opt 30:0001{SERVER_KEY}>
        +0   > .  1:1(0) ack 1 <opt 30:0001{CLIENT_KEY}{SERVER_KEY}>
        """,
        {"outcome": "established", "client_mptcp": "capable", "server_mptcp": "capable"},
        [],
    ),
    "join": Scenario(
        f"""
        +0   > S  0:0(0) win 64240 <mss 1460,mptcp join 1122334455667788>
        +.02 < S. 0:0(0) ack 1 win 65160 <mss 1460,mptcp join {SERVER_KEY}99aabbcc>
        +0   > .  1:1(0) ack 1 <mptcp join {"ab" * 20}>
        """,
        {"outcome": "established", "client_mptcp": "join", "server_mptcp": "join"},
        [],
    ),
    "the server knows no Multipath TCP": Scenario(
        f"""
        +0   > S  0:0(0) win 64240 <mss 1460,{CAPABLE}>
        +.02 < S. 0:0(0) ack 1 win 65160 <mss 1460>
        +0   > .  1:1(0) ack 1
        """,
        {"outcome": "established", "client_mptcp": "capable", "server_mptcp": ""},
        [],
    ),
    "SYNs with the option vanish, and a plain one gets through": Scenario(
        f"""
        +0   > S  0:0(0) win 64240 <mss 1460,{CAPABLE}>
        +1   > S  0:0(0) win 64240 <mss 1460,{CAPABLE}>
        +2   > S  0:0(0) win 64240 <mss 1460>
        +.02 < S. 0:0(0) ack 1 win 65160 <mss 1460>
        +0   > .  1:1(0) ack 1
        """,
        {"outcome": "established", "syn_count": 3},
        [("OP16", "info", "without MPTCP")],
    ),
    "the client goes on though the option was removed from the SYN-ACK": Scenario(
        f"""
        +0   > S  0:0(0) win 64240 <mss 1460,{CAPABLE}>
        +.02 < S. 0:0(0) ack 1 win 65160 <mss 1460>
        +0   > .  1:1(0) ack 1 <{CAPABLE} {CLIENT_KEY}{SERVER_KEY}>
        """,
        {"outcome": "established"},
        [("MP01", "warning", "MPTCP options after a SYN-ACK without them")],
    ),
    "the SYN's option was removed on the way": Scenario(
        f"""
        +0   > S  0:0(0) win 64240 <mss 1460>
        +.02 < S. 0:0(0) ack 1 win 65160 <mss 1460,{CAPABLE} {SERVER_KEY}>
        +0   > .  1:1(0) ack 1
        """,
        {"outcome": "established"},
        [("MP01", "warning", "SYN-ACK with MP_CAPABLE")],
    ),
    "a key in a SYN of version 1": Scenario(
        f"""
        +0   > S  0:0(0) win 64240 <mss 1460,{CAPABLE} {CLIENT_KEY}>
        +.02 < S. 0:0(0) ack 1 win 65160 <mss 1460>
        +0   > .  1:1(0) ack 1
        """,
        {"outcome": "established"},
        [("MP01", "warning", "an option of 12 octets in the SYN")],
    ),
    "the answer is of a higher version": Scenario(
        f"""
        +0   > S  0:0(0) win 64240 <mss 1460,opt 30:0001{CLIENT_KEY}>
        +.02 < S. 0:0(0) ack 1 win 65160 <mss 1460,{CAPABLE} {SERVER_KEY}>
        +0   > .  1:1(0) ack 1
        """,
        {"outcome": "established"},
        [("MP01", "warning", "SYN-ACK of a higher version")],
    ),
    "joined, and the ACK is too short": Scenario(
        f"""
        +0   > S  0:0(0) win 64240 <mss 1460,mptcp join 1122334455667788>
        +.02 < S. 0:0(0) ack 1 win 65160 <mss 1460,mptcp join {SERVER_KEY}99aabbcc>
        +0   > .  1:1(0) ack 1 <mptcp join {"ab" * 8}>
        """,
        {"outcome": "established"},
        [("MP01", "warning", "an option of 12 octets in the ACK")],
    ),
}

NEGOTIATION: Final = {
    "both offer SACK, timestamps and window scale": Scenario(
        """
        +0   > S  0:0(0) win 64240 <mss 1460,sackOK,TS val 100 ecr 0,nop,wscale 7>
        +.02 < S. 0:0(0) ack 1 win 65160 <mss 1460,sackOK,TS val 900 ecr 100,nop,wscale 9>
        +0   > .  1:1(0) ack 1 win 502 <nop,nop,TS val 121 ecr 900>
        """,
        {
            "client_wscale": 7,
            "server_wscale": 9,
            "client_sack_permitted": 1,
            "server_sack_permitted": 1,
            "client_timestamps": 1,
            "server_timestamps": 1,
        },
        [],
    ),
    "only the client offers them": Scenario(
        """
        +0   > S  0:0(0) win 64240 <mss 1460,sackOK,TS val 100 ecr 0,nop,wscale 7>
        +.02 < S. 0:0(0) ack 1 win 65160 <mss 1460>
        +0   > .  1:1(0) ack 1 win 64240
        """,
        {
            "client_wscale": 7,
            "server_wscale": None,
            "client_sack_permitted": 1,
            "server_sack_permitted": 0,
            "client_timestamps": 1,
            "server_timestamps": 0,
        },
        [],
    ),
    "nobody offers them": Scenario(
        """
        +0   > S  0:0(0) win 64240 <mss 1460>
        +.02 < S. 0:0(0) ack 1 win 65160 <mss 1460>
        +0   > .  1:1(0) ack 1
        """,
        {
            "client_wscale": None,
            "server_wscale": None,
            "client_sack_permitted": 0,
            "server_sack_permitted": 0,
            "client_timestamps": 0,
            "server_timestamps": 0,
        },
        [],
    ),
    "only the SYN-ACK has a window scale": Scenario(
        """
        +0   > S  0:0(0) win 64240 <mss 1460>
        +.02 < S. 0:0(0) ack 1 win 65160 <mss 1460,nop,wscale 7>
        +0   > .  1:1(0) ack 1
        """,
        {"client_wscale": None, "server_wscale": 7},
        [("OP06", "warning", "a window scale option")],
    ),
    "only the SYN-ACK has timestamps": Scenario(
        """
        +0   > S  0:0(0) win 64240 <mss 1460>
        +.02 < S. 0:0(0) ack 1 win 65160 <mss 1460,nop,nop,TS val 900 ecr 0>
        +0   > .  1:1(0) ack 1
        """,
        {"client_timestamps": 0, "server_timestamps": 1},
        [("OP10", "warning", "timestamps")],
    ),
    "only the SYN-ACK permits SACK, which is allowed": Scenario(
        """
        +0   > S  0:0(0) win 64240 <mss 1460>
        +.02 < S. 0:0(0) ack 1 win 65160 <mss 1460,nop,nop,sackOK>
        +0   > .  1:1(0) ack 1
        +.1  < P. 101:201(100) ack 1
        +0   > .  1:1(0) ack 1 <nop,nop,sack 101:201>
        """,
        {"client_sack_permitted": 0, "server_sack_permitted": 1},
        [],
    ),
    "an answer to the first SYN, which had what the second left out": Scenario(
        """
        +0   > S  0:0(0) win 64240 <mss 1460,nop,nop,TS val 100 ecr 0,nop,wscale 7>
        +3   > S  0:0(0) win 64240 <mss 1460>
        +.02 < S. 0:0(0) ack 1 win 65160 <mss 1460,nop,nop,TS val 900 ecr 100,nop,wscale 7>
        +0   > .  1:1(0) ack 1
        """,
        {"client_wscale": 7, "server_wscale": 7, "syn_count": 2},
        [("OP16", "info", "without window scale, without timestamps")],
    ),
}


def found_in(exchange: str, path: Path) -> tuple[dict[str, Any], Found]:
    """The row of the only handshake, and the findings about options and extensions."""
    capture = path / "exchange.pcap"
    parse_exchange(exchange).write_pcap(capture, nanoseconds=True)
    report = check(str(capture), select=["OP", "TF", "EC", "MP"])
    (row,) = rows(report.traffics[0])
    return row, [(finding.rule.id, finding.severity, finding.actual) for finding in report.all_findings]


def hold(scenario: Scenario, path: Path) -> None:
    row, findings = found_in(scenario.exchange, path)
    assert {column: row[column] for column in scenario.row} == scenario.row
    assert findings == scenario.findings


@pytest.mark.parametrize("name", FAST_OPEN)
def test_fast_open(name: str, tmp_path: Path) -> None:
    hold(FAST_OPEN[name], tmp_path)


@pytest.mark.parametrize("name", MPTCP)
def test_mptcp(name: str, tmp_path: Path) -> None:
    hold(MPTCP[name], tmp_path)


@pytest.mark.parametrize("name", NEGOTIATION)
def test_negotiation(name: str, tmp_path: Path) -> None:
    hold(NEGOTIATION[name], tmp_path)


ASKED_CLASSIC: Final = ("EC01", "info", "011")
ASKED_ACCECN: Final = ("EC01", "info", "111")
ECT_0_SYN: Final = ("EC06", "info", "ECT(0) on the SYN")
ECT_1_SYN: Final = ("EC06", "info", "ECT(1) on the SYN")
CE_SYN: Final = ("EC06", "info", "CE on the SYN")

# (AE,CWR,ECE) of the SYN, the SYN's IP-ECN field, (AE,CWR,ECE) of the SYN-ACK; client_ecn, server_ecn, findings.
ECN: Final = {
    # RFC 9768, table 2, first block: the SYN-ACK tells with which mark the SYN arrived.
    "AccECN, Not-ECT SYN": ("111", "", "010", "accecn", "accecn", [ASKED_ACCECN]),
    "AccECN, ECT(1) SYN": ("111", "ECT1", "011", "accecn", "accecn", [ASKED_ACCECN, ECT_1_SYN]),
    "AccECN, ECT(0) SYN": ("111", "ECT0", "100", "accecn", "accecn", [ASKED_ACCECN, ECT_0_SYN]),
    "AccECN, CE SYN": ("111", "CE", "110", "accecn", "accecn", [ASKED_ACCECN, CE_SYN]),
    # Second block: the server supports an earlier variant.
    "AccECN to nonce": ("111", "", "101", "accecn", "", [ASKED_ACCECN, ("EC04", "warning", "101")]),
    "AccECN to classic": ("111", "", "001", "accecn", "ecn", [ASKED_ACCECN]),
    "AccECN to none": ("111", "", "000", "accecn", "", [ASKED_ACCECN]),
    # Third block: the client does.
    "classic": ("011", "", "001", "ecn", "ecn", [ASKED_CLASSIC]),
    "classic declined": ("011", "", "000", "ecn", "", [ASKED_CLASSIC]),
    "none": ("000", "", "000", "", "", []),
    # Fourth block.
    "broken": ("111", "", "111", "accecn", "", [ASKED_ACCECN, ("EC04", "warning", "111")]),
    # Section 3.1.3: anything else asks for AccECN.
    "reserved": ("100", "", "010", "", "accecn", [("EC01", "note", "100")]),
    # Section 3.2.2.3: marks that may change on the way, and that may not.
    "a router marks the SYN": ("111", "ECT0", "110", "accecn", "accecn", [ASKED_ACCECN, ECT_0_SYN]),
    "Not-ECT becomes ECT(0)": ("111", "", "100", "accecn", "accecn", [ASKED_ACCECN, ("EC04", "warning", "100")]),
    "Not-ECT becomes CE": ("111", "", "110", "accecn", "accecn", [ASKED_ACCECN, ("EC04", "warning", "110")]),
    "ECT(0) is cleared": ("111", "ECT0", "010", "accecn", "accecn",
                          [ASKED_ACCECN, ("EC04", "warning", "010"), ECT_0_SYN]),
    "CE becomes ECT(0)": ("111", "CE", "100", "accecn", "accecn",
                          [ASKED_ACCECN, ("EC04", "warning", "100"), CE_SYN]),
    # RFC 3168, section 6.1.1.
    "classic, reflected": ("011", "", "011", "ecn", "accecn", [ASKED_CLASSIC, ("EC02", "warning", "011")]),
    "classic, CWR alone": ("011", "", "010", "ecn", "accecn", [ASKED_CLASSIC, ("EC02", "warning", "010")]),
    "ECN not asked for": ("000", "", "001", "", "ecn", [("EC03", "warning", "001")]),
    "AccECN not asked for": ("000", "", "010", "", "accecn", [("EC03", "warning", "010")]),
    "classic, ECT(0) SYN": ("011", "ECT0", "001", "ecn", "ecn", [ASKED_CLASSIC, ("EC06", "note", "ECT(0) on the SYN")]),
}  # fmt: skip


def flags(ace: str) -> str:
    return "".join(letter for letter, bit in zip("eWE", ace, strict=True) if bit == "1")


def marked(mark: str) -> str:
    return f"ecn {mark}" if mark else ""


@pytest.mark.parametrize("name", ECN)
def test_ecn(name: str, tmp_path: Path) -> None:
    syn, mark, synack, client, server, findings = ECN[name]
    exchange = f"""
        +0   > S{flags(syn)}   0:0(0) win 64240 <mss 1460> {marked(mark)}
        +.02 < S{flags(synack)}. 0:0(0) ack 1 win 65160 <mss 1460>
        +.1  > P.  1:101(100) ack 1
    """
    hold(Scenario(exchange, {"client_ecn": client, "server_ecn": server}, findings), tmp_path)


# RFC 9768, tables 3 and 4: the SYN-ACK's mark, the ACE field of the ACK, whether that is right.
ACKS: Final = [
    ("", "010", True),
    ("ECT1", "011", True),
    ("ECT0", "100", True),
    ("CE", "110", True),
    ("ECT0", "110", True),  # a router has marked it
    ("", "000", False),
    ("", "001", False),
    ("", "011", False),
    ("", "100", False),
    ("", "101", False),
    ("", "110", False),
    ("", "111", False),
    ("ECT0", "010", False),
    ("CE", "100", False),
]


@pytest.mark.parametrize(("mark", "ace", "right"), ACKS)
def test_accecn_ack(mark: str, ace: str, right: bool, tmp_path: Path) -> None:
    _, findings = found_in(
        f"""
        +0   > SeWE 0:0(0) win 64240 <mss 1460>
        +.02 < SW.  0:0(0) ack 1 win 65160 <mss 1460> {marked(mark)}
        +0   > .{flags(ace)} 1:1(0) ack 1
        """,
        tmp_path,
    )
    assert [actual for rule, _, actual in findings if rule == "EC05"] == ([] if right else [ace])


def test_accecn_ack_with_data_is_a_counter(tmp_path: Path) -> None:
    _, findings = found_in(
        """
        +0   > SeWE 0:0(0) win 64240 <mss 1460>
        +.02 < SW.  0:0(0) ack 1 win 65160 <mss 1460>
        +0   > Pe.E 1:101(100) ack 1
        """,
        tmp_path,
    )
    assert findings == [ASKED_ACCECN]


@pytest.mark.parametrize(
    ("first", "second", "severity"),
    [("111", "000", "info"), ("011", "000", "info"), ("111", "011", "note"), ("000", "011", "note")],
)
def test_ecn_fallback(first: str, second: str, severity: str, tmp_path: Path) -> None:
    """RFC 9768, section 3.1.5: classic and accurate requests MUST NOT be mixed in one connection."""
    _, findings = found_in(
        f"""
        +0   > S{flags(first)} 0:0(0) win 64240 <mss 1460>
        +1   > S{flags(second)} 0:0(0) win 64240 <mss 1460>
        +.02 < S.  0:0(0) ack 1 win 65160 <mss 1460>
        +.1  > P.  1:101(100) ack 1
        """,
        tmp_path,
    )
    assert [finding for finding in findings if finding[0] != "EC01"] == [
        ("OP16", severity, f"ECN flags {second}, before {first}")
    ]
