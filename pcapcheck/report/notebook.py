"""A report at the end of a notebook cell: compact HTML, everything escaped, no scripts."""

from __future__ import annotations

from html import escape
from itertools import islice
from typing import Final

from pcapcheck.report.escape import escaped
from pcapcheck.report.report import Report
from pcapcheck.report.summary import counted
from pcapcheck.report.text import finding_line
from pcapcheck.tables import OUTCOMES

_SHOWN: Final = 20


def report_html(report: Report) -> str:
    """How many handshakes, their outcomes, and the first findings."""
    outcomes = report.outcomes()
    frames = sum(facts.frames for facts in report.capture_facts)
    parts = [
        f"<p><b>{counted(outcomes.total(), 'handshake')}</b> in {counted(len(report.capture_facts), 'capture')}"
        f" ({counted(frames, 'frame')}), {counted(len(report.all_findings), 'finding')}"
        f"{'; <b>partial: interrupted</b>' if report.interrupted else ''}</p>"
    ]
    if outcomes:
        head = "".join(f"<th>{name}</th>" for name in OUTCOMES if outcomes[name])
        row = "".join(f"<td>{outcomes[name]}</td>" for name in OUTCOMES if outcomes[name])
        parts.append(f"<table><thead><tr>{head}</tr></thead><tbody><tr>{row}</tr></tbody></table>")
    lines = [escape(finding_line(report, finding)) for finding in islice(report.all_findings, _SHOWN)]
    if len(report.all_findings) > len(lines):
        lines.append(f"and {len(report.all_findings) - len(lines)} more: see <code>.findings</code>")
    lines += [escape(f"not read: {escaped(str(error))}") for error in report.errors]
    if lines:
        parts.append(f"<ul>{''.join(f'<li>{line}</li>' for line in lines)}</ul>")
    return f"<div>{''.join(parts)}</div>"
