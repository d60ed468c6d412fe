"""What a failed test shows: the worst findings, and the ladders of the first handshakes that they are about."""

from __future__ import annotations

from typing import Final

from pcapcheck.report.ladder import ladder
from pcapcheck.report.report import Report
from pcapcheck.report.text import finding_line
from pcapcheck.report.worst import worst_findings
from pcapcheck.tables import ABSENT, SEVERITIES

_LINES: Final = 20
_LADDERS: Final = 2


def fails(report: Report, fail_on: str) -> bool:
    """Whether a finding is as severe as this, or more; ``never`` is never."""
    return any(report.all_findings.count(severity) for severity in as_severe(fail_on))


def failure_text(report: Report, fail_on: str, width: int = 80) -> str:
    """The findings that fail, the worst first, and ladders."""
    groups = [group for group in worst_findings(report, _LINES) if group.severity in as_severe(fail_on)]
    findings = [finding for group in groups for finding in group.shown if finding.severity in as_severe(fail_on)]
    total = sum(report.all_findings.count(severity) for severity in as_severe(fail_on))
    lines = [finding_line(report, finding) for finding in findings]
    if total > len(findings):
        lines.append(f"and {total - len(findings)} more")
    handshakes = dict.fromkeys(
        (finding.capture, finding.handshake) for finding in findings if finding.handshake != ABSENT
    )
    ladders = [ladder(report, report.handshake_id(*where) - 1, width) for where in list(handshakes)[:_LADDERS]]
    return "\n\n".join(["\n".join(lines), *(text.rstrip("\n") for text in ladders)])


def as_severe(fail_on: str) -> tuple[str, ...]:
    """The severities that fail a run."""
    return () if fail_on == "never" else SEVERITIES[: SEVERITIES.index(fail_on) + 1]
