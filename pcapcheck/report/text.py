"""Text for people: one line a finding, as compilers do, then the summary."""

from __future__ import annotations

from typing import TextIO

from pcapcheck.report.colour import Paint
from pcapcheck.report.escape import escaped
from pcapcheck.report.identify import parties
from pcapcheck.report.report import Report
from pcapcheck.report.summary import summary
from pcapcheck.rules import Finding

__all__ = ["finding_line", "said", "summary", "write_text"]


def write_text(
    report: Report,
    out: TextIO,
    *,
    paint: Paint | None = None,
    width: int = 80,
    quiet: bool = False,
    verbose: bool = False,
) -> None:
    """Write a line for each finding, but for those of severity info unless ``verbose``, then the summary.

    With ``quiet`` the summary alone.
    """
    paint = paint or Paint()
    if not quiet:
        report.need("findings" if verbose else "shown")
    lines = 0
    for finding in () if quiet else report.all_findings:
        if verbose or finding.severity != "info":
            out.write(finding_line(report, finding, paint) + "\n")
            lines += 1
    if lines:
        out.write("\n")
    out.write(summary(report, paint=paint, width=width) + "\n")


def finding_line(report: Report, finding: Finding, paint: Paint | None = None) -> str:
    """``a.pcap:frame 2: error HS02 192.0.2.1:1000 -> 192.0.2.2:80 SYN-ACK acknowledges 102, expected 101``."""
    paint = paint or Paint()
    facts = report.capture_facts[finding.capture]
    where = escaped(facts.path)
    if finding.frames:
        path, frame = facts.place(finding.frames[0])
        where = f"{escaped(path)}:frame {frame}"
    words = [f"{where}:", paint(finding.severity, finding.severity), paint(finding.rule.id, "bold")]
    return " ".join([*words, said(report, finding)])


def said(report: Report, finding: Finding) -> str:
    """``192.0.2.1:1000 -> 192.0.2.2:80 SYN-ACK acknowledges 102, expected 101``."""
    words = []
    if ends := parties(report, finding):
        words += [ends.client, "->", ends.server]
    words.append(escaped(finding.message))
    # Of a failed attempt also why, where something explains it.
    if finding.rule.id.startswith("OC"):
        cause = next(report.causes_of(finding.capture, finding.handshake), None)
        if cause and not cause.diagnosis.circumstance:
            words.append(f"[{cause.diagnosis.slug}, {cause.certainty}]")
    return " ".join(words)
