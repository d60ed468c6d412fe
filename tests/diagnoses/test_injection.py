"""Injected segments, rewriting boxes, and what the place of the capture explains: the borders of each."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import pytest

from pcapcheck.testing import parse_exchange
from tests.diagnoses.causes import Found, of_capture

OPEN: Final = """
+0   > S  0 win 64240 <mss 1460,sackOK,TS val 10 ecr 0> id 501
+.02 < S. 0 ack 1 win 65160 <mss 1460,sackOK,TS val 77 ecr 10> ttl 60 id 801
+0   > .  1 ack 1 win 502 <TS val 30 ecr 77> id 502
+0   > P. 1:101(100) ack 1 win 502 <TS val 30 ecr 77> id 503
+.02 < .  1 ack 101 win 510 <TS val 117 ecr 30> ttl 60 id 802
"""
GOES_ON: Final = "\n+.3 < P. 1:101(100) ack 101 win 510 <TS val 400 ecr 30> ttl 60 id 803"


def of(text: str, id: str, path: Path) -> list[Found]:
    parse_exchange(text).write_pcap(path / "exchange.pcap", nanoseconds=True)
    return [one for one in of_capture(path / "exchange.pcap") if one.id == id]


@pytest.mark.parametrize(
    ("rest", "certainty", "weight"),
    [
        ("+.1 < R 1 win 0 <TS val 217 ecr 30> ttl 60 id 803", "", 0),
        ("+.1 < R 1 win 0 <TS val 217 ecr 30> ttl 62 id 803", "", 0),
        ("+.1 < R 1 win 0 <TS val 217 ecr 30> ttl 63 id 803", "compatible", 1),
        ("+.1 < R 1 win 0 ttl 60 id 803", "", 1),
        ("+.1 < R 1 win 502 ttl 60 id 803", "", 1),
        ("+.1 < R 1 win 502 ttl 60 id 502", "compatible", 2),
        ("+.1 < R 1 win 64240 ttl 60 id 502", "compatible", 3),
        ("+.1 < R 1 win 0 ttl 63 id 502", "strong", 3),
        ("+.1 < R 1 win 0 <TS val 217 ecr 30> ttl 60 id 803" + GOES_ON, "compatible", 1),
        ("+.1 < R 1 win 0 <TS val 217 ecr 30> ttl 63 id 803" + GOES_ON, "proved", 2),
        ("+.1 < R 1 win 0 ttl 63 id 803\n+0 < R 1461 win 0 ttl 63 id 804", "strong", 3),
        # One that answers a segment with a number of its own.
        ("+.1 > . 101 ack 9000 win 502\n+.02 < R 9000 win 0 ttl 63 id 803", "compatible", 2),
    ],
)
def test_the_signs_are_weighed(rest: str, certainty: str, weight: int, tmp_path: Path) -> None:
    found = of(OPEN + rest, "D14", tmp_path)
    assert [one.certainty for one in found] == [certainty] * bool(certainty)
    assert all(len(one.detail.split("; ")) == weight for one in found)


def test_an_rst_that_answers_a_wrong_ack_is_no_injection(tmp_path: Path) -> None:
    wrong_ack = """
    +0   > S  0
    +.02 < S. 0 ack 1 ttl 60
    +0   > .  1 ack 5000
    +.02 < R  5000 ttl 200
    +1   < S. 0 ack 1 ttl 60
    +0   > .  1 ack 1
    """
    assert of(wrong_ack, "D14", tmp_path) == []


ELSEWHERE: Final = """
flow other
client 192.0.2.1:50000
+0   > S  0
+.04 < S. 0 ack 1 ttl 60
+0   > .  1 ack 1
flow refused
client 192.0.2.1:50001
server 198.51.100.2:443
+1   > S  0
"""


@pytest.mark.parametrize(
    ("answer", "certainties"),
    [
        ("+.04  < R. =0 ack 1 win 0 ttl 60 id 900", []),
        ("+.04  < R. =0 ack 1 win 0 ttl 64 id 900", []),  # another TTL alone is not enough
        ("+.019 < R. =0 ack 1 win 0 ttl 60 id 900", []),  # nor is speed
        ("+.019 < R. =0 ack 1 win 0 ttl 64 id 900", ["compatible"]),
        ("+.021 < R. =0 ack 1 win 0 ttl 64 id 900", []),
        ("+.019 < R. =0 ack 1 win 65535 ttl 64 id 900", ["strong"]),  # the window of the SYN
    ],
)
def test_a_refusal_is_compared_with_other_connections(answer: str, certainties: list[str], tmp_path: Path) -> None:
    assert [one.certainty for one in of(ELSEWHERE + answer, "D14", tmp_path)] == certainties


@pytest.mark.parametrize(("window", "found"), [(8192, ["compatible"]), (0, [])])
def test_a_second_synack_of_another_host(window: int, found: list[str], tmp_path: Path) -> None:
    second = f"""
    +0    > S  0 <mss 1460>
    +.02  < S. 0 ack 1 win {window} <mss 1460> ttl 200
    +.001 > .  1 ack 1
    +.02  < S. 700 ack 1 win 65160 <mss 1400> ttl 60
    """
    causes = of(second, "D14", tmp_path)
    assert [one.certainty for one in causes] == found
    assert [one.detail for one in causes] == [
        "a second SYN-ACK with TTL 60, MSS 1400, the first had TTL 200, MSS 1460"
    ] * len(found)


@pytest.mark.parametrize(
    ("options", "found"),
    [
        ("nop,nop,sack 134217730:134219190", ["strong"]),
        ("nop,nop,sack 134217729:134219189", []),  # 2^27 octets: as far as a window may reach
        ("nop,nop,TS val 30 ecr 77,nop,nop,sack 900000001:900001461", ["strong"]),
        ("nop,nop,sack -900000001:-899998541", ["strong"]),
        ("nop,nop,sack -100:1", []),  # D-SACK
    ],
)
def test_sack_blocks_of_another_numbering(options: str, found: list[str], tmp_path: Path) -> None:
    text = f"{OPEN}\n+.02 > . 101 ack 1 <{options}>"
    assert [one.certainty for one in of(text, "D15", tmp_path)] == found


@pytest.mark.parametrize(("quoted", "found"), [("0", []), ("101", []), ("900000000", ["compatible"])])
def test_an_icmp_error_that_quotes_another_number(quoted: str, found: list[str], tmp_path: Path) -> None:
    text = f"{OPEN}\n+.02 < icmp 3/4 quotes {quoted} from 203.0.113.1"
    assert [one.certainty for one in of(text, "D15", tmp_path)] == found


@pytest.mark.parametrize(
    ("syn", "synack", "found"),
    [
        ("win 64240 <mss 1460>", "win 65160 <mss 1460>", []),
        ("win 64240 <mss 1200>", "win 65160 <mss 1460>", ["SYN"]),
        ("win 64240 <mss 1460>", "win 65160 <mss 1380>", ["SYN-ACK"]),  # 45 x 1448
        ("win 65535 <mss 1200>", "win 65535 <mss 1380>", []),
        ("win 0 <mss 1200>", "win 0 <mss 1380>", []),
        ("win 60000 <mss 1200>", "win 65160 <mss 1460>", []),  # fifty of its own
        ("win 64240", "win 65160", []),
        ("win 64240 <mss 0>", "win 65160 <mss 12>", []),
    ],
)
def test_a_lowered_mss(syn: str, synack: str, found: list[str], tmp_path: Path) -> None:
    causes = of(f"+0 > S 0 {syn}\n+.02 < S. 0 ack 1 {synack}\n+0 > . 1 ack 1", "D16", tmp_path)
    assert [one.detail.partition(" was ")[0] for one in causes] == [f"the MSS of the {name}" for name in found]


FULL: Final = "<mss 1460,sackOK,TS val 10 ecr 0,nop,wscale 7>"


def two_answers(synack: str, port: int) -> str:
    return f"""
    flow full
    client 192.0.2.1:50000
    +0   > S  0 win 65535 {FULL}
    +.02 < S. 0 ack 1 {FULL.replace("ecr 0", "ecr 10")}
    flow bare
    client 192.0.2.9:50001
    server 198.51.100.2:{port}
    +0   > S  0 win 65535 {FULL}
    +.02 < S. 0 ack 1 {synack}
    +9   arp
    """


@pytest.mark.parametrize(
    ("synack", "port", "found"),
    [
        ("<mss 1460>", 80, ["compatible"]),
        ("<mss 1460>", 443, []),  # another socket may be another host
        ("<mss 1460,sackOK>", 80, []),
    ],
)
def test_a_synack_without_options(synack: str, port: int, found: list[str], tmp_path: Path) -> None:
    assert [one.certainty for one in of(two_answers(synack, port), "D16", tmp_path)] == found


def test_silence_beside_a_one_sided_flow_is_one_sided(tmp_path: Path) -> None:
    text = """
    flow proof
    client 192.0.2.1:50000
    +0   > S  0
    +.02 > .  1 ack 1
    +.02 > .  1 ack 501
    flow silent
    client 192.0.2.1:50001
    server 198.51.100.2:443
    +0   > S  0
    +1   > S  0
    flow other-host
    client 192.0.2.1:50002
    server 198.51.100.3:443
    +0   > S  0
    +1   > S  0
    +30  arp
    """
    assert [(one.handshake, one.certainty) for one in of(text, "D17", tmp_path)] == [(0, "proved"), (1, "strong")]


def test_only_one_side_speaks_before_the_capture_began(tmp_path: Path) -> None:
    assert [one.certainty for one in of("+0 > P. 1:101(100) ack 1", "D18", tmp_path)] == ["compatible"]
    # A SYN-ACK that nobody asked for and nobody completes is none of it.
    assert of("+0 < S. 0 ack 1\n+.02 > R 1", "D18", tmp_path) == []
    assert [one.certainty for one in of("+0 < S. 0 ack 1\n+.02 > . 1 ack 1", "D18", tmp_path)] == ["proved"]


def test_copies_without_an_ip_id_are_strong(tmp_path: Path) -> None:
    text = "+0 > S 0 <mss 1460> id 0\n+.00001 copy ttl 63\n+.02 < S. 0 ack 1\n+0 > . 1 ack 1"
    (copies,) = of(text, "D19", tmp_path)
    assert (copies.certainty, copies.evidence, copies.detail) == ("strong", (2,), "1 of the frames kept are copies")


def test_a_synack_before_its_syn(tmp_path: Path) -> None:
    (early,) = of("+0 < S. 0 ack 1\n+0 > S 0\n+0 > . 1 ack 1", "D20", tmp_path)
    assert (early.certainty, early.evidence) == ("proved", (1,))
    assert early.detail == "the SYN-ACK was recorded before its SYN"


def test_a_missing_segment_of_the_handshake(tmp_path: Path) -> None:
    early = "flow early\nclient 192.0.2.9:5\n+0 > S 0\n+.02 < S. 0 ack 1\n+0 > . 1 ack 1\nflow late\n"
    missing = "+9 > S 0\n+.02 < S. 0 ack 1\n+.1 < . 1 ack 101\n"
    (found,) = of(early + missing, "D21", tmp_path)
    assert (found.certainty, found.evidence, found.detail) == ("strong", (4,), "a segment of the handshake is missing")
