"""JSON: one document of the whole run. Its schema is docs/report.schema.json.

A key may be added without notice; one that goes away or changes its meaning raises SCHEMA_VERSION.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, TextIO

from pcapcheck._version import __version__
from pcapcheck.report.alerts import problems
from pcapcheck.report.fingerprint import fingerprinted
from pcapcheck.report.identify import finding_filter, parties
from pcapcheck.report.members import write_members
from pcapcheck.report.plain import handshake_dicts
from pcapcheck.report.related import capture_rows, cause_rows, finding_rows
from pcapcheck.report.report import Report
from pcapcheck.report.terms import Terms
from pcapcheck.tables import CAPTURES, CAUSES, FINDINGS, OUTCOMES, SEVERITIES, Column

SCHEMA_VERSION: Final = 1


def write_json(report: Report, out: TextIO, terms: Terms) -> None:
    """Write the document: a line each for captures, findings and causes, and for handshakes where they are wanted."""
    members: list[tuple[str, Any]] = [
        ("schema_version", SCHEMA_VERSION),
        ("tool", {"name": "pcapcheck", "version": __version__}),
        ("run", _run(report, terms)),
        ("summary", _summary(report)),
        ("problems", _problems(report, terms)),
        ("captures", _rows(CAPTURES, capture_rows(report))),
        ("findings", _findings(report)),
        ("causes", _rows(CAUSES, cause_rows(report))),
    ]
    if terms.with_handshakes:
        members.append(("handshakes", handshake_dicts(report)))
    write_members(out, members)
    out.write("\n")


def _run(report: Report, terms: Terms) -> dict[str, Any]:
    return {"exit_code": terms.exit_code, "fail_on": str(terms.fail_on), "interrupted": report.interrupted}


def _summary(report: Report) -> dict[str, Any]:
    outcomes = report.outcomes()
    return {
        "captures": sum(not facts.error for facts in report.capture_facts),
        "frames": sum(facts.frames for facts in report.capture_facts),
        "segments": sum(facts.segments for facts in report.capture_facts),
        "frames_not_judged": sum(facts.skipped.total() for facts in report.capture_facts),
        "other_files": len(report.ignored),
        "handshakes": outcomes.total(),
        "outcomes": {name: outcomes[name] for name in OUTCOMES},
        "findings": {severity: report.all_findings.count(severity) for severity in SEVERITIES},
        "known": report.known,
        "undecidable": dict(sorted(report.all_findings.undecidable().items())),
    }


def _problems(report: Report, terms: Terms) -> Iterator[dict[str, Any]]:
    """What is wrong with the run itself."""
    for problem in problems(report, terms):
        yield {"problem": problem.rule, "capture": problem.given or None, "message": problem.message}


def _findings(report: Report) -> Iterator[dict[str, Any]]:
    """The columns of the findings table, and what else tells a finding."""
    shows = finding_filter(report)
    for row, (finding, mark) in zip(finding_rows(report), fingerprinted(report), strict=True):
        ends = parties(report, finding)
        yield {
            **dict(zip(FINDINGS, row, strict=True)),
            "name": finding.rule.slug,
            "client": ends.client if ends else None,
            "server": ends.server if ends else None,
            "wireshark_filter": shows(finding),
            "fingerprint": mark,
        }


def _rows(schema: Mapping[str, Column], rows: Iterator[Sequence[Any]]) -> Iterator[dict[str, Any]]:
    """Objects with the names of a table; times lose their type outside pandas, so the name says the unit."""
    names = [f"{name}_ns" if column.dtype.startswith("datetime") else name for name, column in schema.items()]
    return (dict(zip(names, row, strict=True)) for row in rows)
