"""Which verdicts the faults of a capture explain."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import pytest

from pcapcheck.report.report import Report
from pcapcheck.run import check
from pcapcheck.testing import parse_exchange

OPEN: Final = "+0 > S 0:0(0)\n+.02 < S. 0:0(0) ack 1\n+0 > . 1:1(0) ack 1\n"
DATA: Final = "+.1 > P. 1:101(100) ack 1\n+.02 < . 1:1(0) ack 101\n"

# Name: exchange, verdicts softened by fault (rule answers left out), what the summary says.
CASES: Final = {
    "nothing": (OPEN + DATA, {}, None),
    "late start": ("+0 > P. 1:101(100) ack 1\n+.02 < . 1:1(0) ack 101", {"began-late": {"midstream": 1}},
                   "1 handshake midstream: the capture began late"),
    "late start, before the SYN-ACK": (OPEN.partition("\n")[2] + DATA, {"began-late": {"partial": 1}},
                                       "1 handshake partial, "),
    "the SYN is missing in the middle": ("+0 arp\n+60 arp\n" + OPEN.partition("\n")[2] + DATA,
                                         {"CAP06": {"partial": 1}}, "the capture lacks frames (CAP06)"),
    "early end": ("+0 > S 0:0(0)", {"ended-early": {"pending": 1}}, "the capture ended early"),
    "one direction": ("+0 > S 0:0(0)\n+.02 > . 1:1(0) ack 1\n+0 > P. 1:101(100) ack 1",
                      {"CAP04": {"one-sided": 1}}, "one direction was not captured (CAP04)"),
    "missing SYN-ACK": ("+0 > S 0:0(0)\n+.04 > . 1:1(0) ack 1\n+0 > P. 1:101(100) ack 1\n+.04 < . 1:1(0) ack 101",
                        {"CAP06": {"partial": 1}}, "the capture lacks frames (CAP06)"),
    "snaplen": ("snaplen 48\n" + OPEN.replace("\n", " <mss 1460>\n", 2), {"CAP07": {}},
                "headers are cut by the snaplen (CAP07)"),
    "clock": ("+0 > S 0:0(0)\n+.02 < S. 0:0(0) ack 1\n-.01 > . 1:1(0) ack 1", {"CAP03": {}},
              "times are missing or out of order (CAP03)"),
}  # fmt: skip


def report_of(tmp_path: Path, exchange: str) -> Report:
    path = tmp_path / "exchange.pcap"
    parse_exchange(exchange).write_pcap(path)
    return check(str(path))


@pytest.mark.parametrize("name", CASES)
def test_softened(name: str, tmp_path: Path) -> None:
    exchange, expected, said = CASES[name]
    report = report_of(tmp_path, exchange)
    (found,) = report.softened()
    outcomes = {
        fault.name: {what: number for what, number in counts.items() if what != "rule answers"}
        for fault, counts in found.items()
    }
    assert outcomes == expected
    assert said is None or said in " ".join(report.summary().split())
    # Every rule that was left undecided for a handshake has its reason.
    undecidable = report.all_findings.undecidable()
    per_capture = {one.rule.id for one in report.all_findings.checked if one.rule.per_capture}
    answers = sum(counts["rule answers"] for counts in found.values())
    assert answers == sum(number for rule, number in undecidable.items() if rule not in per_capture)


def test_cut_file(tmp_path: Path) -> None:
    path = tmp_path / "cut.pcap"
    path.write_bytes(parse_exchange(OPEN).pcap()[:-5])
    (found,) = check(str(path)).softened()
    assert {fault.name: counts["pending"] for fault, counts in found.items()} == {"CAP01": 1}


def test_faults_of_a_capture(tmp_path: Path) -> None:
    report = report_of(tmp_path, "+0 > S 0:0(0)\n+.001 copy")
    assert report.faults() == [["CAP05", "ended-early"]]
    assert report.captures["faults"].tolist() == [["CAP05", "ended-early"]]
