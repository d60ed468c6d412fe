"""Every rule finds its own example, with these numbers and frames, and is silent about the other."""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Final

import pytest

from pcapcheck.report.report import Report
from pcapcheck.rules import RULES, Finding
from pcapcheck.testing import parse_exchange

Examine = Callable[[str | bytes], Report]

# Rule: severity, frames, expected, actual.
EXPECTED: Final = {
    "CAP01": ("warning", (2,), "54 octets of packet data", "49"),
    "CAP02": ("error", (2,), "a captured length of at most 262144", "4294967295"),
    "CAP03": (
        "warning",
        (3,),
        "times that do not decrease",
        "1 step(s) back in time, the largest of 10000000 ns",
    ),
    "CAP04": ("warning", (1,), "both directions", "1 of 1"),
    "CAP05": ("note", (2, 1), "0", "1"),
    "CAP07": ("note", (1,), "0", "3"),
    "CAP08": ("note", (5,), "0", "1 of 5"),
    "HS01": ("warning", (2,), "a SYN", "1001"),
    "HS02": ("error", (2, 1), "1001", "1007"),
    "HS03": ("error", (3, 2), "5001", "5010"),
    "HS04": ("error", (3, 2), "1001", "6000"),
    "HS05": ("info", (2,), "", "2 x off by one: SYN or FIN was not counted"),
    "HS06": ("note", (2, 1), "1000", "1077"),
    "HS07": ("warning", (3, 2), "5000", "5700"),
    "HS08": ("warning", (3, 2), "1101", "1001"),
    "HS13": ("warning", (1,), "flags of an opening, a transfer or a close", "SYN+FIN"),
    "HS17": ("info", (3,), "ack", "data"),
    "HS19": ("error", (3,), "0", "1"),
    "IC01": ("info", (2, 1), "a SYN-ACK", "ICMP 3/13 communication administratively prohibited"),
    "OC01": ("warning", (2, 1), "a SYN-ACK", "an RST"),
    "OC02": ("warning", (2, 1), "a SYN-ACK", "an ICMP error"),
    "OC03": ("warning", (1,), "a SYN-ACK", "no answer"),
    "OC04": ("warning", (2, 1), "ACK 5001", "no answer"),
    "OC05": ("warning", (3, 2), "an ACK", "an RST of the client"),
    "OC06": ("warning", (3, 6), "no more SYN-ACKs", "the SYN-ACK again"),
    "OP08": ("warning", (1,), "14", "15"),
    "OP12": ("warning", (2, 1), "100", "55"),
    "RS01": ("warning", (2, 1), "ACK 1001", "ACK 1007"),
    "RS02": ("warning", (2, 1), "1001", "no ACK"),
    "RS06": ("error", (3, 2), "RST with sequence number 1007", "5001"),
    "ST06": ("info", (1,), "", "1"),
    "ST07": ("info", (2, 1), "three-way", "simultaneous-open"),
    "ST07B": ("info", (3, 1), "three-way", "split"),
    "ST08": ("info", (3, 4, 2), "1001", "991"),
    "ST09": ("info", (2, 3, 1), "1001", "500"),
    "ST10": ("info", (2, 1), "1100", "1100"),
    "ST11": ("info", (2, 1), "1001", "1001"),
}


def cut(octets: bytes) -> bytes:
    return octets[:-5]


def corrupt(octets: bytes) -> bytes:
    """The same capture with an impossible captured length in its last record."""
    at = last = 24
    while at < len(octets):
        last = at
        at += 16 + int(struct.unpack_from("<I", octets, at + 8)[0])
    return octets[: last + 8] + b"\xff" * 4 + octets[last + 12 :]


# What an exchange cannot say is done to its file.
DAMAGE: Final[dict[str, Callable[[bytes], bytes]]] = {"CAP01": cut, "CAP02": corrupt}


def of_rule(report: Report, rule: str) -> list[Finding]:
    return [finding for finding in report.all_findings if finding.rule.id == rule]


def test_every_rule_has_an_expectation() -> None:
    missing = [id for id in RULES if id not in EXPECTED]
    assert not missing


@pytest.mark.parametrize("id", EXPECTED)
def test_fires(id: str, examine: Examine) -> None:
    octets = parse_exchange(RULES[id].fires).pcap(nanoseconds=True)
    finding, *_ = of_rule(examine(DAMAGE.get(id, bytes)(octets)), id)
    assert (finding.severity, finding.frames, finding.expected, finding.actual) == EXPECTED[id]
    assert "{" not in finding.message


@pytest.mark.parametrize("id", EXPECTED)
def test_silent(id: str, examine: Examine) -> None:
    report = examine(RULES[id].silent)
    assert of_rule(report, id) == []
    assert id not in report.all_findings.undecidable() or id == "OC03"  # whose example is a pending attempt


@pytest.mark.parametrize("id", EXPECTED)
def test_empty_capture(id: str, examine: Examine) -> None:
    assert of_rule(examine(""), id) == []
