"""Causes in everything that is written, and events of many attempts as one finding instead of one each."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest

import pcapcheck
from pcapcheck.diagnoses import DIAGNOSES, EVENTS
from pcapcheck.report.jsonl import jsonl_rows
from pcapcheck.report.ladder import ladder
from pcapcheck.report.tabular import csv_rows
from pcapcheck.report.text import write_text
from pcapcheck.tables import CAUSE, CERTAINTIES
from pcapcheck.testing import parse_exchange

REFUSED = """
    flow alone
    client 192.0.2.77:50000
    server 198.51.100.9:443
    +0   > S  0:0(0) win 64240
    +.02 < R. =0:0(0) ack 1 win 0 ttl 63
"""
OTHER = """
    flow other
    client 192.0.2.77:50001
    server 198.51.100.9:80
    +.1  > S  0:0(0) win 64240
    +.02 < S. 0:0(0) ack 1 win 65160 ttl 63
    +0   > .  1:1(0) ack 1
"""
SCAN = DIAGNOSES["D09"].fires


def check(text: str, path: Path, **options: list[str]) -> pcapcheck.Report:
    parse_exchange(text).write_pcap(path / "x.pcap", nanoseconds=True)
    return pcapcheck.check(path / "x.pcap", **options)


def rules(report: pcapcheck.Report) -> list[str]:
    return [one.rule.id for one in report.all_findings if one.severity == "warning"]


def text(report: pcapcheck.Report) -> list[str]:
    out = io.StringIO()
    write_text(report, out)
    return out.getvalue().splitlines()


def test_a_scan_is_one_finding(tmp_path: Path) -> None:
    report = check(SCAN, tmp_path)
    (finding,) = [one for one in report.all_findings if one.severity == "warning"]
    assert (finding.rule.id, finding.rule.slug, finding.handshake) == ("D09", "syn-scan", -1)
    assert finding.frames == (1, 2, 6)  # of its first three attempts
    assert finding.message == "SYN scan by 192.0.2.1: 12 ports of 1 host, 2 open, 10 closed"
    assert [line for line in text(report) if "warning" in line and "frame" in line] == [
        f"{tmp_path}/x.pcap:frame 1: warning D09 {finding.message}"
    ]
    assert report.findings.query("rule == 'D09'").handshake_id.isna().all()


def test_what_is_no_part_of_it_has_its_own_finding(tmp_path: Path) -> None:
    assert rules(check(SCAN + REFUSED, tmp_path)) == ["D09", "OC01"]


@pytest.mark.parametrize(
    ("options", "found"),
    [
        ({"ignore": ["D09"]}, ["OC01"] * 10 + ["OC05"] * 2),
        ({"ignore": ["syn-scan"]}, ["OC01"] * 10 + ["OC05"] * 2),
        ({"select": ["OC01"]}, ["OC01"] * 10),
        ({"select": ["OC01", "D"]}, ["D09"]),
        ({"select": ["D"]}, ["D09"]),
    ],
)
def test_without_its_rule_each_attempt_is_reported(
    options: dict[str, list[str]], found: list[str], tmp_path: Path
) -> None:
    assert sorted(rules(check(SCAN, tmp_path, **options))) == found


@pytest.mark.parametrize("id", EVENTS)
def test_every_kind_of_event(id: str, tmp_path: Path) -> None:
    report = check(DIAGNOSES[id].fires, tmp_path)
    (finding,) = [one for one in report.all_findings if one.rule.id in EVENTS]
    assert (finding.rule.id, finding.severity, finding.handshake, len(finding.frames)) == (id, "warning", -1, 3)
    of_members = {one.handshake for one in report.all_findings if one.handshake >= 0}
    assert not of_members & set(report.traffics[0].grouped.nonzero()[0].tolist())


def test_two_scanners_are_two_findings(tmp_path: Path) -> None:
    report = check(f"{SCAN}\n{SCAN.replace('192.0.2.1', '192.0.2.200').replace('flow ', 'flow second-')}", tmp_path)
    assert [(one.rule.id, one.message.split(":")[0]) for one in report.all_findings if one.severity == "warning"] == [
        ("D09", "SYN scan by 192.0.2.1"),
        ("D09", "SYN scan by 192.0.2.200"),
    ]


def test_an_error_is_found_on_each_attempt(tmp_path: Path) -> None:
    # Besides the RST the server sends a SYN-ACK with a wrong number: the attempt is refused all the same.
    wrong = "\n".join(
        f"flow {number}\nclient 192.0.2.1:{41000 + number}\n+{number} > S 0\n+.01 < S. 0 ack 9\n+.02 < R. =0 ack 1"
        for number in range(5)
    )
    report = check(wrong, tmp_path)
    assert [one.rule.id for one in report.all_findings if one.severity == "error"] == ["HS02"] * 5
    assert "OC01" not in {one.rule.id for one in report.all_findings}
    assert "D32" in rules(report)


def test_a_failed_attempt_says_why(tmp_path: Path) -> None:
    (line,) = [line for line in text(check(REFUSED + OTHER, tmp_path)) if "OC01" in line and "frame" in line]
    assert line.endswith("connection refused: an RST answers the SYN [port-closed, strong]")


def test_a_circumstance_is_no_reason(tmp_path: Path) -> None:
    # The SYN-ACK was captured twice; why nobody answered it, nothing tells.
    copied = "+0 > S 0\n+.02 < S. 0 ack 1\n+.00001 copy\n+30 arp"
    report = check(copied, tmp_path)
    assert [one.diagnosis.id for one in report.causes_of(0, 0)] == ["D19"]
    (line,) = [line for line in text(report) if "OC04" in line and "frame" in line]
    assert line.endswith("(1 SYN-ACK(s) sent)")


def test_the_summary_counts_causes_and_says_what_would_decide(tmp_path: Path) -> None:
    lines = text(check(REFUSED + OTHER, tmp_path))
    at = lines.index("Causes (handshakes)  proved  strong  compatible")
    assert lines[at + 1 : at + 5] == [
        "  port-closed                     1",
        "What would decide",
        "  port-closed: capture at the server, or `ss -lnt` there; `iptables -S | grep -i",
        "    reset` on the way",
    ]


def test_rows_carry_their_causes(tmp_path: Path) -> None:
    report = check(REFUSED + OTHER, tmp_path)
    out = io.StringIO()
    jsonl_rows(out)(report)
    refused, opened = map(json.loads, out.getvalue().splitlines())
    assert (refused["cause"], refused["certainty"]) == ("port-closed", "strong")
    assert refused["causes"] == [
        {
            "cause": "port-closed",
            "certainty": "strong",
            "evidence": [2, 1],
            "evidence_files": [refused["capture"]] * 2,
            "rivals": ["segment-injected", "icmp-unreachable"],
            "decide_by": DIAGNOSES["D01"].decide_by,
        }
    ]
    assert (opened["cause"], opened["certainty"], opened["causes"]) == ("", "", [])
    out = io.StringIO()
    csv_rows(out)(report)
    assert [(row["cause"], row["certainty"]) for row in csv.DictReader(io.StringIO(out.getvalue()))] == [
        ("port-closed", "strong"),
        ("", ""),
    ]
    assert list(report.handshakes["cause"]) == ["port-closed", ""]
    assert list(report.handshakes["certainty"]) == ["strong", ""]


def test_causes_are_a_table(tmp_path: Path) -> None:
    (tmp_path / "more").mkdir()
    parse_exchange(REFUSED + OTHER).write_pcap(tmp_path / "more" / "a.pcap")
    parse_exchange(SCAN).write_pcap(tmp_path / "more" / "b.pcap")
    frame = pcapcheck.check(tmp_path / "more").causes
    first = frame.iloc[0]
    assert (first["handshake_id"], first["cause"], first["application_error"]) == (1, "port-closed", "ECONNREFUSED")
    assert first["detail"] == "RST with TTL 63: the TTL is that of the server's other segments"
    assert (first["evidence"], first["rivals"]) == ([2, 1], ["segment-injected", "icmp-unreachable"])
    assert frame["capture"].nunique() == 2
    # Of the twelve attempts of the scan each has that as its first cause.
    scan = frame[frame["handshake_id"] > 2].groupby("handshake_id", observed=True)["cause"].first()
    assert list(scan) == ["syn-scan"] * 12


def test_the_ladder_shows_the_causes_of_a_handshake(tmp_path: Path) -> None:
    shown = ladder(check(REFUSED + OTHER, tmp_path), 0).splitlines()
    assert shown[shown.index("causes") :] == [
        "causes",
        "  strong D01 port-closed, frames 2, 1",
        "    RST with TTL 63: the TTL is that of the server's other segments",
        "    or: segment-injected, icmp-unreachable",
        "    to decide: capture at the server, or `ss -lnt` there; `iptables -S | grep -i",
        "      reset` on the way",
    ]
    assert "causes" not in ladder(check(OTHER, tmp_path), 0)


def test_the_first_cause_is_the_event_then_the_reason_then_the_circumstance(tmp_path: Path) -> None:
    # A closed port, asked six times a second apart, and every segment captured twice.
    text = "\n".join(
        f"flow {number}\nclient 192.0.2.1:{41000 + number}\n+{number} > S 0\n+.00001 copy\n+.02 < R. =0 ack 1 win 0"
        for number in range(6)
    )
    report = check(text, tmp_path)
    assert [(one.diagnosis.id, one.certainty) for one in report.causes_of(0, 0)] == [
        ("D32", "proved"),
        ("D01", "compatible"),
        ("D19", "proved"),
    ]


def test_names_of_causes_are_those_of_the_catalogue() -> None:
    assert list(CAUSE) == ["", *(one.slug for one in DIAGNOSES.values())]
    assert CERTAINTIES == ("", "proved", "strong", "compatible")
